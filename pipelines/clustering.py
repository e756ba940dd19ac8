"""Links to survivors, on the driver: one pass over sorted links, whole-run arrays, no text.

Documents that a gate dropped take no part. Texts that are equal are linked first; of each group only the
earliest (in the order of survivors) is compared for near duplicates, and the others follow it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.dedup.linking import exact_links, ids_of
from curation.dedup.survivors import HELD, REMOVED, STAYS, UNDATED, OrderInput, SurvivorInput, rank_of, survivors
from curation.kernels.union_find import union_find
from curation.schema import LINKS
from pipelines.faults import reach
from pipelines.linking import NO_RANK, RANKS, hot_buckets, save_array
from pipelines.measuring import Job
from pipelines.parts import write_part
from pipelines.roster import Roster, to_binary16
from pipelines.verifying import collected_links

NO_LINK, EXACT, NEAR = 0, 1, 2
IN_REVIEW, DROPPED_BY_GATES = 1, 2
LINKS_PER_PART = 1 << 20
CRITERIA = {"source": "source_N", "longest": "length_N", "licensed": "licensed_N", "newest": "fetch_time_N"}
"""`OrderInput`'s field for each preference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """What links did to each of N documents (rows of the roster)."""

    outcome_N: NDArray[np.uint8]  # STAYS, REMOVED, HELD
    kind_N: NDArray[np.uint8]  # kind of the deciding link
    jaccard_N: NDArray[np.float64]  # of the deciding link
    survivor_N: NDArray[np.int64]  # row of the document it was compared with; -1: none
    cluster_N: NDArray[np.int64]  # row of the earliest member; -1: alone
    hot_buckets: int
    num_links: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranked:
    """The documents that take part, in the order of survivors (R of them)."""

    rows_R: NDArray[np.int64]
    group_R: NDArray[np.int64]  # rank of the earliest document with the same text: itself, if it is that


def cluster(job: Job, roster: Roster, run_near: Callable[[int], None]) -> Clustering:
    """Returns what deduplication does to every document, and publishes `links/`.

    Args:
        job: the job.
        roster: all documents.
        run_near: runs the near-duplicate graphs for that many ranks; they leave `work/links/`.
    """
    ranked = _rank(job, roster)
    later, earlier, jaccard, hot = _near_links(job, roster, ranked, run_near)
    reach("in_survivors")
    twins = np.flatnonzero(ranked.group_R != np.arange(ranked.rows_R.size))
    _write_links(job, roster, ranked, twins, (later, earlier, jaccard))
    return _clustering(job, roster, ranked, twins, (later, earlier, jaccard), hot=hot)


def _rank(job: Job, roster: Roster) -> _Ranked:
    dedup = job.spec.dedup
    rows = np.flatnonzero(roster.state_N != DROPPED_BY_GATES)
    rank = rank_of(
        OrderInput(
            prefer=dedup.prefer,
            undecided=dedup.undecided,
            doc_id_N=roster.ids_N[rows],
            in_review_N=roster.state_N[rows] == IN_REVIEW,
            **_criteria(job, roster, rows),
        )
    )
    ordered = np.empty_like(rows)
    ordered[rank] = rows
    group = np.arange(rows.size)
    if dedup.exact:
        text_hash = roster.column(job.store, "signatures", "text_hash", ids_of, "S16")
        later, earlier = exact_links(text_hash[ordered], group)
        group[later] = earlier
    return _Ranked(rows_R=ordered, group_R=group)


def _criteria(job: Job, roster: Roster, rows: NDArray[np.int64]) -> dict[str, np.ndarray]:
    """Returns what the spec's preferences compare, read now; zeros that take no memory for what they do not."""
    sources = pa.array(list(job.spec.inputs))
    read: dict[str, Callable[[], np.ndarray]] = {
        "source": lambda: roster.column(
            job.store, "measured", "source", lambda column: _numpy(pc.index_in(column, sources)), np.int32
        ),
        "longest": lambda: roster.column(job.store, "signatures", "num_words", _numpy, np.int64),
        "licensed": lambda: roster.column(
            job.store, "measured", "license", lambda column: _numpy(column.is_valid()), np.bool_
        ),
        "newest": lambda: roster.column(
            job.store,
            "measured",
            "fetch_time",
            lambda column: _numpy(pc.fill_null(column.cast(pa.int64()), UNDATED)),
            np.int64,
        ),
    }
    nothing = np.broadcast_to(np.int64(0), rows.shape)
    return {field: read[name]()[rows] if name in job.spec.dedup.prefer else nothing for name, field in CRITERIA.items()}


def _numpy(column: pa.Array) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False))


def _near_links(
    job: Job, roster: Roster, ranked: _Ranked, run_near: Callable[[int], None]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float64], int]:
    if job.spec.dedup.near is None or not ranked.rows_R.size:
        return np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0), 0
    rank_N = np.full(roster.num_documents, NO_RANK)
    ranks = np.arange(ranked.rows_R.size)
    first = ranked.group_R == ranks
    rank_N[ranked.rows_R[first]] = ranks[first]
    for index, part in enumerate(roster.parts):
        save_array(job.store, f"{RANKS}/{part}.npy", rank_N[roster.rows(index)])
    run_near(ranked.rows_R.size)
    return *collected_links(job.store), hot_buckets(job.store)


