"""Which documents of a run people are asked about, and the table `tasks/` that asks them.

The choice is `curation.review.selection` over arrays of all documents; text is read only of those chosen. A borderline
pair is one question about both texts; a document that merely waits for another one is not asked about.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.dedup.survivors import BORDERLINE, HELD, STAYS
from curation.identity import fingerprint
from curation.review.selection import AUDIT_KEPT, DOUBT, NOT_AUDITED, Candidates, Selection, select
from curation.schema import REVIEW_ROUTES, REVIEW_TASKS
from pipelines.clustering import Clustering
from pipelines.judging import rules_by_name
from pipelines.measuring import Job
from pipelines.parts import read_part, write_part
from pipelines.roster import DROPPED_BY_GATES, Roster, to_binary16
from pipelines.spec import JobSpec
from pipelines.store import Store

TASKS = "tasks/tasks.parquet"
MOST_CHARS = 200_000
"""Of a text that people are shown; a page with as many opened within four seconds."""
KEPT, REVIEW = 0, 1
LANGUAGE = "signal.language"
PERSONAL_DATA = "num_pii"
"""Begins the names of the signals that count it."""
KEY_DIGITS = 32

Int64Array = NDArray[np.int64]


def choose_questions(job: Job, roster: Roster, clustering: Clustering, state_N: NDArray[np.uint8]) -> Selection:
    """Returns which documents people are asked about.

    Args:
        job: the job.
        roster: all documents.
        clustering: what links did to them.
        state_N: what became of them.
    """
    doubt, stratum = _doubt_and_strata(job, roster, clustering, state_N)
    candidates = Candidates(
        ids=to_binary16(roster.ids_N),
        doubt_N=doubt,
        size_N=_numbers(roster, job.store, "signatures", "text_bytes"),
        cluster_N=np.where(clustering.size_N > 1, clustering.cluster_N, -1).astype(np.int64),
        source_N=_codes(roster, job.store, "source"),
        language_N=_codes(roster, job.store, LANGUAGE),
        kept_N=state_N == KEPT,
        stratum_N=stratum,
    )
    return select(candidates, job.spec.review, seed=job.spec.seed)


def audited(selection: Selection, num_documents: int) -> NDArray[np.bool_]:
    """Returns bool (N,): whether a document is in the random slices."""
    audit_N = np.zeros(num_documents, dtype=bool)
    audit_N[selection.row_T[selection.route_T != DOUBT]] = True
    return audit_N


def _doubt_and_strata(
    job: Job, roster: Roster, clustering: Clustering, state_N: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], Int64Array]:
    """Returns the doubt about each document in review, and the rule of a gate that dropped each dropped one."""
    doubt_N = np.where((state_N == REVIEW) & (clustering.outcome_N == STAYS), _doubt_by_gates(job, roster), np.nan)
    rules = pa.chunked_array(list(roster.pieces(job.store, "verdicts", "decided_by")), pa.string()).combine_chunks()
    dropped_N = (state_N != KEPT) & (roster.state_N == DROPPED_BY_GATES)
    stratum_N = np.full(state_N.size, NOT_AUDITED, dtype=np.int64)
    stratum_N[dropped_N] = _places(rules.filter(pa.array(dropped_N)))
    near = job.spec.dedup.near
    pairs = np.flatnonzero(clustering.outcome_N == BORDERLINE)
    if near is not None and pairs.size:
        distance = np.abs(clustering.jaccard_N[pairs] - near.min_jaccard)
        doubt_N[pairs] = np.clip(1 - distance / max(near.review_within, 1e-9), 0, 1)
    assert not np.any(np.isfinite(doubt_N[clustering.outcome_N == HELD])), "held documents wait for another one"
    return doubt_N, stratum_N


def _doubt_by_gates(job: Job, roster: Roster) -> NDArray[np.float64]:
    """Returns that of the rule in most doubt: 1 at its threshold, 0 at the edge of its band; 1 where it has none."""
    bands = {name: rule.review_within for name, rule in rules_by_name(job.spec).items()}
    names, band_R = pa.array(bands, pa.string()), np.array([*bands.values(), 0.0])
    doubt_N = np.zeros(roster.num_documents)
    for index, lists in enumerate(roster.pieces(job.store, "verdicts", "entries")):
        entries = lists.flatten()
        row_E = np.repeat(np.arange(len(lists)), pc.list_value_length(lists).to_numpy())
        band_E = band_R[pc.fill_null(pc.index_in(entries.field("rule"), names), len(bands)).to_numpy()]
        value_E, threshold_E = (
            entries.field(name).to_numpy(zero_copy_only=False).astype(np.float64) for name in ("value", "threshold")
        )
        within_E = np.maximum(1 - np.abs(value_E - threshold_E) / np.where(band_E > 0, band_E, 1), 0)
        found_E = np.where((band_E > 0) & ~np.isnan(within_E), within_E, 1.0)
        is_review_E = pc.equal(entries.field("action"), "review").to_numpy(zero_copy_only=False)
        np.maximum.at(doubt_N[roster.rows(index)], row_E, np.where(is_review_E, found_E, 0.0))
    return doubt_N


def _numbers(roster: Roster, store: Store, folder: str, name: str) -> Int64Array:
    pieces = [piece.to_numpy(zero_copy_only=False) for piece in roster.pieces(store, folder, name)]
    return np.concatenate([np.zeros(0, np.int64), *pieces])


def _codes(roster: Roster, store: Store, name: str) -> Int64Array:
    """Returns a number for each value of a column of `measured/`, -1 for null or where it was not measured."""
    if roster.parts:
        with store.open(f"measured/{roster.parts[0]}.parquet") as file:
            if name not in pq.read_schema(file).names:
                return np.full(roster.num_documents, -1, dtype=np.int64)
    values = pa.chunked_array(list(roster.pieces(store, "measured", name)), pa.string()).combine_chunks()
    return _places(values)


def _places(values: pa.Array) -> Int64Array:
    """Returns the number of each value in the order in which they first come, -1 for null."""
    codes = pc.fill_null(pc.index_in(values, pc.drop_null(pc.unique(values))), -1)
    return np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int64)


def write_questions(job: Job, roster: Roster, clustering: Clustering, selection: Selection) -> None:
    """Publishes `tasks/`: the questions in the order of asking, with texts."""
    linked_T = np.where(
        clustering.outcome_N[selection.row_T] == BORDERLINE, clustering.linked_N[selection.row_T], -1
    ).astype(np.int64)
    wanted = np.unique(np.concatenate((selection.row_T, linked_T[linked_T >= 0])))
    found = dict(zip(wanted.tolist(), _rows(job, roster, wanted), strict=True))
    privacy = Privacy.of(job.spec)
    tasks = [
        _task(found[row], found.get(linked), selection, place) | privacy.of_question(found[row])
        for place, (row, linked) in enumerate(zip(selection.row_T.tolist(), linked_T.tolist(), strict=True))
    ]
    write_part(job.store, TASKS, REVIEW_TASKS, pa.Table.from_pylist(tasks, REVIEW_TASKS).to_batches())


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """Names of a spec's rules on personal data, and where telephone numbers are looked for."""

    rules: frozenset[str]
    regions: list[str] | None

    @classmethod
    def of(cls, spec: JobSpec) -> "Privacy":
        """Returns those of a spec."""
        named = rules_by_name(spec).items()
        rules = frozenset(name for name, rule in named if rule.signal.startswith(PERSONAL_DATA))
        return cls(rules=rules, regions=list(spec.privacy.regions) if spec.privacy else None)

    def of_question(self, row: dict[str, object]) -> dict[str, object]:
        """Returns whether people are asked about a document for its personal data."""
        reasons = row["review_reasons"]
        names = {str(reason).partition(": ")[0] for reason in (reasons if isinstance(reasons, list) else ())}
        return {
            "about_privacy": not self.rules.isdisjoint({*names, str(row["decided_by"])}),
            "phone_regions": self.regions,
        }


