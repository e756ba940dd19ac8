"""How to read one Parquet row group in bounded memory, from what its page headers claim.

The bomb that page sizes do not show is a dictionary: a page of a few bytes of indices can repeat one large value a
million times. A column of indices alone is therefore read as a dictionary, which is never expanded as a whole. One
that also has plain pages (writers give up large dictionaries) is read as strings: as a dictionary, all its values
would stay in memory to the end of the row group. It is read in steps of as many rows as its longest value allows.
"""

from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow.parquet as pq

from pipelines.inputs.parquet_pages import BadPage, Chunk, Page, RowGroup, longest_value, pages_of

MAX_NESTED_VALUES = 1 << 24
"""Values of a nested column in one row group: a row cannot be read in parts, and each value takes memory."""
STEP_BYTES = 1 << 26
"""Decoded bytes that one step of reading aims below."""
_MAX_STEP_ROWS = 1 << 13


class PageTooLarge(Exception):
    """A page above the limit; it is not decompressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupBounds:
    """How to read a row group.

    Attributes:
        step_rows: rows at a time.
        dictionaries: paths of leaf columns to read as dictionaries.
        num_nested: values of each nested top-level column.
    """

    step_rows: int
    dictionaries: tuple[str, ...]
    num_nested: Counter[str]


@dataclass(slots=True, kw_only=True)
class _Column:
    num_values: int = 0
    row_bytes: float = 1.0  # of plain pages, on average in the densest page
    dictionary: Page | None = None
    has_plain: bool = False


def bounds_of(raw: BinaryIO, schema: pq.ParquetSchema, group: RowGroup, *, max_page_bytes: int) -> GroupBounds:
    """Reads every page header of the row group.

    Raises:
        BadPage: a header is damaged, or the row group has other columns than the schema.
        PageTooLarge: a page claims more than `max_page_bytes`.
    """
    if len(group.chunks) != len(schema):
        raise BadPage(f"a row group of {len(group.chunks)} columns, expected {len(schema)}")
    num_nested: Counter[str] = Counter()
    dictionaries: list[str] = []
    densest = 1.0
    for index, chunk in enumerate(group.chunks):
        leaf = schema.column(index)
        column = _column(raw, chunk, leaf.path, max_page_bytes)
        is_nested = leaf.max_repetition_level > 0
        if is_nested:
            num_nested[leaf.path.split(".")[0]] += column.num_values
        if leaf.physical_type == "BYTE_ARRAY" and (is_nested or not column.has_plain):
            dictionaries.append(leaf.path)
        elif leaf.physical_type == "BYTE_ARRAY" and column.dictionary is not None:
            densest = max(densest, longest_value(raw, chunk, column.dictionary))
        densest = max(densest, column.row_bytes)
    step_rows = max(1, min(_MAX_STEP_ROWS, int(STEP_BYTES / densest)))
    return GroupBounds(step_rows=step_rows, dictionaries=tuple(dictionaries), num_nested=num_nested)


def _column(raw: BinaryIO, chunk: Chunk, path: str, max_page_bytes: int) -> _Column:
    column = _Column()
    for page in pages_of(raw, chunk):
        if page.bytes > max_page_bytes:
            raise PageTooLarge(f"a page of {page.bytes} bytes in column {path!r}")
        column.num_values += page.num_values
        if page.is_dictionary:
            column.dictionary = page
        elif not page.is_indices:
            column.has_plain = True
            column.row_bytes = max(column.row_bytes, page.bytes / max(page.num_values, 1))
    return column
