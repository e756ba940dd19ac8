"""Rows of `curation.schema.READ` from what a reader found: constants filled in, hashes and ids computed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from curation.identity import doc_ids, secure_hashes
from curation.schema import READ
from pipelines.inputs.files import InputFile
from pipelines.inputs.urls import site_of, strip_credentials
from pipelines.spec import InputSpec

REPLACED = "utf-8; replaced"
"""`charset` of a text given in a record whose bytes were not valid UTF-8: they became U+FFFD."""
MAX_BATCH_BYTES = 1 << 28
"""Cap of `limits.batch_bytes`: a column of an Arrow batch has 31-bit offsets, and replacing can triple its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What all rows of one file share."""

    file: InputFile
    source: str
    given: InputSpec


def read_batch(origin: Origin, columns: Mapping[str, Sequence[object] | pa.Array]) -> pa.RecordBatch:
    """Returns a batch of READ; `columns` hold at least `offset`, `length_bytes` and one of `raw` and `text`.

    `url` is stripped of credentials and gives `site`; a document without a `license` gets the input's; columns
    that are not given are null.
    """
    num_rows = len(columns["offset"])
    filled = {**columns, **_shared(origin, num_rows)}
    filled["doc_id"] = doc_ids(origin.source, origin.file.path, _numbers(columns["offset"]))
    content = _array(READ.field("text"), columns["text"]) if "text" in columns else columns["raw"]
    filled["text" if "text" in columns else "raw"] = content
    filled["raw_hash"] = secure_hashes(content if isinstance(content, pa.Array) else pa.array(content, pa.binary()))
    filled.update(_urls(columns.get("url")), **_licenses(columns.get("license"), origin.given.license, num_rows))
    arrays = [
        _array(item, filled[item.name]) if item.name in filled else pa.nulls(num_rows, item.type) for item in READ
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=READ)


def joined(batches: Iterator[pa.RecordBatch], *, batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Yields the same rows in batches of at least `batch_bytes` where there are as many."""
    small: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        small.append(batch)
        size += batch.nbytes
        if size >= min(batch_bytes, MAX_BATCH_BYTES):
            yield pa.concat_batches(small)
            small, size = [], 0
    if small:
        yield pa.concat_batches(small)


def utc_time(value: object) -> datetime | None:
    """Returns an ISO 8601 string or a datetime as UTC (a time without zone is UTC), or None where it is neither."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError:  # the first and last day of the calendar
        return None


def _shared(origin: Origin, num_rows: int) -> dict[str, pa.Array]:
    constants = {"source": origin.source, "domain": origin.given.domain, "path": origin.file.path}
    return {name: pa.repeat(pa.scalar(value, pa.string()), num_rows) for name, value in constants.items()}


def _numbers(values: Sequence[object] | pa.Array) -> Iterable[int]:
    return values.to_pylist() if isinstance(values, pa.Array) else values  # type: ignore[return-value]


def _array(field: pa.Field, values: Sequence[object] | pa.Array) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, type=field.type)


def _urls(urls: Sequence[object] | pa.Array | None) -> dict[str, list[str | None]]:
    if urls is None:
        return {}
    clean = [strip_credentials(url) if isinstance(url, str) else None for url in urls]
    return {"url": clean, "site": [site_of(url) for url in clean]}


def _licenses(
    found: Sequence[object] | pa.Array | None, given: str | None, num_rows: int
) -> dict[str, Sequence[object]]:
    if found is None and given is None:
        return {}
    own = found if found is not None else [None] * num_rows
    default = None if given is None else "spec"
    return {
        "license": [given if name is None else name for name in own],
        "license_from": [default if name is None else "column" for name in own],
    }
