"""A batch of Parquet rows to columns of READ: mapped columns typed, the others kept as JSON in `extra`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.errors import BadRecord
from curation.text.conversation import TEMPLATE, TURNS
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.conversations import take_conversation
from pipelines.inputs.parquet_weights import slices, weights
from pipelines.inputs.rows import MAX_BATCH_BYTES, REPLACED, Origin, read_batch, utc_time
from pipelines.spec import Columns, Limits

RENDERED = "<|text|>"
"""Column of the texts that conversations were made into, beside the file's own."""
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class WeighedRows:
    """Rows of a Parquet file from `first_row` on, with what each weighs in bytes (N,)."""

    batch: pa.RecordBatch
    weight_N: NDArray[np.int64]
    first_row: int
    problems: Mapping[int, BadRecord] = field(default_factory=dict)  # why a text is null, where that is known


def rows_of(rows: WeighedRows, origin: Origin, accounts: Accounts, limits: Limits) -> Iterator[pa.RecordBatch]:
    """Yields READ batches of at most about `limits.batch_bytes`; rows that are no document go to `accounts`."""
    if origin.given.columns.is_conversation:
        rows, origin = _as_texts(rows, origin)
    batch_bytes = min(limits.batch_bytes, MAX_BATCH_BYTES)
    row_N = _with_text(rows, origin, accounts, limits.record_bytes)
    for start, stop in slices(rows.weight_N[row_N], batch_bytes):
        chosen = row_N[start:stop]
        yield from _read_batch(rows.batch.take(pa.array(chosen)), chosen + rows.first_row, origin, accounts)


def _as_texts(rows: WeighedRows, origin: Origin) -> tuple[WeighedRows, Origin]:
    """Returns the rows with a text for each conversation in a column of its own, and an origin that names it."""
    columns = origin.given.columns
    asked = (*columns.content, *([columns.prompt] if columns.prompt else ()))
    used = [name for name in asked if name in rows.batch.schema.names]
    values = {name: _values(rows.batch[name]) for name in used}
    texts: list[str | None] = []
    turns: list[list[str] | None] = []
    problems = {}
    for row in range(rows.batch.num_rows):
        text, told = None, None
        try:
            text, found = take_conversation({name: values[name][row] for name in used}, columns)
            told = found[TURNS]
        except BadRecord as bad:
            problems[row] = bad
        texts.append(text)
        turns.append(told)
    others = {name: rows.batch[name] for name in rows.batch.schema.names if name not in (*used, TURNS)}
    made = {**others, RENDERED: pa.array(texts, pa.string()), TURNS: pa.array(turns, pa.list_(pa.string()))}
    return (
        replace(rows, batch=pa.RecordBatch.from_pydict(made), problems=problems),
        replace(origin, given=replace(origin.given, columns=replace(columns, text=RENDERED))),
    )


