"""A batch of Parquet rows to columns of READ: mapped columns typed, the others kept as JSON in `extra`."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.inputs.accounts import Accounts
from pipelines.inputs.parquet_weights import slices, weights
from pipelines.inputs.rows import REPLACED, Origin, read_batch, utc_time

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def rows_of(
    batch: pa.RecordBatch, first_row: int, origin: Origin, accounts: Accounts, *, max_bytes: int, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yields READ batches of at most about `batch_bytes`; rows that are no document go to `accounts`."""
    text = batch[origin.given.columns.text]
    length_N = weights(text)
    good_N = _sorted_out(text, length_N, first_row, origin, accounts, max_bytes)
    weight_N = sum((weights(column) for column in batch.columns), np.zeros(batch.num_rows, dtype=np.int64))
    row_N = np.flatnonzero(good_N)
    for start, stop in slices(weight_N[row_N], batch_bytes):
        chosen = row_N[start:stop]
        yield from _read_batch(batch.take(pa.array(chosen)), chosen + first_row, origin, accounts)


def is_text(kind: pa.DataType) -> bool:
    """Tells whether a column of this type can be the text: strings, or bytes to decode."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def _sorted_out(
    text: pa.Array, length_N: NDArray[np.int64], first_row: int, origin: Origin, accounts: Accounts, max_bytes: int
) -> NDArray[np.bool_]:
    """Accounts for rows without text or with too much of it; returns which rows are left."""
    path, null_N = origin.file.path, text.is_null().to_numpy(zero_copy_only=False)
    long_N = length_N > max_bytes
    empty_N = ~null_N & (length_N == 0)
    for row in np.flatnonzero(null_N).tolist():
        detail = f"expected a string in column {origin.given.columns.text!r}, found null"
        accounts.dead_letter(path, first_row + row, 1, "text_missing", detail)
    for row in np.flatnonzero(long_N).tolist():
        accounts.dead_letter(path, first_row + row, 1, "record_too_long", f"a text of {length_N[row]} bytes")
    for row in np.flatnonzero(empty_N).tolist():
        accounts.skipped(path, first_row + row, 1, "empty_text")
    return np.asarray(~(null_N | long_N | empty_N))


def _read_batch(
    batch: pa.RecordBatch, rows: NDArray[np.int64], origin: Origin, accounts: Accounts
) -> Iterator[pa.RecordBatch]:
    names = origin.given.columns
    mapped = {"user_id": names.id, "url": names.url, "declared_language": names.language, "license": names.license}
    given = {name: batch[name] for name in batch.schema.names}
    columns = _text_columns(given.pop(names.text))
    for target, name in mapped.items():
        if name in given and (_is_string(given[name].type) or (target == "user_id" and pa.types.is_integer(given[name].type))):
            columns[target] = [None if value is None else str(value) for value in _values(given.pop(name))]
    if names.date in given:
        columns["fetch_time"] = [utc_time(value) for value in _values(given[names.date])]
        if given[names.date].null_count == columns["fetch_time"].count(None):
            del given[names.date]
    columns["extra"] = _extra(given, len(rows))
    whole = {"offset": rows.tolist(), "length_bytes": [1] * len(rows), **columns}
    blank = [isinstance(text, str) and text.isspace() for text in columns["text"]] if "text" in columns else []
    for row, is_blank in zip(rows.tolist(), blank, strict=False):
        if is_blank:
            accounts.skipped(origin.file.path, row, 1, "empty_text")
    if any(blank):
        kept = [index for index, is_blank in enumerate(blank) if not is_blank]
        whole = {name: [values[index] for index in kept] for name, values in whole.items()}
    if whole["offset"]:
        yield read_batch(origin, whole)


def _text_columns(text: pa.Array) -> dict[str, list[object]]:
    """Returns `text`, and `charset` where bytes were replaced; bytes without a string type are `raw`."""
    dense = _dense(text)
    if not _is_string(dense.type):
        return {"raw": dense.to_pylist(), "content_type": ["text/plain"] * len(dense)}
    try:
        dense.validate(full=True)
    except pa.ArrowInvalid:
        values = [value.decode("utf-8", "replace") for value in dense.cast(pa.binary()).to_pylist()]
        replaced = ["\ufffd" in value for value in values]
        return {"text": values, "charset": [REPLACED if bad else None for bad in replaced]}
    return {"text": dense.to_pylist()}


def _dense(array: pa.Array) -> pa.Array:
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _is_string(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _values(array: pa.Array) -> list[object]:
    """Returns Python values; strings that are not UTF-8 with U+FFFD, nanoseconds cut to microseconds."""
    array = _dense(array)
    if pa.types.is_timestamp(array.type) and array.type.unit == "ns":
        array = pc.cast(array, pa.timestamp("us", tz=array.type.tz), safe=False)
    try:
        return array.to_pylist()
    except UnicodeDecodeError:
        if not _is_string(array.type):
            return [None] * len(array)  # nested strings that are no UTF-8: nothing to read them by
        return [None if value is None else value.decode("utf-8", "replace") for value in array.cast(pa.binary()).to_pylist()]
    except (ValueError, OverflowError, ArithmeticError):  # times that Python's calendar does not have
        return [str(value) for value in array.cast(pa.int64()).to_pylist()] if pa.types.is_temporal(array.type) else [None] * len(array)


def _extra(given: Mapping[str, pa.Array], num_rows: int) -> list[object]:
    """Returns one JSON object per row with the columns that are not null, or None."""
    if not given:
        return [None] * num_rows
    columns = {name: _values(array) for name, array in given.items()}
    rows = ({name: values[row] for name, values in columns.items() if values[row] is not None} for row in range(num_rows))
    return [orjson.dumps(row, default=_jsonable, option=_OPTIONS).decode() if row else None for row in rows]


def _jsonable(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | date | datetime | time):
        return str(value)
    return repr(value)
