"""The decompressed bytes of a web archive, with its damage marked instead of raised.

`.warc.gz` files are one gzip member per record so that a reader can go on after a broken one; common readers
stop at the first. Here a broken member ends a *segment*: the bytes that came out of it are given, then a `Damage`,
then reading goes on at the next member that opens with a record. Memory is bounded: output comes in pieces.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import zstandard

PIECE_BYTES = 1 << 18
MAX_ZSTD_WINDOW = 1 << 27  # 128 MiB, what `zstd -d` accepts without --long
MIN_BOMB_BYTES = 1 << 24  # expansion is not judged below this output
_RETAINED_BYTES = 1 << 23  # compressed bytes of the current member kept to look for the next one in
_GZIP_MEMBER = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]", re.S)
_RECORD_START = re.compile(rb"WARC/\d|(?:https?|ftp|dns|filedesc|screenshot|urn|file):")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Decompressed bytes; `starts_member`: they are the first of a compressed member (or of the file)."""

    data: bytes
    starts_member: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What ended a segment: a dead-letter reason, and what was found.

    `at_border`: no byte came out of what is damaged, so all bytes given before are from whole members.
    """

    reason: str
    detail: str
    at_border: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where reading one file stops: decompressed bytes, and decompressed : compressed ratio."""

    stream_bytes: int
    expansion: int


def pieces_of(stream: BinaryIO, *, bounds: Bounds) -> Iterator[Piece | Damage]:
    """Yields the decompressed content of `stream` (gzip, zstd, lz4 or plain, by its first bytes).

    The pieces in order are the decompressed stream that all offsets count in. After `stream_too_large` or
    `expansion` nothing more comes.
    """
    source = _Source(stream)
    given = 0
    for event in _decompressed(source):
        yield event
        if isinstance(event, Piece):
            given += len(event.data)
            if given > bounds.stream_bytes:
                yield Damage(reason="stream_too_large", detail=f"more than {bounds.stream_bytes} bytes decompressed")
                return
            if given > max(MIN_BOMB_BYTES, bounds.expansion * source.read_bytes):
                yield Damage(reason="expansion", detail=f"{given} bytes out of {source.read_bytes}")
                return


class _Source:
    """The compressed stream with a buffer in front, so that bytes can be given back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._pending = bytearray()
        self.read_bytes = 0
        self.closed = False

    def read(self, size: int = PIECE_BYTES) -> bytes:
        if self._pending:
            data = bytes(self._pending[:size])
            del self._pending[:size]
            return data
        data = self._stream.read(size)
        self.read_bytes += len(data)
        return data

    def close(self) -> None:
        """The caller owns the stream: nothing to do."""

    def readable(self) -> bool:
        return True

    def give_back(self, data: bytes | bytearray) -> None:
        self._pending[:0] = data

    def peek(self, size: int) -> bytes:
        while len(self._pending) < size:
            data = self._stream.read(PIECE_BYTES)
            if not data:
                break
            self.read_bytes += len(data)
            self._pending += data
        return bytes(self._pending[:size])


def _decompressed(source: _Source) -> Iterator[Piece | Damage]:
    head = source.peek(4)
    if head.startswith(b"\x1f\x8b"):
        yield from _gzip(source)
    elif head == b"\x28\xb5\x2f\xfd":
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW)
        yield from _whole(decompressor.stream_reader(source, read_across_frames=True))
    elif head == b"\x04\x22\x4d\x18":
        yield from _lz4(source)
    else:
        yield from _whole(source)


def _whole(reader: "_Source | zstandard.ZstdDecompressionReader") -> Iterator[Piece | Damage]:
    first = True
    while True:
        try:
            data = reader.read(PIECE_BYTES)
        except (zstandard.ZstdError, OSError) as error:
            yield Damage(reason="damaged_compression", detail=str(error))
            return
        if not data:
            return
        yield Piece(data=data, starts_member=first)
        first = False


def _gzip(source: _Source) -> Iterator[Piece | Damage]:
    while source.peek(1):
        head = source.peek(4)
        if not _GZIP_MEMBER.match(head):
            if _only_zeros(source):
                return
            yield Damage(
                reason="garbage_between_members", detail=f"expected a gzip member, found {head!r}", at_border=True
            )
            if not _seek_member(source):
                return
        damage = yield from _gzip_member(source)
        if damage is not None:
            yield damage
            if not _seek_member(source):
                return


def _gzip_member(source: _Source) -> Iterator[Piece]:  # type: ignore[misc]
    """Yields the content of the member at the source's position; returns the Damage that ended it, or None."""
    inflate = zlib.decompressobj(wbits=31)
    retained, first = bytearray(), True
    while not inflate.eof:
        packed = source.read()
        if not packed:
            source.give_back(retained[1:])
            return Damage(reason="truncated", detail="the file ends inside a gzip member", at_border=first)
        retained += packed
        del retained[:-_RETAINED_BYTES]
        while packed and not inflate.eof:
            try:
                data = inflate.decompress(packed, PIECE_BYTES)
            except zlib.error as error:
                source.give_back(retained[1:])
                return Damage(reason="damaged_compression", detail=str(error), at_border=first)
            packed = inflate.unconsumed_tail
            if data:
                yield Piece(data=data, starts_member=first)
                first = False
    source.give_back(inflate.unused_data)
    return None


def _only_zeros(source: _Source) -> bool:
    """Tells whether only zero padding is left, as tape blocks have; takes it."""
    while data := source.read():
        if data.strip(b"\x00"):
            source.give_back(data.lstrip(b"\x00"))
            return False
    return True


def _seek_member(source: _Source) -> bool:
    """Moves to the next gzip member whose content opens with a record; False at the end of the file."""
    while window := source.peek(2 * PIECE_BYTES):
        last = len(window) < 2 * PIECE_BYTES
        for match in _GZIP_MEMBER.finditer(window, 0, len(window) if last else PIECE_BYTES + 3):
            if _opens_record(window[match.start() : match.start() + PIECE_BYTES]):
                source.read(match.start())
                return True
        source.read(len(window) if last else PIECE_BYTES)
    return False


def _opens_record(packed: bytes) -> bool:
    try:
        return bool(_RECORD_START.match(zlib.decompressobj(wbits=31).decompress(packed, 64)))
    except zlib.error:
        return False


def _lz4(source: _Source) -> Iterator[Piece | Damage]:
    """LZ4 frames by Arrow, which goes on over frame borders but tells of damage only as a failure."""
    reader = pa.CompressedInputStream(pa.PythonFile(source, mode="r"), "lz4")
    first = True
    while True:
        try:
            data = reader.read(PIECE_BYTES)
        except OSError as error:
            yield Damage(reason="damaged_compression", detail=str(error))
            return
        if not data:
            return
        yield Piece(data=data, starts_member=first)
        first = False
