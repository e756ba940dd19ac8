"""Links to survivors, on the driver: whole-run arrays, no text.

Documents that a gate dropped take no part. Documents that are equal by something are linked first; of equal texts only
the earliest (in the order of survivors) is compared for near duplicates, and its links are theirs.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.dedup.linking import is_borderline
from curation.dedup.survivors import REMOVED, SurvivorInput, Survivors, survivors
from curation.kernels.families import are_related
from curation.schema import LINK_KINDS
from pipelines.faults import reach
from pipelines.linking import NO_RANK, RANKS, SCOPES, hot_buckets, save_array
from pipelines.links_table import LinkRows, write_links_table
from pipelines.measuring import Job
from pipelines.ranking import Ranked, rank_documents
from pipelines.roster import IN_REVIEW, Roster
from pipelines.verifying import collected_links, similarities

NO_LINK = len(LINK_KINDS)
"""Code of the kind of link of a document without a deciding one; the others are places in LINK_KINDS."""
NEAR, BORDERLINE_LINK = LINK_KINDS.index("near"), LINK_KINDS.index("near_borderline")
EQUAL = {"exact_text": 1.0, "exact_words": 1.0}
"""Jaccard similarity that documents have by being equal; of the other kinds it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustering:
    """What links did to each of N documents (rows of the roster); -1 and NaN where there is nothing to say."""

    outcome_N: NDArray[np.uint8]  # STAYS, REMOVED, HELD, BORDERLINE
    kind_N: NDArray[np.uint8]  # kind of the deciding link, NO_LINK without one
    jaccard_N: NDArray[np.float64]  # of the deciding link
    linked_N: NDArray[np.int32]  # row of the document at its other end
    survivor_N: NDArray[np.int32]  # row of the document that a removed one was removed for
    survivor_jaccard_N: NDArray[np.float64]
    cluster_N: NDArray[np.int32]  # row of the earliest member
    size_N: NDArray[np.int32]  # members of the cluster; 1: alone; 0: takes no part
    hot_buckets: int
    num_links: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Links:
    """L links between nodes: those of groups listed pair by pair, then near ones."""

    later_L: NDArray[np.int32]
    earlier_L: NDArray[np.int32]
    kind_L: NDArray[np.uint8]
    jaccard_L: NDArray[np.float64]
    hot_buckets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decided:
    """What becomes of R ranked documents, and by which link."""

    links: _Links
    result: Survivors
    kind_R: NDArray[np.uint8]
    jaccard_R: NDArray[np.float64]


def cluster(
    job: Job, roster: Roster, run_near: Callable[[int], None], *, apart: frozenset[tuple[bytes, bytes]] = frozenset()
) -> Clustering:
    """Returns what deduplication does to every document, and publishes `links/`.

    Args:
        job: the job.
        roster: all documents.
        run_near: runs the near-duplicate graphs for that many ranks; they leave `work/links/`.
        apart: pairs of documents that people found to be different: near links between them do not count.
    """
    ranked = rank_documents(job, roster)
    links = _links(job, roster, ranked, run_near, apart)
    reach("in_survivors")
    decided = _decided(ranked, links, _survivors(job, roster, ranked, links))
    num_links = _write_links(job, roster, ranked, decided)
    similarity_R = _similarity_to_survivor(job, roster, ranked, decided)
    return _by_row(roster, ranked.rows_R, decided, similarity_R, num_links=num_links)


