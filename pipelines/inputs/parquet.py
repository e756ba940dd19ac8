"""Parquet to rows, row group by row group, with bounded memory whatever the file claims.

Offsets are row numbers. Page headers are checked before a page is decompressed; dictionaries are expanded by slices of
rows, whose bytes are known before (`parquet_weights.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import InputError
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.files import InputFile
from pipelines.inputs.open import as_arrow, open_raw
from pipelines.inputs.parquet_bounds import MAX_NESTED_VALUES, PageTooLarge, bounds_of
from pipelines.inputs.parquet_pages import BadPage, RowGroup, row_groups
from pipelines.inputs.parquet_rows import WeighedRows, is_text, rows_of
from pipelines.inputs.parquet_weights import row_weights, slices
from pipelines.inputs.rows import Origin, joined
from pipelines.spec import Limits

MAX_PAGE_RECORDS = 4
"""A page may be this many times `limits.record_bytes`: it holds at least one record, and writers aim at 1 MiB."""
ORIGINAL_BYTES = 16 << 20
"""Decoded bytes of a batch of `original_rows`."""
_BUFFER_BYTES = 1 << 20
_MAX_DEPTH = 100  # levels of nested columns; JSON is written to 254
_DAMAGE = (OSError, pa.ArrowException, ValueError, BadPage)  # what Arrow raises for damaged files


class _Refused(Exception):
    """A row group or file that cannot or must not be read; `reason` is a dead-letter reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    file: pq.ParquetFile
    raw: BinaryIO
    origin: Origin
    limits: Limits
    accounts: Accounts


def read_parquet(
    raw: BinaryIO, rows: tuple[int, int | None], origin: Origin, limits: Limits, accounts: Accounts
) -> Iterator[pa.RecordBatch]:
    """Yields READ batches of the row groups that start in `rows`; damage costs a row group, not the file."""
    path = origin.file.path
    try:
        source, groups = _source(raw, origin, limits, accounts)
    except _Refused as refused:
        accounts.dead_letter(path, 0, 0, refused.reason, refused.detail)
        accounts.end(path, 0)
        return
    for index, group in _starting_in(groups, rows):
        yield from joined(_read_group(source, index, group), batch_bytes=limits.batch_bytes)
    if rows[1] is None:
        accounts.end(path, sum(group.num_rows for group in groups))


