"""The blocks of a zstd stream (RFC 8878, section 3.1), cut out so that a decoder can be fed one at a time.

A block makes at most 128 KiB of output, so memory stays bounded whatever the ratio, and a stream that ends
inside a frame is known to be cut.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAX_WINDOW_BYTES = 1 << 27
"""128 MiB: what `zstd -d` accepts without --long. A larger window is refused: a decoder must allocate it."""
_MAGIC = 0xFD2FB528
_SKIPPABLE_MAGIC = 0x184D2A50
_MAX_BLOCK_BYTES = 1 << 17
_RESERVED_BIT, _CHECKSUM_BIT, _SINGLE_SEGMENT_BIT = 0x08, 0x04, 0x20
_RLE, _RESERVED_BLOCK = 1, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Bytes to feed to a decoder; `starts_frame`: to a new one."""

    data: bytes
    starts_frame: bool


class BadFrame(Exception):
    """The stream cannot be read on; `reason` is a dead-letter reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class _Source:
    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._buffer = b""
        self._at = 0  # an index, not a copy of the rest: blocks can be three bytes long

    def at_end(self) -> bool:
        if self._at == len(self._buffer):
            self._buffer, self._at = self._read(), 0
        return not self._buffer

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._buffer):
            return self._take_more(size)
        data, self._at = self._buffer[self._at : end], end
        return data

    def _take_more(self, size: int) -> bytes:
        parts, missing = [self._buffer[self._at :]], size - (len(self._buffer) - self._at)
        while missing > 0:
            self._buffer, self._at = self._read(), missing
            if not self._buffer:
                raise BadFrame("truncated", "the file ends inside a zstd frame")
            parts.append(self._buffer[:missing])
            missing -= len(parts[-1])
        self._at = len(parts[-1])
        return b"".join(parts)

    def skip(self, size: int) -> None:
        while size:
            size -= len(self.take(min(size, max(len(self._buffer) - self._at, 1))))


def zstd_blocks(read: Callable[[], bytes]) -> Iterator[Block]:
    """Yields header, blocks and checksum of every frame; skippable frames are passed over.

    Args:
        read: gives the next bytes of the stream, empty at its end.

    Raises:
        BadFrame: damage (`damaged_compression`, `truncated`), a window that is too large (`zstd_window`), a frame that
            needs a dictionary (`zstd_dictionary`), or something else after the last frame (`trailing_garbage`).
    """
    source, num_frames = _Source(read), 0
    while not source.at_end():
        magic = source.take(4)
        number = int.from_bytes(magic, "little")
        if number & 0xFFFFFFF0 == _SKIPPABLE_MAGIC:
            source.skip(int.from_bytes(source.take(4), "little"))
        elif number == _MAGIC:
            yield from _frame(source, magic)
        else:
            reason = "trailing_garbage" if num_frames else "damaged_compression"
            raise BadFrame(reason, f"expected a zstd frame, found {magic!r}")
        num_frames += 1


def _frame(source: _Source, magic: bytes) -> Iterator[Block]:
    header = source.take(1)
    descriptor = header[0]
    header += source.take(_header_bytes(descriptor))
    _check_header(header)
    yield Block(data=magic + header, starts_frame=True)
    last = False
    while not last:
        opening = source.take(3)
        number = int.from_bytes(opening, "little")
        last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
        if kind == _RESERVED_BLOCK or size > _MAX_BLOCK_BYTES:
            raise BadFrame(
                "damaged_compression", f"expected a zstd block of at most 128 KiB, found type {kind}, {size} bytes"
            )
        yield Block(data=opening + source.take(1 if kind == _RLE else size), starts_frame=False)
    if descriptor & _CHECKSUM_BIT:
        yield Block(data=source.take(4), starts_frame=False)


def _header_bytes(descriptor: int) -> int:
    """Returns the bytes of a frame header after its descriptor: window, dictionary id, content size."""
    single = bool(descriptor & _SINGLE_SEGMENT_BIT)
    content = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    return (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + content


def _check_header(header: bytes) -> None:
    descriptor = header[0]
    if descriptor & _RESERVED_BIT:
        raise BadFrame("damaged_compression", "a reserved bit of a zstd frame header is set")
    dictionary = (0, 1, 2, 4)[descriptor & 3]
    if descriptor & _SINGLE_SEGMENT_BIT:
        window = int.from_bytes(header[1 + dictionary :], "little") + (256 if descriptor >> 6 == 1 else 0)
        names_dictionary = any(header[1 : 1 + dictionary])
    else:
        base = 1 << (10 + (header[1] >> 3))
        window = base + base // 8 * (header[1] & 7)
        names_dictionary = any(header[2 : 2 + dictionary])
    if names_dictionary:
        raise BadFrame("zstd_dictionary", "expected a frame without a dictionary")
    if window > MAX_WINDOW_BYTES:
        raise BadFrame("zstd_window", f"expected a window of at most {MAX_WINDOW_BYTES} bytes, found {window}")