def _links(
    job: Job,
    roster: Roster,
    ranked: Ranked,
    run_near: Callable[[int], None],
    apart: frozenset[tuple[bytes, bytes]],
) -> _Links:
    exact = ranked.exact
    codes = np.array([LINK_KINDS.index(kind) for kind in ranked.kinds] or [NO_LINK], dtype=np.uint8)
    equal = np.array([EQUAL.get(kind, np.nan) for kind in ranked.kinds] or [np.nan])
    later, earlier, kind, jaccard = exact.later_L, exact.earlier_L, codes[exact.kind_L], equal[exact.kind_L]
    near = job.spec.dedup.near
    if near is None or not ranked.rows_R.size:
        return _Links(later_L=later, earlier_L=earlier, kind_L=kind, jaccard_L=jaccard, hot_buckets=0)
    _prepare_near(job, roster, ranked)
    run_near(ranked.rows_R.size)
    near_later, near_earlier, near_jaccard = collected_links(job.store)
    allowed = _may_be_linked(ranked, near_later, near_earlier) & ~_apart(
        roster, ranked, apart, near_later, near_earlier
    )
    weak = is_borderline(near_jaccard, min_jaccard=near.min_jaccard, review_within=near.review_within)
    return _Links(
        later_L=np.concatenate((later, near_later[allowed].astype(np.int32))),
        earlier_L=np.concatenate((earlier, near_earlier[allowed].astype(np.int32))),
        kind_L=np.concatenate((kind, np.where(weak, BORDERLINE_LINK, NEAR).astype(np.uint8)[allowed])),
        jaccard_L=np.concatenate((jaccard, near_jaccard[allowed])),
        hot_buckets=hot_buckets(job.store),
    )


def _prepare_near(job: Job, roster: Roster, ranked: Ranked) -> None:
    """Publishes the rank of every document that is compared, part by part, and the scopes."""
    rank_N = np.full(roster.num_documents, NO_RANK)
    ranks = np.arange(ranked.rows_R.size, dtype=np.int32)
    compared = ranked.exact.node_N == ranks
    rank_N[ranked.rows_R[compared]] = ranks[compared]
    for index, part in enumerate(roster.parts):
        save_array(job.store, f"{RANKS}/{part}.npy", rank_N[roster.rows(index)])
    if ranked.scope_R.size:
        save_array(job.store, SCOPES, ranked.scope_R)