def original_rows(
    raw: BinaryIO, rows: tuple[int, int | None], origin: Origin, limits: Limits
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yields (first row, rows with the file's own columns and types) of the row groups that start in `rows`.

    What `read_parquet` makes dead letters of as a whole is left out here too. How rows are batched follows from the
    file.

    Raises:
        InputError: a column has more values in a row group than can be read in bounded memory.
    """
    try:
        source, groups = _source(raw, origin, limits, Accounts(source=origin.source))
    except _Refused:
        return
    for index, group in _starting_in(groups, rows):
        with suppress(_Refused):
            for found in _weighed(source, index, group):
                for start, stop in slices(found.weight_N, ORIGINAL_BYTES):
                    yield found.first_row + start, _as_stored(found.batch.slice(start, stop - start), source)


def _as_stored(batch: pa.RecordBatch, source: _Source) -> pa.RecordBatch:
    schema = source.file.schema_arrow.remove_metadata()
    missing = [name for name in schema.names if name not in batch.schema.names]
    if missing:
        raise InputError(
            f"{source.origin.file.path}: column {missing[0]!r}: expected one column of that name with at most "
            f"{MAX_NESTED_VALUES} values in a row group, found more; rename it or write smaller row groups"
        )
    return pa.RecordBatch.from_arrays([batch[field.name].cast(field.type) for field in schema], schema=schema)


def _source(raw: BinaryIO, origin: Origin, limits: Limits, accounts: Accounts) -> tuple[_Source, list[RowGroup]]:
    with _as_refused():
        source = _Source(file=_opened(raw, origin), raw=raw, origin=origin, limits=limits, accounts=accounts)
        groups = row_groups(raw)
        _check_rows(sum(group.num_rows for group in groups), origin.file, limits)
    return source, groups


def _starting_in(groups: list[RowGroup], rows: tuple[int, int | None]) -> Iterator[tuple[int, RowGroup]]:
    start, end = rows
    for index, group in enumerate(groups):
        if start <= group.start and (end is None or group.start < end):
            yield index, group


def row_group_starts(file: InputFile, *, aim_bytes: int, limits: Limits) -> list[int]:
    """Returns the first rows of runs of row groups of about `aim_bytes` (stored); `[0]` for a damaged file."""
    try:
        with _as_refused(), open_raw(file) as raw:
            groups = row_groups(raw)
            _check_rows(sum(group.num_rows for group in groups), file, limits)
    except _Refused:
        return [0]
    starts, weight = [0], 0
    for group in groups:
        if weight and weight + group.packed_bytes > aim_bytes and group.start > starts[-1]:
            starts.append(group.start)
            weight = 0
        weight += group.packed_bytes
    return starts


@contextmanager
def _as_refused() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise _Refused("bad_parquet", str(error)) from None


def _opened(raw: BinaryIO, origin: Origin) -> pq.ParquetFile:
    plain = pq.ParquetFile(as_arrow(raw), pre_buffer=False)
    columns = [plain.schema.column(index) for index in range(len(plain.schema))]
    if any(column.path.count(".") > _MAX_DEPTH for column in columns):
        raise _Refused("too_deep", f"a column of more than {_MAX_DEPTH} levels")
    if origin.given.columns.is_conversation:
        _check_columns(plain.schema_arrow, origin.given.columns.content)
    else:
        _check_text_column(plain.schema_arrow, origin.given.columns.text)
    return plain


def _check_columns(schema: pa.Schema, names: tuple[str, ...]) -> None:
    for name in names:
        found = len(schema.get_all_field_indices(name))
        if found != 1:
            problem = "duplicate_column" if found else "messages_missing"
            raise _Refused(problem, f"expected one column {name!r}, found {', '.join(schema.names)[:120]}")


def _check_text_column(schema: pa.Schema, name: str) -> None:
    found = schema.get_all_field_indices(name)
    if len(found) != 1:
        problem = "text_missing" if not found else "duplicate_column"
        raise _Refused(problem, f"expected one column {name!r}, found {', '.join(schema.names)[:120]}")
    if not is_text(schema.field(found[0]).type):
        raise _Refused("text_not_string", f"expected column {name!r} as string, found {schema.field(found[0]).type}")


def _check_rows(num_rows: int, file: InputFile, limits: Limits) -> None:
    """A row takes no byte where values repeat, so a file of 1 kB can claim 10^18 of them."""
    if num_rows > max(file.bytes, 0) * limits.expansion:
        raise _Refused("expansion_limit", f"{num_rows} rows in {file.bytes} bytes: more than {limits.expansion} to 1")


def _read_group(source: _Source, index: int, group: RowGroup) -> Iterator[pa.RecordBatch]:
    path, row, end = source.origin.file.path, group.start, group.start + group.num_rows
    try:
        for rows in _weighed(source, index, group):
            row += rows.batch.num_rows
            yield from rows_of(rows, source.origin, source.accounts, source.limits)
        if row < end:
            raise _Refused("bad_parquet", f"the row group ends {end - row} rows early")
    except _Refused as refused:
        source.accounts.dead_letter(path, row, end - row, refused.reason, refused.detail)


def _weighed(source: _Source, index: int, group: RowGroup) -> Iterator[WeighedRows]:
    """Yields the rows of a row group, checked; at most as many as it has."""
    row, end = group.start, group.start + group.num_rows
    with _as_refused():
        batches = _opened_group(source, index, group)
    while row < end:
        with _as_refused():
            batch = next(batches, None)
            if batch is None:
                return
            batch = batch.slice(0, end - row)
            rows = WeighedRows(batch=batch, weight_N=row_weights(batch), first_row=row)
        yield rows
        row += batch.num_rows


def _opened_group(source: _Source, index: int, group: RowGroup) -> Iterator[pa.RecordBatch]:
    """Checks every page header of the row group, then opens it; a nested column of too many values is left out."""
    try:
        max_page_bytes = MAX_PAGE_RECORDS * source.limits.record_bytes
        bounds = bounds_of(source.raw, source.file.schema, group, max_page_bytes=max_page_bytes)
    except PageTooLarge as error:
        raise _Refused("expansion_limit", str(error)) from None
    names = _names(source.file.schema_arrow)
    for name in [name for name in names if bounds.num_nested[name] > MAX_NESTED_VALUES]:
        names.remove(name)
        detail = (
            f"column {name!r} with {bounds.num_nested[name]} values in {group.num_rows} rows is not kept in `extra`"
        )
        if source.origin.given.extra:
            source.accounts.dead_letter(source.origin.file.path, group.start, 0, "column_left_out", detail)
    file = pq.ParquetFile(
        as_arrow(source.raw),
        metadata=source.file.metadata,
        read_dictionary=bounds.dictionaries,
        pre_buffer=False,
        buffer_size=_BUFFER_BYTES,
    )
    batches: Iterator[pa.RecordBatch] = file.iter_batches(
        batch_size=bounds.step_rows, row_groups=[index], columns=names, use_threads=False
    )
    return batches


def _names(schema: pa.Schema) -> list[str]:
    """Returns the columns to read: each name once (a doubled one has no one value, so it is left out)."""
    return [name for name in dict.fromkeys(schema.names) if len(schema.get_all_field_indices(name)) == 1]