def _rows(job: Job, roster: Roster, wanted: Int64Array) -> Iterator[dict[str, object]]:
    """Yields what is shown of chosen documents, one part after the other."""
    for index, part in enumerate(roster.parts):
        rows = roster.rows(index)
        mine = wanted[(wanted >= rows.start) & (wanted < rows.stop)]
        if not mine.size:
            continue
        places = pa.array(mine - rows.start)
        columns = {
            **_taken(job.store, f"measured/{part}.parquet", ["doc_id", "source", "text"], places),
            **_taken(job.store, f"signatures/{part}.parquet", ["text_hash"], places),
            **_taken(
                job.store, f"decisions/{part}.parquet", ["state", "decided_by", "failed", "review_reasons"], places
            ),
        }
        yield from pa.table(columns).to_pylist()


def _taken(store: Store, name: str, columns: list[str], places: pa.Array) -> dict[str, pa.ChunkedArray]:
    table = read_part(store, name, columns).take(places)
    return {column: table[column] for column in columns}


def _task(
    row: dict[str, object], other: dict[str, object] | None, selection: Selection, place: int
) -> dict[str, object]:
    route = REVIEW_ROUTES[selection.route_T[place]]
    return question(row, other, route, reason=_reason(row, route), priority=place) | {
        "inclusion_probability": float(selection.probability_T[place]),
        "num_reviewers": int(selection.num_reviewers_T[place]),
        "is_blind": bool(selection.route_T[place] != DOUBT),
    }


def question(
    row: dict[str, object], other: dict[str, object] | None, route: str, *, reason: str, priority: int
) -> dict[str, object]:
    """Returns a row of REVIEW_TASKS that is surely asked of one person, without what privacy adds.

    Args:
        row: `doc_id`, `source`, `text`, `text_hash` and `state` of a document.
        other: of the one that it may be a copy of, if that is the question.
        route: one of REVIEW_ROUTES.
        reason: why people are asked.
        priority: 0 is asked first.
    """
    doc_id = row["doc_id"]
    assert isinstance(doc_id, bytes), "ids are 16 bytes"
    kind = "document" if other is None else "pair"
    other_id = other["doc_id"] if other else None
    named = [doc_id.hex(), _hex(row["text_hash"]), _hex(other_id), _hex(other["text_hash"] if other else None), kind]
    return {
        "review_key": fingerprint([*named, route])[:KEY_DIGITS],
        "kind": kind,
        "doc_id": doc_id,
        "text_hash": row["text_hash"],
        "other_id": other_id,
        "source": row["source"],
        "state": row["state"],
        "route": route,
        "reason": reason,
        "inclusion_probability": 1.0,
        "priority": priority,
        "num_reviewers": 1,
        "is_blind": False,
        "prediction": {"kept": "keep", "dropped": "drop"}.get(str(row["state"])) if kind == "document" else None,
        "text": str(row["text"])[:MOST_CHARS],
        "other_text": str(other["text"])[:MOST_CHARS] if other else None,
    }


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else ""


def _reason(row: dict[str, object], route: str) -> str:
    if route == REVIEW_ROUTES[DOUBT]:
        reasons = row["review_reasons"]
        return "; ".join(map(str, reasons)) if isinstance(reasons, list) else ""
    return "random kept document" if route == REVIEW_ROUTES[AUDIT_KEPT] else f"random document of {row['decided_by']}"
