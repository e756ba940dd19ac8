"""Parquet to rows, row group by row group, with bounded memory whatever the file claims.

Offsets are row numbers. String columns are read as dictionaries, so that a page of a few bytes that repeats one large
value a million times is not expanded; rows are then taken in slices by their bytes. Page headers are checked
before a page is decompressed, and a nested column that claims too many values is left out of `extra`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.inputs.accounts import Accounts
from pipelines.inputs.files import InputFile
from pipelines.inputs.open import as_arrow, open_raw
from pipelines.inputs.parquet_pages import BadPage, pages_of
from pipelines.inputs.parquet_rows import is_text, rows_of
from pipelines.inputs.rows import MAX_BATCH_BYTES, Origin
from pipelines.spec import Limits

MAX_NESTED_VALUES = 1 << 24
"""Values of a nested column in one row group: a row cannot be read in parts, and each value takes memory."""
_BUFFER_BYTES = 1 << 20
_READ_BYTES = 1 << 28  # decoded bytes that one step of reading aims below
_MAX_READ_ROWS = 1 << 13
_DAMAGE = (OSError, pa.ArrowException, ValueError, BadPage)  # what Arrow raises for damaged files


class _Refused(Exception):
    """A row group or file that must not be read; `reason` is a dead-letter reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    index: int
    start: int
    num_rows: int


def read_parquet(
    raw: BinaryIO, rows: tuple[int, int | None], origin: Origin, limits: Limits, accounts: Accounts
) -> Iterator[pa.RecordBatch]:
    """Yields READ batches of the row groups that start in `rows`; damage costs a row group, not the file."""
    path, (start, end) = origin.file.path, rows
    try:
        file = _opened(raw, origin)
        groups = _groups(file)
        total = sum(group.num_rows for group in groups)
        _check_rows(total, origin.file, limits)
    except _DAMAGE as error:
        accounts.dead_letter(path, 0, 0, "bad_parquet", str(error))
        accounts.end(path, 0)
        return
    except _Refused as refused:
        accounts.dead_letter(path, 0, 0, refused.reason, refused.detail)
        accounts.end(path, 0)
        return
    for group in groups:
        if start <= group.start and (end is None or group.start < end):
            yield from _read_group(file, raw, group, origin, limits, accounts)
    if end is None:
        accounts.end(path, total)


def row_group_starts(file: InputFile, *, aim_bytes: int, limits: Limits) -> list[int]:
    """Returns the first rows of runs of row groups of about `aim_bytes` (stored); `[0]` for a damaged file."""
    starts, weight, row = [0], 0, 0
    try:
        with open_raw(file) as raw:
            metadata = pq.ParquetFile(as_arrow(raw), pre_buffer=False).metadata
            _check_rows(metadata.num_rows, file, limits)
            for index in range(metadata.num_row_groups):
                group = metadata.row_group(index)
                size = sum(group.column(column).total_compressed_size for column in range(group.num_columns))
                if weight and weight + size > aim_bytes and row > starts[-1]:
                    starts.append(row)
                    weight = 0
                weight += size
                row += group.num_rows
    except (*_DAMAGE, _Refused):
        return [0]
    return starts


def _opened(raw: BinaryIO, origin: Origin) -> pq.ParquetFile:
    plain = pq.ParquetFile(as_arrow(raw), pre_buffer=False)
    schema = plain.schema_arrow
    strings = [
        plain.schema.column(index).path
        for index in range(len(plain.schema))
        if plain.schema.column(index).physical_type == "BYTE_ARRAY"
    ]
    raw.seek(0)
    file = pq.ParquetFile(as_arrow(raw), read_dictionary=strings, pre_buffer=False, buffer_size=_BUFFER_BYTES)
    _check_text_column(schema, origin.given.columns.text)
    return file


def _check_text_column(schema: pa.Schema, name: str) -> None:
    found = schema.get_all_field_indices(name)
    if len(found) != 1:
        problem = "text_missing" if not found else "duplicate_column"
        raise _Refused(problem, f"expected one column {name!r}, found {', '.join(schema.names)[:120]}")
    if not is_text(schema.field(found[0]).type):
        raise _Refused("text_not_string", f"expected column {name!r} as string, found {schema.field(found[0]).type}")