def _may_be_linked(ranked: Ranked, later: NDArray[np.uint32], earlier: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Returns whether pairs are of one scope (equal band hashes are only next to a proof of it) and no relatives."""
    allowed = ~are_related(ranked.parent_R, later.astype(np.int32), earlier.astype(np.int32))
    if ranked.scope_R.size:
        allowed &= ranked.scope_R[later] == ranked.scope_R[earlier]
    return allowed


def _apart(
    roster: Roster,
    ranked: Ranked,
    apart: frozenset[tuple[bytes, bytes]],
    later: NDArray[np.uint32],
    earlier: NDArray[np.uint32],
) -> NDArray[np.bool_]:
    """Returns whether people found the two documents of a pair to be different."""
    if not apart:
        return np.zeros(later.size, dtype=bool)
    ids_R = roster.ids_N[ranked.rows_R]
    both = apart | {(other, one) for one, other in apart}
    named = np.isin(ids_R, np.array(sorted({one for one, _ in both}), dtype="S16"))
    maybe = np.flatnonzero(named[later] & named[earlier])
    found = np.zeros(later.size, dtype=bool)
    ends = zip(ids_R[later[maybe]].tolist(), ids_R[earlier[maybe]].tolist(), strict=True)
    found[maybe] = [(one.ljust(16, b"\x00"), other.ljust(16, b"\x00")) in both for one, other in ends]
    return found


def _survivors(job: Job, roster: Roster, ranked: Ranked, links: _Links) -> Survivors:
    dedup = job.spec.dedup
    return survivors(
        SurvivorInput(
            in_review_N=roster.state_N[ranked.rows_R] == IN_REVIEW,
            group_KN=ranked.exact.group_KN,
            node_N=ranked.exact.node_N,
            later_L=links.later_L,
            earlier_L=links.earlier_L,
            weak_L=links.kind_L == BORDERLINE_LINK,
            rule=dedup.near.survivors if dedup.near else "earlier",
            undecided=dedup.undecided,
            num_followers=ranked.num_synthetic,
        )
    )


def _decided(ranked: Ranked, links: _Links, result: Survivors) -> _Decided:
    kind_R = np.full(result.how_N.size, NO_LINK, dtype=np.uint8)
    jaccard_R = np.full(result.how_N.size, np.nan)
    by_link = result.how_N >= 0
    kind_R[by_link] = links.kind_L[result.how_N[by_link]]
    jaccard_R[by_link] = links.jaccard_L[result.how_N[by_link]]
    for place, kind in enumerate(ranked.kinds):
        in_group = result.how_N == -2 - place
        kind_R[in_group], jaccard_R[in_group] = LINK_KINDS.index(kind), EQUAL.get(kind, np.nan)
    return _Decided(links=links, result=result, kind_R=kind_R, jaccard_R=jaccard_R)


def _write_links(job: Job, roster: Roster, ranked: Ranked, decided: _Decided) -> int:
    """Publishes every link found, each member of a group with its earliest one, and every link that decided."""
    links, via_R = decided.links, decided.result.via_N
    rows = [LinkRows.of(links.later_L, links.earlier_L, links.kind_L, links.jaccard_L)]
    for place, kind in enumerate(ranked.kinds):
        group_R = ranked.exact.group_KN[place]
        member = np.flatnonzero(group_R >= 0).astype(np.int32)
        groups, first = np.unique(group_R[member], return_index=True)
        earliest = member[first[np.searchsorted(groups, group_R[member])]]
        rows.append(LinkRows.same(member, earliest, LINK_KINDS.index(kind), EQUAL.get(kind, np.nan)))
    linked = np.flatnonzero(via_R >= 0).astype(np.int32)
    rows.append(LinkRows.of(linked, via_R[linked], decided.kind_R[linked], decided.jaccard_R[linked]))
    return write_links_table(job, LinkRows.joined(rows), roster.ids_N, ranked.rows_R)


def _similarity_to_survivor(job: Job, roster: Roster, ranked: Ranked, decided: _Decided) -> NDArray[np.float64]:
    """Returns that of the deciding link where it leads to the survivor, and compares the two where it does not."""
    result = decided.result
    removed = result.outcome_N == REMOVED
    similarity_R = np.where(removed, decided.jaccard_R, np.nan)
    chained = np.flatnonzero(removed & (result.via_N != result.survivor_N))
    similarity_R[chained] = np.nan
    if chained.size and job.spec.dedup.near is not None:
        node_R = ranked.exact.node_N
        ends = node_R[chained], node_R[result.survivor_N[chained]]
        similarity_R[chained] = similarities(job, roster.parts, *ends)
    return similarity_R


def _by_row(
    roster: Roster,
    rows_R: NDArray[np.int32],
    decided: _Decided,
    similarity_R: NDArray[np.float64],
    *,
    num_links: int,
) -> Clustering:
    cluster_R = decided.result.cluster_N
    sizes = np.bincount(cluster_R[cluster_R >= 0], minlength=rows_R.size)
    size_R = np.where(cluster_R >= 0, sizes[cluster_R], 1).astype(np.int32)

    def spread(values_R: NDArray[np.generic], missing: float) -> np.ndarray:
        values_N = np.full(roster.num_documents, missing, dtype=values_R.dtype)
        values_N[rows_R] = values_R
        return values_N

    def rows(rank_R: NDArray[np.int32]) -> np.ndarray:
        return spread(np.where(rank_R >= 0, rows_R[rank_R], np.int32(-1)), -1)

    return Clustering(
        outcome_N=spread(decided.result.outcome_N, 0),
        kind_N=spread(decided.kind_R, NO_LINK),
        jaccard_N=spread(decided.jaccard_R, np.nan),
        linked_N=rows(decided.result.via_N),
        survivor_N=rows(decided.result.survivor_N),
        survivor_jaccard_N=spread(similarity_R, np.nan),
        cluster_N=rows(cluster_R),
        size_N=spread(size_R, 0),
        hot_buckets=decided.links.hot_buckets,
        num_links=num_links,
    )
