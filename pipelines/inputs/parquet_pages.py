"""The page headers of a Parquet column chunk: what its pages truly claim, before anything is decompressed.

The sizes in a file's footer are what its writer says; the decoder allocates what each page header says. Headers are
Thrift structs in the compact protocol (parquet-format, `PageHeader`; Thrift "compact protocol" specification).
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_HEADER_READ_BYTES = 1 << 13
_MAX_HEADER_BYTES = 1 << 22  # statistics in it may hold long values
_MAX_DEPTH = 16
_MAX_VARINT_BYTES = 10
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_LONG_LIST = 15
_DICTIONARY_PAGE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Sizes in bytes as the page's header has them; a dictionary page holds no rows."""

    packed_bytes: int
    bytes: int
    num_values: int
    is_dictionary: bool


class BadPage(Exception):
    """A page header that cannot be parsed, or that leads out of its chunk."""


def pages_of(raw: BinaryIO, *, start: int, length: int) -> Iterator[Page]:
    """Yields the pages of the column chunk at `[start, start + length)`.

    Raises:
        BadPage: a header is damaged, or the chunk is not in the file.
    """
    position, end = start, start + length
    if start < 0 or length < 0 or end > raw.seek(0, os.SEEK_END):
        raise BadPage(f"a column chunk of {length} bytes at {start}, which is not in the file")
    while position < end:
        raw.seek(position)
        header, size = _header(raw, min(end - position, _MAX_HEADER_BYTES))
        kind, whole, packed = (_number(header.get(field)) for field in (1, 2, 3))
        inner = next((header[field] for field in (5, 7, 8) if isinstance(header.get(field), dict)), {})
        num_values = _number(inner.get(1)) if isinstance(inner, dict) else 0
        if packed < 0 or whole < 0 or num_values < 0:
            raise BadPage("a page header with a negative size")
        yield Page(packed_bytes=packed, bytes=whole, num_values=num_values, is_dictionary=kind == _DICTIONARY_PAGE)
        position += size + packed


def _header(raw: BinaryIO, limit: int) -> tuple[dict[int, object], int]:
    """Returns the fields of the struct at the stream's position, and its length in bytes."""
    data = b""
    while True:
        more = raw.read(min(max(_HEADER_READ_BYTES, len(data)), limit - len(data)))
        data += more
        compact = _Compact(data)
        try:
            return compact.struct(0), compact.at
        except IndexError:
            if not more:
                raise BadPage("a page header that does not end") from None


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


class _Compact:
    """Reads Thrift's compact protocol; IndexError where `data` ends early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def struct(self, depth: int) -> dict[int, object]:
        if depth > _MAX_DEPTH:
            raise BadPage("a page header nested too deep")
        fields: dict[int, object] = {}
        number = 0
        while opening := self._byte():
            number = number + (opening >> 4) if opening >> 4 else self._zigzag()
            fields[number] = self._value(opening & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> object:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_BYTE, _DOUBLE, _BINARY):
            self._skip(self._varint() if kind == _BINARY else 1 if kind == _BYTE else 8)
        elif kind in (_LIST, _SET):
            self._list(depth)
        else:
            raise BadPage(f"a page header with a field of type {kind}")
        return None

    def _list(self, depth: int) -> None:
        opening = self._byte()
        size = opening >> 4 if opening >> 4 < _LONG_LIST else self._varint()
        for _ in range(size):
            # A bool in a list takes a byte, as a field it is in the type.
            self._skip(1) if opening & 15 in (_TRUE, _FALSE) else self._value(opening & 15, depth + 1)

    def _byte(self) -> int:
        value = self._data[self.at]
        self.at += 1
        return value

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise IndexError

    def _varint(self) -> int:
        value = 0
        for index in range(_MAX_VARINT_BYTES):
            byte = self._byte()
            value |= (byte & 0x7F) << 7 * index
            if byte < 0x80:  # noqa: PLR2004 - the continuation bit
                return value
        raise BadPage("a number of more than 64 bits in a page header")

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