def _write_links(
    job: Job,
    roster: Roster,
    ranked: _Ranked,
    twins: NDArray[np.int64],
    near: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float64]],
) -> None:
    """Publishes `links/`: exact and near, each pair once, sorted by (later, earlier, kind)."""
    later = np.concatenate((twins, near[0]))
    earlier = np.concatenate((ranked.group_R[twins], near[1]))
    jaccard = np.concatenate((np.ones(twins.size), near[2]))
    order = np.lexsort((earlier, later))
    ids = roster.ids_N[ranked.rows_R]
    for number, start in enumerate(range(0, max(order.size, 1), LINKS_PER_PART)):
        chosen = order[start : start + LINKS_PER_PART]
        kinds = np.where(chosen < twins.size, "exact", "near").tolist()
        columns = [to_binary16(ids[later[chosen]]), to_binary16(ids[earlier[chosen]]), pa.array(kinds, pa.string())]
        batch = pa.RecordBatch.from_arrays([*columns, pa.array(jaccard[chosen])], schema=LINKS)
        write_part(job.store, f"links/part-{number:05d}-{job.fingerprint[:8]}.parquet", LINKS, [batch])


def _clustering(
    job: Job,
    roster: Roster,
    ranked: _Ranked,
    twins: NDArray[np.int64],
    near: tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float64]],
    *,
    hot: int,
) -> Clustering:
    later, earlier, jaccard = near[0].astype(np.int64), near[1].astype(np.int64), near[2]
    size = ranked.rows_R.size
    rule = job.spec.dedup.near.survivors if job.spec.dedup.near else "earlier"
    state = roster.state_N[ranked.rows_R]
    undecided = job.spec.dedup.undecided
    links = SurvivorInput(
        in_review_N=state == IN_REVIEW, later_L=later, earlier_L=earlier, rule=rule, undecided=undecided
    )
    result = survivors(links)
    outcome_R, via_R = result.outcome_N, result.via_link_N
    kind_R = np.where(via_R >= 0, NEAR, NO_LINK).astype(np.uint8)
    jaccard_R, survivor_R = np.zeros(size), np.full(size, -1, dtype=np.int64)
    linked = via_R >= 0
    jaccard_R[linked] = jaccard[via_R[linked]]
    survivor_R[linked] = np.where(result.survivor_N >= 0, result.survivor_N, -1)[linked]
    _follow(
        twins,
        ranked.group_R,
        state,
        outcome_R=outcome_R,
        kind_R=kind_R,
        jaccard_R=jaccard_R,
        survivor_R=survivor_R,
    )
    root_R = union_find(size, np.concatenate((twins, later)), np.concatenate((ranked.group_R[twins], earlier)))
    alone_R = np.bincount(root_R, minlength=size)[root_R] == 1
    rows = ranked.rows_R
    clustering = Clustering(
        outcome_N=np.zeros(roster.num_documents, np.uint8),
        kind_N=np.zeros(roster.num_documents, np.uint8),
        jaccard_N=np.zeros(roster.num_documents),
        survivor_N=np.full(roster.num_documents, -1, np.int64),
        cluster_N=np.full(roster.num_documents, -1, np.int64),
        hot_buckets=hot,
        num_links=int(twins.size + later.size),
    )
    clustering.outcome_N[rows], clustering.kind_N[rows], clustering.jaccard_N[rows] = outcome_R, kind_R, jaccard_R
    clustering.survivor_N[rows] = np.where(survivor_R >= 0, rows[survivor_R], -1)
    clustering.cluster_N[rows] = np.where(alone_R, -1, rows[root_R])
    return clustering


def _follow(
    twins: NDArray[np.int64],
    group_R: NDArray[np.int64],
    state_R: NDArray[np.uint8],
    *,
    outcome_R: NDArray[np.uint8],
    kind_R: NDArray[np.uint8],
    jaccard_R: NDArray[np.float64],
    survivor_R: NDArray[np.int64],
) -> None:
    """Gives later copies of a text the fate of the first.

    Where the first stays undisputed they are removed for it; where it was removed for another, so are they, by the same
    link (equal texts have equal similarities); where it is undecided they are held, unless people see them anyway.
    """
    first = group_R[twins]
    gone = outcome_R[first] == REMOVED
    undecided = (outcome_R[first] == HELD) | ((outcome_R[first] == STAYS) & (state_R[first] == IN_REVIEW))
    waits = np.where(state_R[twins] == IN_REVIEW, STAYS, HELD)
    outcome_R[twins] = np.where(undecided, waits, REMOVED)
    kind_R[twins] = np.where(gone, kind_R[first], EXACT)
    jaccard_R[twins] = np.where(gone, jaccard_R[first], 1.0)
    survivor_R[twins] = np.where(gone, survivor_R[first], first)
