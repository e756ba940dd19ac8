"""The decompressed bytes of a file in bounded pieces; damage is reported, and never costs bytes before it.

gzip is inflated with a copy of the state at hand, so that what comes before a broken byte is given to the last
byte; zstd is fed block by block (RFC 8878, at most 128 KiB each), since its library gives unbounded output for
one input and hides truncation. Where pieces are cut follows from the file alone.
"""

import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pyarrow as pa
import zstandard

from pipelines.inputs.files import Compression
from pipelines.inputs.open import as_arrow
from pipelines.inputs.zstd_frames import MAX_WINDOW_BYTES, BadFrame, zstd_blocks

PIECE_BYTES = 1 << 20
PACKED_BYTES = 1 << 17
_GZIP_MAGIC = b"\x1f\x8b\x08"
_MAGIC: tuple[tuple[bytes, Compression], ...] = (
    (_GZIP_MAGIC, "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_SKIPPABLE = tuple(bytes([0x50 + low, 0x2A, 0x4D, 0x18]) for low in range(16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where reading one file stops.

    Attributes:
        stream_bytes: decompressed bytes at most.
        expansion: decompressed : compressed ratio at most, judged above `grace_bytes`.
        grace_bytes: decompressed bytes below which no ratio is judged: no more than one record may have.
    """

    stream_bytes: int
    expansion: int
    grace_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Damage at `position` of the decompressed stream; `is_final`: nothing could be read after it."""

    reason: str
    detail: str
    position: int
    is_final: bool


def compression_of(head: bytes) -> Compression:
    """Returns the compression that the first bytes of a file show."""
    if head.startswith(_SKIPPABLE):
        return "zstd"
    return next((name for magic, name in _MAGIC if head.startswith(magic)), "none")


@dataclass(slots=True)
class ByteStream:
    """Pieces of decompressed bytes; read `faults` and `position` after iterating.

    Attributes:
        position: bytes given so far.
        faults: damage met so far; only the last can be final.
        unused_bytes: the last of the given bytes that belong to a record which the damage cut; set by who reads.
    """

    raw: BinaryIO
    compression: Compression
    bounds: Bounds
    position: int = 0
    faults: list[Fault] = field(default_factory=list)
    packed: int = 0
    unused_bytes: int = 0

    @property
    def broken(self) -> Fault | None:
        """The fault that ended the stream early, or None for a stream read to its end."""
        return self.faults[-1] if self.faults and self.faults[-1].is_final else None

    def __iter__(self) -> Iterator[bytes]:
        """Yields non-empty pieces of at most a few MiB, until the end, a final fault or a bound."""
        pieces = {"none": self._plain, "gzip": self._gzip, "zstd": self._zstd, "lz4": self._lz4}[self.compression]
        for piece in pieces():
            room = self.bounds.stream_bytes - self.position
            given = piece[:room] if len(piece) > room else piece
            self.position += len(given)
            if given:
                yield given
            if len(piece) > room:
                self._fault("stream_limit", f"more than {self.bounds.stream_bytes} bytes decompressed")
                return
            if self.compression != "none" and self.position > max(
                self.bounds.grace_bytes, self.bounds.expansion * self.packed
            ):
                detail = f"{self.position} bytes out of {self.packed}: more than {self.bounds.expansion} to 1"
                self._fault("expansion_limit", detail)
                return

    def _fault(self, reason: str, detail: str, *, is_final: bool = True) -> None:
        self.faults.append(Fault(reason=reason, detail=detail, position=self.position, is_final=is_final))

    def _read(self, size: int = PACKED_BYTES) -> bytes:
        data = self.raw.read(size)
        self.packed += len(data)
        return data

    def _filled(self, data: bytes, size: int) -> bytes:
        """Returns `data` with what follows it, until it has `size` bytes or the file ends."""
        while len(data) < size and (more := self._read()):
            data += more
        return data

    def _plain(self) -> Iterator[bytes]:
        while data := self._read(PIECE_BYTES):
            yield data

    def _gzip(self) -> Iterator[bytes]:
        pending = self._read()
        while pending:
            pending = self._filled(pending, len(_GZIP_MAGIC))
            if not pending.startswith(_GZIP_MAGIC):
                self._trailing(pending)
                return
            pending = yield from self._member(pending)
            pending = pending or self._read()

    def _member(self, pending: bytes) -> Generator[bytes, None, bytes]:
        """Yields the content of the gzip member that `pending` opens; returns what was read beyond it."""
        inflate = zlib.decompressobj(wbits=31)
        while not inflate.eof:
            pending = pending or self._read()
            if not pending:
                self._fault("truncated", "the file ends inside a gzip member")
                return b""
            before = inflate.copy()
            try:
                data = inflate.decompress(pending, PIECE_BYTES)
            except zlib.error as error:
                data, beyond = _salvaged(before, pending)
                if data:
                    yield data
                return self._after_error(error, beyond)
            pending = inflate.unconsumed_tail
            if data:
                yield data
        return inflate.unused_data

    def _after_error(self, error: zlib.error, beyond: bytes) -> bytes:
        if "length check" in str(error) or "data check" in str(error):
            self._fault("checksum_wrong", f"gzip: {error}", is_final=False)
            skip = 4 if "data check" in str(error) else 0  # the length field follows the checksum
            return self._filled(beyond, skip)[skip:]
        self._fault("damaged_compression", f"gzip: {error}")
        return b""

    def _trailing(self, data: bytes) -> None:
        """Reports what follows the last gzip member, unless it is the zero padding that tapes and some tools leave."""
        size, is_padding = 0, True
        while data:
            size, is_padding = size + len(data), is_padding and not data.strip(b"\0")
            data = self._read()
        if not is_padding:
            self._fault("trailing_garbage", f"{size} bytes after the last gzip member were not read", is_final=False)

    def _zstd(self) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
        frame = decompressor.decompressobj()
        try:
            for block in zstd_blocks(self._read):
                frame = decompressor.decompressobj() if block.starts_frame else frame
                data = frame.decompress(block.data)
                if data:
                    yield data
        except BadFrame as error:
            self._fault(error.reason, error.detail, is_final=error.reason != "trailing_garbage")
        except zstandard.ZstdError as error:
            self._fault("damaged_compression", str(error))

    def _lz4(self) -> Iterator[bytes]:
        reader = pa.CompressedInputStream(as_arrow(self.raw), "lz4")
        while True:
            try:
                data = reader.read(PACKED_BYTES)
                self.packed = self.raw.tell()
            except OSError as error:
                reason = "truncated" if "truncated" in str(error).lower() else "damaged_compression"
                self._fault(reason, str(error))
                return
            if not data:
                return
            yield data


def _salvaged(before: "zlib._Decompress", packed: bytes) -> tuple[bytes, bytes]:
    """Returns what `packed` decompresses to before its first bad byte, and the bytes after that one."""
    parts = []
    for index in range(len(packed)):
        try:
            parts.append(before.decompress(packed[index : index + 1]))
        except zlib.error:
            return b"".join(parts), packed[index + 1 :]
    return b"".join(parts), b""
