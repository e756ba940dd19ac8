"""Chosen fields of Thrift structs in the compact protocol, as Parquet's footers and page headers have them.

Source: Apache Thrift, "Thrift compact protocol encoding" (doc/specs/thrift-compact-protocol.md). Fields that are not
asked for are passed over, so memory follows from what is kept.
"""

from collections.abc import Mapping
from typing import Union

Wanted = Mapping[int, Union["Wanted", None]]
"""Field numbers to keep; a struct (or a list of structs) has its own fields under it, else None."""
Struct = dict[int, Union[int, "Struct", list["Struct"]]]

_MAX_DEPTH = 32
_MAX_VARINT_BYTES = 10
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_LONG_LIST = 15


class BadStruct(Exception):
    """Bytes that are no struct in the compact protocol."""


class Incomplete(Exception):
    """The data ends inside the struct."""


def read_struct(data: bytes, wanted: Wanted) -> tuple[Struct, int]:
    """Returns the wanted fields of the struct that `data` opens with, and its length in bytes.

    Raises:
        BadStruct: it is no struct.
        Incomplete: it is longer than `data`.
    """
    reader = _Reader(data)
    try:
        return reader.struct(wanted, 0), reader.at
    except IndexError:
        raise Incomplete(f"a struct of more than {len(data)} bytes") from None


class _Reader:
    """Raises IndexError where the data ends early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def struct(self, wanted: Wanted, depth: int) -> Struct:
        if depth > _MAX_DEPTH:
            raise BadStruct(f"more than {_MAX_DEPTH} levels")
        fields: Struct = {}
        number = 0
        while opening := self._byte():
            number = number + (opening >> 4) if opening >> 4 else self._zigzag()
            value = self._value(opening & 15, wanted.get(number) or {}, depth)
            if number in wanted and value is not None:
                fields[number] = value
        return fields

    def _value(self, kind: int, wanted: Wanted, depth: int) -> int | Struct | list[Struct] | None:
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == _STRUCT:
            return self.struct(wanted, depth + 1)
        if kind in (_LIST, _SET):
            return self._list(wanted, depth)
        if kind in (_BYTE, _DOUBLE, _BINARY):
            self._skip(self._varint() if kind == _BINARY else 1 if kind == _BYTE else 8)
        elif kind not in (_TRUE, _FALSE):  # whose value is in the type
            raise BadStruct(f"a field of type {kind}")
        return None

    def _list(self, wanted: Wanted, depth: int) -> list[Struct]:
        opening = self._byte()
        kind, size = opening & 15, opening >> 4 if opening >> 4 < _LONG_LIST else self._varint()
        if kind in (_TRUE, _FALSE, _BYTE):  # in a list, a bool takes a byte
            self._skip(size)
            return []
        kept: list[Struct] = []
        for _ in range(size):
            value = self._value(kind, wanted, depth + 1)
            if wanted and isinstance(value, dict):
                kept.append(value)
        return kept

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
        raise BadStruct("a number of more than 64 bits")

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
