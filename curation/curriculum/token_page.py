"""Where the token ids of a row group lie in a Parquet file, proved from its page header.

The header is a Thrift compact struct (parquet-format, `PageHeader`); only the few fields that matter are read,
within the bounds of the bytes given. The writer asserts this layout and the reader asserts it again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow.parquet as pq

HEADER_BYTES = 1 << 10
"""A page header without statistics takes about 32 bytes."""

DATA_PAGE, PLAIN = 0, 0
MAX_NESTING = 8
VARINT_BITS = 64

_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _STRUCT = 0, 1, 2, 3, 4, 5, 6, 7, 8, 12


class LayoutError(ValueError):
    """The token column of a row group is not one plain, uncompressed page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageHeader:
    """What a data page says of itself; `num_bytes` is the length of the header."""

    page_type: int
    page_bytes: int
    crc32: int | None
    num_values: int
    encoding: int
    num_bytes: int


def token_page(
    group: pq.RowGroupMetaData, read_at: Callable[[int, int], bytes], *, width: int
) -> tuple[int, int | None]:
    """Returns the file offset of the first token byte of a row group, and the CRC-32 its page declares.

    Args:
        group: metadata of the row group; its first column is `tokens`.
        read_at: returns at most `length` bytes of the file from `offset`.
        width: bytes of one row.

    Raises:
        LayoutError: the column is not one PLAIN, uncompressed, dictionary-free page of `num_rows * width` bytes.
    """
    chunk = group.column(0)
    if chunk.path_in_schema != "tokens" or chunk.compression != "UNCOMPRESSED" or chunk.has_dictionary_page:
        raise LayoutError(f"expected an uncompressed, plain column 'tokens', found {chunk.path_in_schema!r}")
    start, size = chunk.data_page_offset, chunk.total_compressed_size
    header = parse_page_header(read_at(start, min(HEADER_BYTES, size)))
    wanted = group.num_rows * width
    found = (header.page_type, header.encoding, header.num_values, header.page_bytes, header.num_bytes + wanted)
    if found != (DATA_PAGE, PLAIN, group.num_rows, wanted, size):
        raise LayoutError(f"expected one plain page of {wanted} bytes in {size}, found {header}")
    return start + header.num_bytes, header.crc32


def parse_page_header(data: bytes) -> PageHeader:
    """Returns the header at the start of `data`.

    Raises:
        LayoutError: it is cut off, or no v1 data page.
    """
    cursor = _Cursor(data)
    fields = cursor.struct(0)
    page = fields.get(5)
    if not isinstance(page, dict):
        raise LayoutError("expected a v1 data page, found another kind")
    sizes = {_number(fields, 2), _number(fields, 3)}
    return PageHeader(
        page_type=_number(fields, 1),
        page_bytes=sizes.pop() if len(sizes) == 1 else -1,
        crc32=_number(fields, 4) & 0xFFFFFFFF if isinstance(fields.get(4), int) else None,  # signed in Thrift
        num_values=_number(page, 1),
        encoding=_number(page, 2),
        num_bytes=cursor.position,
    )


Struct = dict[int, "int | bytes | Struct"]


def _number(fields: Struct, number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int):
        raise LayoutError(f"expected a number in field {number} of the page header, found {value!r}")
    return value


class _Cursor:
    """Reads Thrift compact values from bytes, never beyond their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def take(self, count: int) -> bytes:
        """Returns the next `count` bytes."""
        end = self.position + count
        if count < 0 or end > len(self._data):
            raise LayoutError("the page header is cut off")
        piece = self._data[self.position : end]
        self.position = end
        return piece

    def varint(self) -> int:
        """Returns the next unsigned LEB128 number."""
        value = 0
        for shift in range(0, VARINT_BITS, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004  the top bit says that more follows
                return value
        raise LayoutError("a number in the page header has more than 64 bits")

    def zigzag(self) -> int:
        """Returns the next signed number."""
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def value(self, kind: int, depth: int) -> "int | bytes | Struct":
        """Returns the next value of Thrift compact type `kind`."""
        if kind in (_TRUE, _FALSE):
            return int(kind == _TRUE)
        if kind == _BYTE:
            return self.take(1)[0]
        if kind in (_I16, _I32, _I64):
            return self.zigzag()
        if kind == _DOUBLE:
            return self.take(8)
        if kind == _BINARY:
            return self.take(self.varint())
        if kind == _STRUCT and depth < MAX_NESTING:
            return self.struct(depth + 1)
        raise LayoutError(f"unexpected Thrift type {kind} in the page header")

    def struct(self, depth: int) -> Struct:
        """Returns the fields of the next struct by number."""
        fields: Struct = {}
        number = 0
        while (head := self.take(1)[0]) != _STOP:
            number = number + (head >> 4) if head >> 4 else self.zigzag()
            fields[number] = self.value(head & 0x0F, depth)
        return fields
