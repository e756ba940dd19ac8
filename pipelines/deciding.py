"""The stage `decide`: one decision row per document, then the split into kept documents and review rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.dedup.survivors import BORDERLINE, HELD, REMOVED, STAYS
from curation.identity import ID_BYTES
from curation.schema import DECISIONS, FAILED, LINK_KINDS
from pipelines.borderline import linked_texts
from pipelines.clustering import Clustering
from pipelines.links_table import thresholds
from pipelines.measuring import Job, measured_schema
from pipelines.parts import read_batches, read_part, write_part
from pipelines.roster import Roster, to_binary16
from pipelines.spec import DedupSpec, JobSpec

EXCERPT_CHARS = 2000
UNDECIDED = "dedup/cluster_undecided"
ORPHAN, LOST = "synthesis/parent_not_kept", "what it was made of is not kept"
FOUND_EQUAL = {"exact_raw": "the same content", "url": "the same URL"}
"""What is said of links that compare no words."""
STATES = np.array(["kept", "review", "dropped"])
KEPT, REVIEW, DROPPED = 0, 1, 2

_KEPT_FIELDS = tuple(DECISIONS.field(name) for name in ("cluster_id", "cluster_size", "split"))
_REVIEW_FIELDS = (
    *(field for field in DECISIONS if field.name not in {"doc_id", "source", "split"}),
    pa.field("linked_text", pa.string()),  # excerpt of the other document of a borderline pair
)


def final_states(roster: Roster, clustering: Clustering) -> NDArray[np.uint8]:
    """Returns KEPT, REVIEW or DROPPED of each document: gates first, then links."""
    state = roster.state_N.copy()
    state[(clustering.outcome_N == HELD) | (clustering.outcome_N == BORDERLINE)] = REVIEW
    state[clustering.outcome_N == REMOVED] = DROPPED
    return state


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What became of N documents; `split_N` (0 train, 1 validation) is read for kept ones only.

    `orphan_N`: dropped because what they were made of is not kept.
    """

    state_N: NDArray[np.uint8]
    split_N: NDArray[np.int8]
    audit_N: NDArray[np.bool_]
    orphan_N: NDArray[np.bool_]


def write_decisions(job: Job, roster: Roster, clustering: Clustering, outcomes: Outcomes) -> None:
    """Publishes `decisions/`, part by part, in the order of `measured/`.

    Args:
        job: the job.
        roster: all documents.
        clustering: what links did.
        outcomes: what became of them.
    """
    for index, part in enumerate(roster.parts):
        verdicts = read_part(job.store, f"verdicts/{part}.parquet").combine_chunks()
        source = read_part(job.store, f"measured/{part}.parquet", ["source"])["source"].combine_chunks()
        batch = _decisions(job.spec, roster, clustering, roster.rows(index), outcomes=outcomes, read=(verdicts, source))
        write_part(job.store, f"decisions/{part}.parquet", DECISIONS, [batch])


