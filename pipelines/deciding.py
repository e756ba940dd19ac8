"""The stage `decide`: one decision row per document, then the split into kept documents and review rows."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.dedup.survivors import HELD, REMOVED
from curation.schema import DECISIONS, FAILED
from pipelines.clustering import EXACT, NEAR, Clustering
from pipelines.measuring import Job, measured_schema
from pipelines.parts import read_batches, read_part, write_part
from pipelines.roster import Roster, to_binary16
from pipelines.spec import JobSpec

EXCERPT_CHARS = 2000
STATES = np.array(["kept", "review", "dropped"])
KINDS = np.array(["", "exact", "near"])
KEPT, REVIEW, DROPPED = 0, 1, 2

_KEPT_FIELDS = (pa.field("cluster_id", pa.binary(16)), pa.field("split", pa.string()))
_REVIEW_FIELDS = tuple(field for field in DECISIONS if field.name not in {"doc_id", "source", "split"})


def final_states(roster: Roster, clustering: Clustering) -> NDArray[np.uint8]:
    """Returns KEPT, REVIEW or DROPPED of each document: gates first, then links."""
    state = roster.state_N.copy()
    state[clustering.outcome_N == HELD] = REVIEW
    state[clustering.outcome_N == REMOVED] = DROPPED
    return state


def write_decisions(job: Job, roster: Roster, clustering: Clustering, split_N: NDArray[np.int8]) -> None:
    """Publishes `decisions/`, part by part, in the order of `measured/`.

    Args:
        job: the job.
        roster: all documents.
        clustering: what links did.
        split_N: 0 train, 1 validation; read for kept documents only.
    """
    state_N = final_states(roster, clustering)
    for index, part in enumerate(roster.parts):
        verdicts = read_part(job.store, f"verdicts/{part}.parquet").combine_chunks()
        source = read_part(job.store, f"measured/{part}.parquet", ["source"])["source"].combine_chunks()
        batch = _decisions(
            job.spec, roster, clustering, roster.rows(index), states=(state_N, split_N), read=(verdicts, source)
        )
        write_part(job.store, f"decisions/{part}.parquet", DECISIONS, [batch])


def _decisions(
    spec: JobSpec,
    roster: Roster,
    clustering: Clustering,
    rows: slice,
    *,
    states: tuple[NDArray[np.uint8], NDArray[np.int8]],
    read: tuple[pa.Table, pa.Array],
) -> pa.RecordBatch:
    verdicts, source = read
    state, split = states[0][rows], states[1][rows]
    outcome, kind = clustering.outcome_N[rows], clustering.kind_N[rows]
    survivor, cluster = clustering.survivor_N[rows], clustering.cluster_N[rows]
    held = outcome == HELD
    by_link = np.where(held, "dedup/cluster_undecided", np.where(kind == EXACT, "dedup/exact", "dedup/near"))
    linked = outcome > 0
    decided = pc.if_else(pa.array(linked), pa.array(by_link.tolist(), pa.string()), _one(verdicts["decided_by"]))
    failed, reasons = _failures(spec, _one(verdicts["entries"]), outcome, kind, clustering.jaccard_N[rows])
    columns = [
        to_binary16(roster.ids_N[rows]),
        source,
        pa.array(STATES[state].tolist(), pa.string()),
        decided,
        failed,
        reasons,
        pa.array(np.zeros(state.size, dtype=bool)),
        to_binary16(roster.ids_N[cluster], cluster < 0),
        to_binary16(roster.ids_N[survivor], survivor < 0),
        pa.array(KINDS[kind].tolist(), pa.string(), mask=~linked) if state.size else pa.array([], pa.string()),
        pa.array(clustering.jaccard_N[rows], mask=~linked),
        pa.array(np.where(split == 1, "validation", "train").tolist(), pa.string(), mask=state != KEPT)
        if state.size
        else pa.array([], pa.string()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=DECISIONS)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _failures(
    spec: JobSpec,
    entries: pa.ListArray,
    outcome: NDArray[np.uint8],
    kind: NDArray[np.uint8],
    jaccard: NDArray[np.float64],
) -> tuple[pa.Array, pa.Array]:
    """Returns `failed` (rules that drop, and the removing link) and `review_reasons` of each document."""
    failed: list[list[dict[str, object]]] = []
    reasons: list[list[str]] = []
    least = {EXACT: 1.0, NEAR: spec.dedup.near.min_jaccard if spec.dedup.near else 1.0}
    listed = np.diff(entries.offsets.to_numpy()) > 0
    for row in np.flatnonzero(listed | (outcome > 0)):
        found = entries[int(row)].as_py()
        failed.append([{name: item[name] for name in FAILED.names} for item in found if item["action"] == "drop"])
        reasons.append([_reason(item) for item in found if item["action"] == "review"])
        if outcome[row] == REMOVED:
            rule = "dedup/exact" if kind[row] == EXACT else "dedup/near"
            link = {"rule": rule, "value": float(jaccard[row]), "threshold": least[int(kind[row])], "found": None}
            failed[-1].append(link)
        elif outcome[row] == HELD:
            reasons[-1].append("dedup/cluster_undecided: an earlier document like this one is in review")
    return (
        _spread(failed, listed | (outcome > 0), DECISIONS.field("failed").type),
        _spread(reasons, listed | (outcome > 0), DECISIONS.field("review_reasons").type),
    )


def _reason(entry: dict[str, object]) -> str:
    if entry["value"] is None:
        return f"{entry['rule']}: found {entry['found']}"
    return f"{entry['rule']}: {entry['value']:.6g} against {entry['threshold']:.6g}"


def _spread(lists: Sequence[Sequence[object]], present: NDArray[np.bool_], data_type: pa.DataType) -> pa.Array:
    """Returns one list per document: those of `lists` where `present`, else empty ones."""
    lengths = np.zeros(present.size, dtype=np.int32)
    lengths[present] = [len(item) for item in lists]
    offsets = np.zeros(present.size + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    flat = pa.array([value for item in lists for value in item], data_type.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets), flat, type=data_type)


def documents_schema(spec: JobSpec) -> pa.Schema:
    """Returns the schema of `documents/`: what was measured, the cluster and the split."""
    return pa.schema([*measured_schema(spec), *_KEPT_FIELDS])


def review_schema(spec: JobSpec) -> pa.Schema:
    """Returns the schema of `review/`: what was measured (text cut to an excerpt) and the open decision."""
    return pa.schema([*measured_schema(spec), *_REVIEW_FIELDS])


def decide_part(job: Job, part: str) -> None:
    """Writes `documents/` and `review/` of one part from its text and its own decisions (idempotent)."""
    kept, review = documents_schema(job.spec), review_schema(job.spec)
    write_part(job.store, f"documents/{part}.parquet", kept, (_kept(batch, kept) for batch in _joined(job, part)))
    write_part(job.store, f"review/{part}.parquet", review, (_review(batch, review) for batch in _joined(job, part)))


def _joined(job: Job, part: str) -> Iterator[pa.RecordBatch]:
    """Yields measured rows beside their decisions (the two parts have one row order)."""
    decisions = read_part(job.store, f"decisions/{part}.parquet").combine_chunks()
    start = 0
    for batch in read_batches(job.store, f"measured/{part}.parquet"):
        mine = decisions.slice(start, batch.num_rows).combine_chunks()
        start += batch.num_rows
        extra = [name for name in mine.schema.names if name not in batch.schema.names]
        columns = [_first_chunk(mine[name]) for name in extra]
        fields = [*batch.schema, *(mine.schema.field(name) for name in extra)]
        yield pa.RecordBatch.from_arrays([*batch.columns, *columns], schema=pa.schema(fields))


def _first_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _kept(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    chosen = batch.filter(pc.equal(batch["state"], "kept"))
    return pa.RecordBatch.from_arrays([chosen[name] for name in schema.names], schema=schema)


def _review(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    chosen = batch.filter(pc.equal(batch["state"], "review"))
    cut = pc.utf8_slice_codeunits(chosen["text"], 0, EXCERPT_CHARS)
    columns = [cut if name == "text" else chosen[name] for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
