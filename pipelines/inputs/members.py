"""The decompressed bytes of a web archive, with its damage marked instead of raised.

`.warc.gz` files are one gzip member per record so that a reader can go on after a broken one; common readers
stop at the first. Here a broken member ends a *segment*: the bytes that came out of it are given, then a `Damage`,
then reading goes on at the next member that opens with a record. Memory is bounded: output comes in pieces.
"""

import io
import re
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from pipelines.inputs.decompression import Bounds, ByteStream, compression_of

PIECE_BYTES = 1 << 18
_PACKED_BYTES = 1 << 14  # looked at in one go; members of a few hundred bytes are common
_RETAINED_BYTES = 1 << 23  # compressed bytes of the current member kept to look for the next one in
_GZIP_MAGIC = b"\x1f\x8b\x08"
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


def pieces_of(stream: BinaryIO, *, bounds: Bounds) -> Iterator[Piece | Damage]:
    """Yields the decompressed content of `stream` (gzip, zstd, lz4 or plain, by its first bytes).

    The pieces in order are the decompressed stream that all offsets count in. After `stream_limit` or
    `expansion_limit` nothing more comes. Only gzip archives are read on after damage.
    """
    source = _Source(stream)
    compression = compression_of(source.peek(4))
    if compression == "gzip":
        yield from _bounded(_gzip(source), source, bounds)
        return
    whole = ByteStream(cast(BinaryIO, source), compression, bounds)
    first = True
    for data in whole:
        yield Piece(data=data, starts_member=first)
        first = False
    for fault in whole.faults:
        yield Damage(reason=fault.reason, detail=fault.detail)


def _bounded(events: Iterator[Piece | Damage], source: "_Source", bounds: Bounds) -> Iterator[Piece | Damage]:
    given = 0
    for event in events:
        if isinstance(event, Piece):
            given += len(event.data)
            if given > bounds.stream_bytes:
                yield Damage(reason="stream_limit", detail=f"more than {bounds.stream_bytes} bytes decompressed")
                return
            if given > max(bounds.grace_bytes, bounds.expansion * source.tell()):
                detail = f"{given} bytes out of {source.tell()}: more than {bounds.expansion} to 1"
                yield Damage(reason="expansion_limit", detail=detail)
                return
        yield event


class _Source(io.RawIOBase):
    """The compressed stream with a buffer in front, so that bytes can be given back."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._pending = bytearray()
        self._read_bytes = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._read_bytes - len(self._pending)

    def read(self, size: int = PIECE_BYTES) -> bytes:
        if self._pending or size == 0:
            data = bytes(self._pending[:size])
            del self._pending[:size]
            return data
        data = self._stream.read(size)
        self._read_bytes += len(data)
        return data

    def give_back(self, data: bytes | bytearray) -> None:
        self._pending[:0] = data

    def peek(self, size: int) -> bytes:
        while len(self._pending) < size:
            data = self._stream.read(PIECE_BYTES)
            if not data:
                break
            self._read_bytes += len(data)
            self._pending += data
        return bytes(self._pending[:size])


def _gzip(source: _Source) -> Iterator[Piece | Damage]:
    while source.peek(1):
        head = source.peek(4)
        if not _GZIP_MEMBER.match(head) and not (len(head) > 1 and _GZIP_MAGIC.startswith(head)):
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


def _gzip_member(source: _Source) -> Generator[Piece, None, Damage | None]:
    """Yields the content of the member at the source's position; returns the Damage that ended it, or None."""
    inflate = zlib.decompressobj(wbits=31)
    retained, first = bytearray(), True
    while not inflate.eof:
        packed = source.peek(_PACKED_BYTES)
        try:
            data = inflate.decompress(packed, PIECE_BYTES)
        except zlib.error as error:
            source.give_back(retained)
            source.read(1)
            reason = "checksum_wrong" if "data check" in str(error) else "damaged_compression"
            return Damage(reason=reason, detail=f"gzip: {error}", at_border=first)
        if data:
            yield Piece(data=data, starts_member=first)
            first = False
        elif not packed:
            source.give_back(retained[1:])
            return Damage(reason="truncated", detail="the file ends inside a gzip member", at_border=first)
        # At the end of a member zlib may leave the same bytes in both.
        beyond = inflate.unused_data if inflate.eof else inflate.unconsumed_tail
        retained += source.read(len(packed) - len(beyond))
        del retained[:-_RETAINED_BYTES]
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