def _groups(file: pq.ParquetFile) -> list[_Group]:
    groups, row = [], 0
    for index in range(file.metadata.num_row_groups):
        num_rows = file.metadata.row_group(index).num_rows
        if num_rows < 0:
            raise ValueError(f"row group {index} has {num_rows} rows")
        groups.append(_Group(index=index, start=row, num_rows=num_rows))
        row += num_rows
    return groups


def _check_rows(num_rows: int, file: InputFile, limits: Limits) -> None:
    """A row takes no byte where values repeat, so a file of 1 kB can claim 10^18 of them."""
    if num_rows > max(file.bytes, 0) * limits.expansion:
        raise _Refused("expansion_limit", f"{num_rows} rows in {file.bytes} bytes: more than {limits.expansion} to 1")


def _read_group(
    file: pq.ParquetFile, raw: BinaryIO, group: _Group, origin: Origin, limits: Limits, accounts: Accounts
) -> Iterator[pa.RecordBatch]:
    path, row, end = origin.file.path, group.start, group.start + group.num_rows
    try:
        names, step = _readable(file, raw, group, origin, limits, accounts)
        batches = file.iter_batches(batch_size=step, row_groups=[group.index], columns=names, use_threads=False)
        while (batch := next(batches, None)) is not None and row < end:
            batch = batch.slice(0, end - row)
            row += batch.num_rows
            yield from rows_of(
                batch, row - batch.num_rows, origin, accounts,
                max_bytes=limits.record_bytes, batch_bytes=min(limits.batch_bytes, MAX_BATCH_BYTES),
            )  # fmt: skip
    except _DAMAGE as error:
        accounts.dead_letter(path, row, end - row, "bad_parquet", str(error))
    except _Refused as refused:
        accounts.dead_letter(path, row, end - row, refused.reason, refused.detail)
    else:
        if row < end:
            accounts.dead_letter(path, row, end - row, "bad_parquet", f"the row group ends {end - row} rows early")


def _readable(
    file: pq.ParquetFile, raw: BinaryIO, group: _Group, origin: Origin, limits: Limits, accounts: Accounts
) -> tuple[list[str], int]:
    """Checks every page header of the row group; returns the columns to read and how many rows at a time."""
    metadata = file.metadata.row_group(group.index)
    values_of: dict[str, int] = {}
    densest = 1.0
    for index in range(metadata.num_columns):
        column = metadata.column(index)
        start = column.data_page_offset
        if column.has_dictionary_page and column.dictionary_page_offset:
            start = min(start, column.dictionary_page_offset)
        top = column.path_in_schema.split(".")[0] if file.schema.column(index).max_repetition_level else None
        for page in pages_of(raw, start=start, length=column.total_compressed_size):
            if page.bytes > 4 * limits.record_bytes:
                raise _Refused("expansion_limit", f"a page of {page.bytes} bytes in column {column.path_in_schema!r}")
            if not page.is_dictionary and page.num_values:
                densest = max(densest, page.bytes / page.num_values)
            if top is not None:
                values_of[top] = values_of.get(top, 0) + page.num_values
    names = _names(file.schema_arrow, origin)
    for name in [name for name in names if values_of.get(name, 0) > MAX_NESTED_VALUES]:
        detail = f"column {name!r} with {values_of[name]} values in {group.num_rows} rows is not kept in `extra`"
        accounts.dead_letter(origin.file.path, group.start, 0, "column_left_out", detail)
        names.remove(name)
    return names, max(1, min(_MAX_READ_ROWS, int(_READ_BYTES / densest)))


def _names(schema: pa.Schema, origin: Origin) -> list[str]:
    """Returns the columns to read: each name once (a doubled one has no one value, so it is left out)."""
    return [name for name in dict.fromkeys(schema.names) if len(schema.get_all_field_indices(name)) == 1]
