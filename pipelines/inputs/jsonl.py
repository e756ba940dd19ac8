"""JSONL to rows: one JSON object per line, mapped columns typed, all other keys kept as one JSON column."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import orjson
import pyarrow as pa

from curation.errors import BadRecord
from curation.text.conversation import TEMPLATE
from pipelines.inputs.accounts import Accounts
from pipelines.inputs.conversations import take_conversation
from pipelines.inputs.json_lines import parse_line
from pipelines.inputs.lines import Lines, Oversized
from pipelines.inputs.rows import REPLACED, Origin, read_batch, utc_time
from pipelines.spec import Columns

Text = str | None
Row = tuple[int, int, str, Text, Text, Text, Text, datetime | None, Text, Text, Text]
_NAMES = (
    "offset", "length_bytes", "text", "user_id", "url",
    "declared_language", "license", "fetch_time", "extra", "charset", "extractor",
)  # fmt: skip


def read_jsonl(
    blocks: Iterator[Lines | Oversized], origin: Origin, accounts: Accounts, *, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Yields batches of READ of about `batch_bytes` of lines; what is no document goes to `accounts`."""
    path = origin.file.path
    rows: list[Row] = []
    size = 0
    to_row = row_reader(origin.given.columns, extra=origin.given.extra)
    for block in blocks:
        if isinstance(block, Oversized):
            accounts.dead_letter(path, block.offset, block.length, "record_too_long", f"a line of {block.length} bytes")
            continue
        offset = block.offset
        last = len(block.lines) - 1 if block.last_is_cut else -1
        for index, line in enumerate(block.lines):
            length = len(line) + (index != last)
            try:
                rows.append(to_row(line, offset, length))
                size += length
            except BadRecord as bad:
                _account(accounts, path, (offset, length), bad)
            offset += length
            if size >= batch_bytes:
                yield _batch(origin, rows)
                rows, size = [], 0
    if rows:
        yield _batch(origin, rows)


def row_reader(columns: Columns, *, extra: bool = True) -> Callable[[bytes, int, int], Row]:
    """Returns the function that makes a row of a line at an offset (it raises BadRecord).

    Args:
        columns: which keys hold what.
        extra: keep the other keys.
    """
    extractor = TEMPLATE if columns.is_conversation else None

    def to_row(line: bytes, offset: int, length: int) -> Row:
        if not line.strip(b" \t\r\xef\xbb\xbf"):
            raise BadRecord("blank_line")
        record, replaced = parse_line(line)
        if extractor is None:
            text = text_of(record.pop(columns.text, None), columns.text)
            kept = record if extra else {}
        else:
            text, turns = take_conversation(record, columns)
            record |= turns
            kept = record if extra else {**turns}
        user_id = _take_id(record, columns.id)
        url = _take(record, columns.url)
        language = _take(record, columns.language)
        license_name = _take(record, columns.license)
        time = utc_time(record.get(columns.date)) if columns.date and record else None
        if time is not None and columns.date:
            del record[columns.date]
        others = extra_json(kept) if kept else None
        charset = REPLACED if replaced else None
        return offset, length, text, user_id, url, language, license_name, time, others, charset, extractor

    return to_row


SKIPPED = frozenset({"blank_line", "empty_text"})
"""Reasons of records that hold nothing: passed over, not errors."""


def text_of(value: object, column: str) -> str:
    """Returns the text of a record.

    Raises:
        BadRecord: `text_missing` (absent or null), `text_not_string`, or `empty_text` (white space only).
    """
    if not isinstance(value, str):
        if value is None:
            raise BadRecord("text_missing", f"expected a string under {column!r}, found null or no such key")
        raise BadRecord("text_not_string", f"expected a string under {column!r}, found {type(value).__name__}")
    if not value or value.isspace():
        raise BadRecord("empty_text")
    return value


def extra_json(record: dict[str, object]) -> str | None:
    """Returns the keys that are not null as one JSON object with sorted keys; None where there are none.

    Raises:
        BadRecord: `too_deep`: above 254 levels, orjson's limit for writing.
    """
    try:
        return orjson.dumps(record, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError as error:
        raise BadRecord("too_deep" if "ecursion" in str(error) else "bad_json", str(error)) from None


def _take(record: dict[str, object], name: str | None) -> str | None:
    """Removes and returns a string; another type stays in the record, and so in `extra`."""
    if name is None:
        return None
    value = record.get(name)
    if isinstance(value, str):
        del record[name]
        return value
    if value is None:
        record.pop(name, None)
    return None


def _take_id(record: dict[str, object], name: str | None) -> str | None:
    if name is not None and type(record.get(name)) is int:
        return str(record.pop(name))
    return _take(record, name)


def _account(accounts: Accounts, path: str, extent: tuple[int, int], bad: BadRecord) -> None:
    if bad.reason in SKIPPED:
        accounts.skipped(path, *extent, bad.reason)
    else:
        accounts.dead_letter(path, *extent, bad.reason, bad.detail)


def _batch(origin: Origin, rows: Sequence[Row]) -> pa.RecordBatch:
    return read_batch(origin, dict(zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True)))
