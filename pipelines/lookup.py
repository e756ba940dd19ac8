"""Where documents of a run lie, and single rows of its tables, without reading more text than asked for.

A document is found by scanning ids and URLs alone; its rows are then read from the one row group that holds them, so
that a run of any size is questioned in the memory of a row group (16 MiB of text).
"""

from collections.abc import Iterable, Sequence
from typing import TypedDict, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.identity import ID_BYTES, type_of_id
from pipelines.answers import Failure, Match
from pipelines.inputs.urls import strip_credentials
from pipelines.rundir import TABLES, Run

MIN_PREFIX = 6
"""Shortest hex prefix of an id that is looked up, as in git."""


class NamingRow(TypedDict):
    """The columns of `measured` that name a document."""

    doc_id: bytes
    source: str
    path: str
    offset: int
    url: str | None
    user_id: str | None
    warc_record_id: str | None


class MeasuredRow(NamingRow, total=False):
    """What is shown of a row of `measured`; signals are read by their names."""

    domain: str | None
    parent_id: bytes | None
    generator: str | None
    template: str | None
    model: str | None
    license: str | None
    extractor: str | None
    edits: list[object] | None
    text: str | None


class DecisionRow(TypedDict):
    """A row of `decisions`."""

    doc_id: bytes
    source: str
    state: str
    decided_by: str | None
    failed: list[Failure]
    review_reasons: list[str]
    cluster_id: bytes | None
    survivor_id: bytes | None
    cluster_size: int | None
    survivor_jaccard: float | None
    linked_id: bytes | None
    link_kind: str | None
    link_jaccard: float | None
    link_threshold: float | None
    split: str | None


Parts = dict[str, list[bytes]]
"""Part name (as in `measured/<part>.parquet`) -> ids of documents that it holds."""


def find(run: Run, doc: str, *, limit: int) -> tuple[list[NamingRow], int]:
    """Returns the documents that `doc` names, in input order, at most `limit`, and how many there are.

    Args:
        run: the run.
        doc: an id in hex, or the start of one (6 digits at least), a URL, a WARC record id, or the data's own id.
        limit: longest list.
    """
    url = strip_credentials(doc)
    records = pa.array([doc, f"<{doc}>", f"<urn:uuid:{doc}>"])
    named = pc.field("url").isin([url]) | pc.field("user_id").isin([doc]) | pc.field("warc_record_id").isin(records)
    scanner = run.measured.scanner(columns=list(NamingRow.__annotations__), filter=named | _id_condition(doc))
    found: list[NamingRow] = []
    total = 0
    for batch in scanner.to_batches():
        total += batch.num_rows
        found += batch.slice(0, limit - len(found)).to_pylist()
    return found, total


def _id_condition(doc: str) -> pc.Expression:
    """Ids that begin with the hex digits `doc`: compared as bytes, between prefix00.. and prefixff.."""
    digits = doc.strip().lower()
    most = 2 * ID_BYTES
    if not MIN_PREFIX <= len(digits) <= most or set(digits) - set("0123456789abcdef"):
        return pc.scalar(False)
    low, high = (bytes.fromhex(digits.ljust(most, filler)) for filler in "0f")
    identifier = pc.field("doc_id").cast(pa.binary())
    return (identifier >= pa.scalar(low)) & (identifier <= pa.scalar(high))


def named(row: NamingRow) -> Match:
    """Returns how an answer names a document."""
    return Match(
        doc_id=row["doc_id"].hex(),
        source=row["source"],
        path=row["path"],
        offset=row["offset"],
        url=row["url"],
        user_id=row["user_id"],
        warc_record_id=row["warc_record_id"],
    )


def parts_of(run: Run, ids: Iterable[bytes]) -> Parts:
    """Returns where `ids` are; scans ids only."""
    wanted = pa.array(sorted(set(ids)), type_of_id)
    if not len(wanted):
        return {}
    scanner = run.measured.scanner(columns=["doc_id", "__filename"], filter=pc.field("doc_id").isin(wanted))
    parts: Parts = {}
    for batch in scanner.to_batches():
        for doc_id, path in zip(batch["doc_id"].to_pylist(), batch["__filename"].to_pylist(), strict=True):
            parts.setdefault(path.rsplit("/", 1)[-1].removesuffix(".parquet"), []).append(doc_id)
    return dict(sorted(parts.items()))


def measured_rows(run: Run, parts: Parts, columns: Sequence[str] | None = None) -> dict[bytes, MeasuredRow]:
    """Returns rows of `measured` by id; `columns` besides the naming ones, None: all."""
    wanted = None if columns is None else [*NamingRow.__annotations__, *columns]
    return cast(dict[bytes, MeasuredRow], rows_of(run, "measured", parts, columns=wanted))


def decision_rows(run: Run, parts: Parts) -> dict[bytes, DecisionRow]:
    """Returns rows of `decisions` by id."""
    return cast(dict[bytes, DecisionRow], rows_of(run, "decisions", parts))


def rows_of(
    run: Run, table: str, parts: Parts, *, columns: Sequence[str] | None = None
) -> dict[bytes, dict[str, object]]:
    """Returns the rows of `table` (one of `TABLES` that has `doc_id`) by id, as Python values.

    Columns that the table lacks are left out (a run may have its text removed).
    """
    found: dict[bytes, dict[str, object]] = {}
    for part, ids in parts.items():
        name = f"{TABLES[table][0]}/{part}.parquet"
        if run.store.exists(name):
            found |= _rows_of_part(run, name, pa.array(ids, type_of_id), columns)
    return found


def _rows_of_part(run: Run, name: str, ids: pa.Array, columns: Sequence[str] | None) -> dict[bytes, dict[str, object]]:
    found: dict[bytes, dict[str, object]] = {}
    with run.store.open(name) as source, pq.ParquetFile(source, pre_buffer=False) as file:
        wanted = [column for column in file.schema_arrow.names if columns is None or column in columns]
        for group in range(file.num_row_groups):
            here = pc.is_in(file.read_row_group(group, columns=["doc_id"])["doc_id"], ids)
            if pc.any(here).as_py():
                rows = file.read_row_group(group, columns=wanted).filter(here).to_pylist()
                found |= {row["doc_id"]: row for row in rows}
    return found
