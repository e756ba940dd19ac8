"""What the footer and the page headers of a Parquet file truly claim, before anything is decoded.

The decoder allocates what each page header says, whatever the footer says. Both are read here and not by pyarrow, which
shows no page headers and ends the whole process (an uncaught C++ exception, pyarrow 25) when asked for the column
metadata of some damaged footers. Field numbers: parquet-format, `parquet.thrift`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa

from pipelines.inputs.thrift_compact import BadStruct, Incomplete, Struct, read_struct

MAX_FOOTER_BYTES = 1 << 26
_HEADER_READ_BYTES = 1 << 13
_MAX_HEADER_BYTES = 1 << 22  # statistics in it may hold long values
_MAGIC = b"PAR1"
_DICTIONARY_PAGE = 2
_LENGTH_BYTES = 4
_CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_INDEX_ENCODINGS = (2, 8)  # PLAIN_DICTIONARY, RLE_DICTIONARY
_FOOTER = {4: {1: {3: {4: None, 7: None, 9: None, 11: None}}, 3: None}}
_PAGE_HEADER = {1: None, 2: None, 3: None, 5: {1: None, 2: None}, 7: {1: None}, 8: {1: None, 4: None}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """One column of one row group: where its pages are, in bytes of the file; the codec is parquet.thrift's number."""

    start: int
    length: int
    codec: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowGroup:
    """A row group: its first row, and one chunk per leaf column."""

    start: int
    num_rows: int
    chunks: tuple[Chunk, ...]

    @property
    def packed_bytes(self) -> int:
        """Bytes of all chunks as they are stored."""
        return sum(chunk.length for chunk in self.chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Sizes in bytes as the page's header has them; a dictionary page holds no rows.

    `is_indices`: the page holds indices into the dictionary, so its values may take any number of its bytes.
    """

    start: int  # of its content, in the file
    packed_bytes: int
    bytes: int
    num_values: int
    is_dictionary: bool
    is_indices: bool


class BadPage(Exception):
    """A footer or page header that cannot be parsed, or that leads out of the file."""


def row_groups(raw: BinaryIO) -> list[RowGroup]:
    """Returns the row groups that the footer lists.

    Raises:
        BadPage: the footer is damaged.
    """
    size = raw.seek(0, os.SEEK_END)
    raw.seek(max(size - 8, 0))
    tail = raw.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or not 0 < length <= min(size - 12, MAX_FOOTER_BYTES):
        raise BadPage(f"no footer: the file ends with {tail!r}")
    raw.seek(size - 8 - length)
    try:
        footer, _ = read_struct(raw.read(length), _FOOTER)
    except (BadStruct, Incomplete) as error:
        raise BadPage(f"the footer cannot be read: {error}") from None
    groups: list[RowGroup] = []
    row = 0
    for group in _structs(footer.get(4)):
        num_rows = _number(group.get(3))
        if num_rows < 0:
            raise BadPage(f"a row group of {num_rows} rows")
        chunks = tuple(_chunk(_struct(chunk.get(3)), size) for chunk in _structs(group.get(1)))
        groups.append(RowGroup(start=row, num_rows=num_rows, chunks=chunks))
        row += num_rows
    return groups


def pages_of(raw: BinaryIO, chunk: Chunk) -> Iterator[Page]:
    """Yields the pages of a column chunk.

    Raises:
        BadPage: a header is damaged.
    """
    position, end = chunk.start, chunk.start + chunk.length
    while position < end:
        raw.seek(position)
        header, size = _page_header(raw, min(end - position, _MAX_HEADER_BYTES))
        kind, whole, packed = (_number(header.get(field)) for field in (1, 2, 3))
        num_values = max(_number(_struct(header.get(field)).get(1)) for field in (5, 7, 8))
        if packed < 0 or whole < 0:
            raise BadPage("a page header with a negative size")
        encoding = _number(_struct(header.get(5)).get(2)) or _number(_struct(header.get(8)).get(4))
        yield Page(
            start=position + size,
            packed_bytes=packed,
            bytes=whole,
            num_values=num_values,
            is_dictionary=kind == _DICTIONARY_PAGE,
            is_indices=encoding in _INDEX_ENCODINGS,
        )
        position += size + packed


def longest_value(raw: BinaryIO, chunk: Chunk, page: Page) -> int:
    """Returns the bytes of the longest string in a dictionary page, or all of the page's where its codec is not known.

    Raises:
        BadPage: the page is damaged.
    """
    raw.seek(page.start)
    packed = raw.read(page.packed_bytes)
    name = _CODECS.get(chunk.codec)
    if chunk.codec and name is None:
        return page.bytes
    try:
        values = pa.Codec(name).decompress(packed, page.bytes, asbytes=True) if name else packed
    except (OSError, pa.ArrowException) as error:
        raise BadPage(f"a dictionary page cannot be decompressed: {error}") from None
    longest = position = 0
    while position + _LENGTH_BYTES <= len(values):  # PLAIN: each value after its length
        length = int.from_bytes(values[position : position + _LENGTH_BYTES], "little")
        longest = max(longest, length)
        position += _LENGTH_BYTES + length
    return min(longest, page.bytes)


def _page_header(raw: BinaryIO, limit: int) -> tuple[Struct, int]:
    data = b""
    while True:
        more = raw.read(min(max(_HEADER_READ_BYTES, len(data)), limit - len(data)))
        data += more
        try:
            return read_struct(data, _PAGE_HEADER)
        except BadStruct as error:
            raise BadPage(f"a page header cannot be read: {error}") from None
        except Incomplete:
            if not more:
                raise BadPage("a page header that does not end") from None


def _chunk(metadata: Struct, file_bytes: int) -> Chunk:
    start, length, dictionary = (_number(metadata.get(field)) for field in (9, 7, 11))
    # Some writers put 0 where there is no dictionary page.
    start = min(start, dictionary or start)
    if start < 0 or length < 0 or start + length > file_bytes:
        raise BadPage(f"a column chunk of {length} bytes at {start}, in a file of {file_bytes}")
    return Chunk(start=start, length=length, codec=_number(metadata.get(4)))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _struct(value: object) -> Struct:
    return value if isinstance(value, dict) else {}


def _structs(value: object) -> list[Struct]:
    return value if isinstance(value, list) else []