def is_text(kind: pa.DataType) -> bool:
    """Tells whether a column of this type can be the text: strings, or bytes to decode."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def _with_text(rows: WeighedRows, origin: Origin, accounts: Accounts, max_bytes: int) -> NDArray[np.int64]:
    """Returns the indices of rows with text of allowed length; accounts for the others."""
    text, first_row = rows.batch[origin.given.columns.text], rows.first_row
    path, length_N = origin.file.path, weights(text)
    null_N = np.asarray(text.is_null())
    long_N, empty_N = length_N > max_bytes, ~null_N & (length_N == 0)
    for row in np.flatnonzero(null_N).tolist():
        absent = BadRecord("text_missing", f"expected a string in column {origin.given.columns.text!r}, found null")
        bad = rows.problems.get(row, absent)
        accounts.dead_letter(path, first_row + row, 1, bad.reason, bad.detail)
    for row in np.flatnonzero(long_N).tolist():
        accounts.dead_letter(path, first_row + row, 1, "record_too_long", f"a text of {length_N[row]} bytes")
    for row in np.flatnonzero(empty_N).tolist():
        accounts.skipped(path, first_row + row, 1, "empty_text")
    return np.flatnonzero(~(null_N | long_N | empty_N))


def _read_batch(
    batch: pa.RecordBatch, row_N: NDArray[np.int64], origin: Origin, accounts: Accounts
) -> Iterator[pa.RecordBatch]:
    """Yields one READ batch of the rows whose text is more than white space, if any."""
    names = origin.given.columns
    content, columns = _content(batch[names.text])
    blank_N = _blank(content)
    if blank_N.any():
        for row in row_N[blank_N].tolist():
            accounts.skipped(origin.file.path, row, 1, "empty_text")
        if not blank_N.all():
            kept = np.flatnonzero(~blank_N)
            yield from _read_batch(batch.take(pa.array(kept)), row_N[kept], origin, accounts)
        return
    given = {name: batch[name] for name in batch.schema.names if name != names.text}
    columns |= {"offset": row_N.tolist(), "length_bytes": [1] * len(row_N), **_mapped(given, names)}
    turns = None
    if names.is_conversation:
        columns["extractor"], turns = [TEMPLATE] * len(row_N), TURNS  # kept in any case: who spoke
    others = {name: array for name, array in given.items() if origin.given.extra or name == turns}
    target = "text" if pa.types.is_string(content.type) else "raw"
    yield read_batch(origin, {**columns, target: content, "extra": _extra(others, len(row_N))})


def _blank(content: pa.Array) -> NDArray[np.bool_]:
    if pa.types.is_string(content.type):
        return np.asarray(pc.utf8_is_space(content))  # the same code points as str.isspace
    return np.array([value.isspace() for value in content.to_pylist()], dtype=np.bool_)


def _mapped(given: dict[str, pa.Array], names: Columns) -> dict[str, list[object]]:
    """Takes the columns that the spec maps out of `given`; those of another type stay, and so go to `extra`."""
    mapped = {"user_id": names.id, "url": names.url, "declared_language": names.language, "license": names.license}
    columns: dict[str, list[object]] = {}
    for target, name in mapped.items():
        if name not in given:
            continue
        kind = given[name].type
        if _is_string(kind) or (target == "user_id" and pa.types.is_integer(kind)):
            columns[target] = [None if value is None else str(value) for value in _values(given.pop(name))]
    if names.date in given:
        columns["fetch_time"] = [utc_time(value) for value in _values(given[names.date])]
        if given[names.date].null_count == columns["fetch_time"].count(None):
            del given[names.date]
    return columns


def _content(text: pa.Array) -> tuple[pa.Array, dict[str, list[object]]]:
    """Returns the text as string, or binary where the column has no string type, and what goes with it."""
    dense = _dense(text)
    if not _is_string(dense.type):
        return dense.cast(pa.binary()), {"content_type": ["text/plain"] * len(dense)}
    try:
        dense.validate(full=True)
    except pa.ArrowInvalid:
        whole = dense.cast(pa.large_binary()).to_pylist()
        texts = [value.decode("utf-8", "replace") for value in whole]
        bad = [value != text.encode() for value, text in zip(whole, texts, strict=True)]
        return pa.array(texts, pa.string()), {"charset": [REPLACED if is_bad else None for is_bad in bad]}
    return dense.cast(pa.string()), {}


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
        return list(array.to_pylist())
    except (UnicodeDecodeError, ValueError, OverflowError, ArithmeticError):
        return _odd_values(array)


def _odd_values(array: pa.Array) -> list[object]:
    """Returns what can be had of values that Python does not have: broken strings, times outside its calendar."""
    if _is_string(array.type):
        values = array.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in values]
    if pa.types.is_temporal(array.type):
        return [None if value is None else str(value) for value in array.cast(pa.int64()).to_pylist()]
    return [None] * len(array)  # nested ones: nothing says which value is bad


def _extra(given: Mapping[str, pa.Array], num_rows: int) -> list[object]:
    """Returns one JSON object per row with the columns that are not null, or None."""
    if not given:
        return [None] * num_rows
    columns = {name: _values(array) for name, array in given.items()}
    rows = (
        {name: values[row] for name, values in columns.items() if values[row] is not None} for row in range(num_rows)
    )
    return [orjson.dumps(row, default=_jsonable, option=_OPTIONS).decode() if row else None for row in rows]


def json_lines_of(batch: pa.RecordBatch) -> list[bytes]:
    """Returns one JSON object per row, nulls included; what JSON lacks as text (times in ISO 8601, decimals)."""
    columns = [_values(array) for array in batch.columns]
    rows = (dict(zip(batch.schema.names, values, strict=True)) for values in zip(*columns, strict=True))
    return [orjson.dumps(row, default=_jsonable, option=orjson.OPT_NON_STR_KEYS) for row in rows]


def _jsonable(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal | date | datetime | time):
        return str(value)
    return repr(value)