def _decisions(
    spec: JobSpec,
    roster: Roster,
    clustering: Clustering,
    rows: slice,
    *,
    outcomes: Outcomes,
    read: tuple[pa.Table, pa.Array],
) -> pa.RecordBatch:
    verdicts, source = read
    state, split = outcomes.state_N[rows], outcomes.split_N[rows]
    part = _PartLinks.of(spec.dedup, roster, clustering, rows)
    orphan = outcomes.orphan_N[rows]
    failed, reasons = _failures(_one(verdicts["entries"]), part, orphan)
    decided_by = pc.if_else(pa.array(part.outcome > 0), part.rules, _one(verdicts["decided_by"]))
    columns = {
        "doc_id": to_binary16(roster.ids_N[rows]),
        "source": source,
        "state": _texts(STATES[state]),
        "decided_by": pc.if_else(pa.array(orphan), ORPHAN, decided_by),
        "failed": failed,
        "review_reasons": reasons,
        "audit": pa.array(outcomes.audit_N[rows]),
        "split": _texts(np.where(split == 1, "validation", "train"), state != KEPT),
        **part.columns(roster, clustering, rows),
    }
    return pa.RecordBatch.from_arrays([columns[name] for name in DECISIONS.names], schema=DECISIONS)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _texts(values: NDArray[np.str_], null: NDArray[np.bool_] | None = None) -> pa.Array:
    return pa.array(values.tolist(), pa.string(), mask=null) if values.size else pa.array([], pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartLinks:
    """What links did to the documents of one part."""

    outcome: NDArray[np.uint8]
    kind: NDArray[np.uint8]
    jaccard: NDArray[np.float64]
    threshold: NDArray[np.float64]
    rules: pa.Array  # null where links decided nothing
    linked_ids: NDArray[np.bytes_]
    least: float  # similarity of near links
    review_within: float

    @classmethod
    def of(cls, dedup: DedupSpec, roster: Roster, clustering: Clustering, rows: slice) -> "_PartLinks":
        outcome, kind = clustering.outcome_N[rows], clustering.kind_N[rows]
        rules = np.array([*(f"dedup/{name}" for name in LINK_KINDS), "", UNDECIDED])
        code = np.where(outcome == HELD, len(LINK_KINDS) + 1, kind)
        return cls(
            outcome=outcome,
            kind=kind,
            jaccard=clustering.jaccard_N[rows],
            threshold=np.append(thresholds(dedup), np.nan)[kind],
            rules=_texts(rules[code], outcome == STAYS),
            linked_ids=roster.ids_N[clustering.linked_N[rows]],
            least=dedup.near.min_jaccard if dedup.near else 0.0,
            review_within=dedup.near.review_within if dedup.near else 0.0,
        )

    def columns(self, roster: Roster, clustering: Clustering, rows: slice) -> dict[str, pa.Array]:
        """Returns the columns of DECISIONS that say what links did."""
        cluster, size = clustering.cluster_N[rows], clustering.size_N[rows]
        survivor, similarity = clustering.survivor_N[rows], clustering.survivor_jaccard_N[rows]
        linked = self.outcome != STAYS
        return {
            "cluster_id": to_binary16(roster.ids_N[cluster], cluster < 0),
            "cluster_size": pa.array(size.astype(np.int64), mask=size == 0),
            "survivor_id": to_binary16(roster.ids_N[survivor], survivor < 0),
            "survivor_jaccard": pa.array(similarity, from_pandas=True),
            "chained": pa.array(similarity < self.least),
            "linked_id": to_binary16(self.linked_ids, ~linked),
            "link_kind": _texts(np.array([*LINK_KINDS, ""])[self.kind], ~linked),
            "link_jaccard": pa.array(self.jaccard, from_pandas=True),
            "link_threshold": pa.array(self.threshold, from_pandas=True),
        }

    def failure(self, row: int) -> dict[str, object]:
        """Returns the entry of `failed` of a removed document."""
        compared = bool(np.isfinite(self.jaccard[row]))
        return {
            "rule": self.rules[row].as_py(),
            "value": float(self.jaccard[row]) if compared else None,
            "threshold": float(self.threshold[row]) if compared else None,
            "found": None if compared else FOUND_EQUAL[LINK_KINDS[self.kind[row]]],
        }

    def question(self, row: int) -> str:
        """Returns the entry of `review_reasons` of a held or borderline document."""
        other = self.linked_ids[row].ljust(ID_BYTES, b"\x00").hex()
        if self.outcome[row] == HELD:
            return f"{UNDECIDED}: an earlier document like this one, {other}, is in review"
        return (
            f"{self.rules[row].as_py()}: similarity {self.jaccard[row]:.6g} with {other}, "
            f"within {self.review_within:g} of {self.least:g}"
        )


def _failures(entries: pa.ListArray, links: _PartLinks, orphan: NDArray[np.bool_]) -> tuple[pa.Array, pa.Array]:
    """Returns `failed` (rules that drop, the removing link, the lost parent) and `review_reasons` of each document."""
    failed: list[list[dict[str, object]]] = []
    reasons: list[list[str]] = []
    listed = (np.diff(entries.offsets.to_numpy()) > 0) | (links.outcome != STAYS) | orphan
    for row in np.flatnonzero(listed).tolist():
        found = entries[row].as_py()
        failed.append([{name: item[name] for name in FAILED.names} for item in found if item["action"] == "drop"])
        reasons.append([review_reason(item) for item in found if item["action"] == "review"])
        if links.outcome[row] == REMOVED:
            failed[-1].append(links.failure(row))
        elif links.outcome[row] != STAYS:
            reasons[-1].append(links.question(row))
        if orphan[row]:
            failed[-1].append({"rule": ORPHAN, "value": None, "threshold": None, "found": LOST})
    return (
        _spread(failed, listed, DECISIONS.field("failed").type),
        _spread(reasons, listed, DECISIONS.field("review_reasons").type),
    )


def review_reason(entry: dict[str, object]) -> str:
    """Returns what `review_reasons` says of an entry of a verdict whose action is review."""
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
    others = linked_texts(job.store, part, chars=EXCERPT_CHARS)
    in_review = (_review(batch, others, review) for batch in _joined(job, part))
    write_part(job.store, f"review/{part}.parquet", review, in_review)


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


def _review(batch: pa.RecordBatch, others: dict[bytes, str], schema: pa.Schema) -> pa.RecordBatch:
    chosen = batch.filter(pc.equal(batch["state"], "review"))
    columns = {name: chosen[name] for name in schema.names if name != "linked_text"}
    columns["text"] = pc.utf8_slice_codeunits(chosen["text"], 0, EXCERPT_CHARS)
    columns["linked_text"] = pa.array([others.get(doc_id) for doc_id in chosen["doc_id"].to_pylist()], pa.string())
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)
