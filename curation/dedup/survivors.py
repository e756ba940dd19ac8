"""Which copy of a document stays, from verified links and the states that the gates gave.

Two rules. `earlier`: a document goes iff it has a link to an earlier document that stays; nothing chains.
`component`: one document stays per connected component. Documents in review never remove another: what
people have yet to decide is held, and a held document has that answer only.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curation.kernels.link_graph import link_graph
from curation.kernels.survivors import BORDERLINE, HELD, REMOVED, STAYS, Outcome, by_component, by_earlier, components

__all__ = ["BORDERLINE", "HELD", "REMOVED", "STAYS", "SurvivorInput", "Survivors", "survivors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorInput:
    """N documents by rank, and what links them. Dropped documents have no links.

    Attributes:
        in_review_N: bool; document n has rank n.
        group_KN: int32 (K, N), K kinds of groups, the first named first: group of each document, -1 for none.
            All members of a group are linked to each other; it has two at least, of one kind.
        node_N: int32; the document under whose rank n's links stand: its own, or that of a member of one of
            its groups whose members all have the same links.
        later_L: the less preferred end of each link, a node; `later_L > earlier_L`.
        earlier_L: the other end. Links may come in any order; of two between the same nodes the first counts.
        weak_L: bool; a weak link removes nobody, it sends the later document to review.
        rule: `earlier` or `component`.
        undecided: `hold` what depends on a document in review, or `keep` it as if nobody were asked.
        num_followers: how many of the last documents are there for the others: see `survivors`.
    """

    in_review_N: NDArray[np.bool_]
    group_KN: NDArray[np.int32]
    node_N: NDArray[np.int32]
    later_L: NDArray[np.int32]
    earlier_L: NDArray[np.int32]
    weak_L: NDArray[np.bool_]
    rule: Literal["earlier", "component"] = "earlier"
    undecided: Literal["hold", "keep"] = "hold"
    num_followers: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivors:
    """What becomes of N documents.

    Attributes:
        outcome_N: uint8: STAYS (0: kept stays kept, review stays in review), REMOVED (1), HELD (2) or
            BORDERLINE (3: only weak links lead to an earlier document; in review).
        via_N: int32, rank of the document at the other end of the link that decided; -1 where it stays.
        how_N: int32, what that link is: its index in `later_L`, or `-2 - k` for a group of kind k; -1 where it stays.
        survivor_N: int32, rank of the document that a removed one was removed for; else -1.
        cluster_N: int32, smallest rank that links other than weak ones join it to; -1 for a document without one.
    """

    outcome_N: NDArray[np.uint8]
    via_N: NDArray[np.int32]
    how_N: NDArray[np.int32]
    survivor_N: NDArray[np.int32]
    cluster_N: NDArray[np.int32]


def survivors(links: SurvivorInput) -> Survivors:
    """Returns every document's outcome.

    `earlier`: in order of rank, a document with a link to an earlier one that stays and is not in review
    is removed; else, with a link to an earlier one that is in review or held, it is held (unless it is in
    review itself: then it stays there). `component`: the earliest document of a component stays, unless it is
    in review; documents joined to one that stays by undisputed documents alone are removed; with
    `undecided="hold"`, undisputed documents that only one in review joins to an earlier one are held.
    A removed document always names a survivor that stays. One that would stay, but for a weak link to an earlier one
    that stays (or waits, with `hold`), is borderline, and from then on like a document in review.
    Followers change nothing for the documents before them and join no clusters of theirs: they are decided after them,
    by `earlier`, and are in the cluster of the document that decided.

    Raises:
        ValueError: a link is no pair of ranks `earlier < later` below N.
    """
    _check(links)
    if links.num_followers:
        return _with_followers(links)
    graph = link_graph(links.in_review_N, links.group_KN, links.node_N, links.later_L, links.earlier_L, links.weak_L)
    decide = by_component if links.rule == "component" else by_earlier
    return Survivors(**decide(graph, hold=links.undecided == "hold")._asdict(), cluster_N=components(graph))


def _with_followers(links: SurvivorInput) -> Survivors:
    lead = links.in_review_N.size - links.num_followers
    index = np.flatnonzero(links.later_L < lead).astype(np.int32)
    first = survivors(
        replace(
            links,
            in_review_N=links.in_review_N[:lead],
            group_KN=_of_several(links.group_KN[:, :lead]),
            node_N=links.node_N[:lead],
            later_L=links.later_L[index],
            earlier_L=links.earlier_L[index],
            weak_L=links.weak_L[index],
            num_followers=0,
        )
    )
    how_N = first.how_N.copy()
    how_N[how_N >= 0] = index[how_N[how_N >= 0]]
    waits_N = links.in_review_N.copy()
    waits_N[:lead] |= (first.outcome_N == HELD) | (first.outcome_N == BORDERLINE)
    graph = link_graph(waits_N, links.group_KN, links.node_N, links.later_L, links.earlier_L, links.weak_L)
    decided = Outcome(first.outcome_N, first.via_N, how_N, first.survivor_N)
    result = by_earlier(graph, hold=links.undecided == "hold", decided=decided)
    return Survivors(**result._asdict(), cluster_N=_followed(result, first.cluster_N))


def _of_several(group_KN: NDArray[np.int32]) -> NDArray[np.int32]:
    """Returns groups without those of which one member is left."""
    sizes = np.bincount(group_KN[group_KN >= 0], minlength=1)
    return np.where((group_KN >= 0) & (sizes[group_KN] > 1), group_KN, np.int32(-1))


def _followed(result: Outcome, cluster_N: NDArray[np.int32]) -> NDArray[np.int32]:
    """Returns the clusters of all: each follower is in that of the document that decided about it, if one did."""
    lead = cluster_N.size
    whole_N = np.concatenate((cluster_N, np.full(result.via_N.size - lead, -1, dtype=np.int32)))
    decided = (result.via_N >= 0) & (result.outcome_N != BORDERLINE)
    for follower in (lead + np.flatnonzero(decided[lead:])).tolist():
        via = result.via_N[follower]
        if whole_N[via] < 0:
            whole_N[via] = via
        whole_N[follower] = whole_N[via]
    return whole_N


def _check(links: SurvivorInput) -> None:
    later_L, earlier_L, size = links.later_L, links.earlier_L, links.in_review_N.size
    if not later_L.shape == earlier_L.shape == links.weak_L.shape:
        raise ValueError(f"survivors: expected links, found {later_L.size} later and {earlier_L.size} earlier ends")
    if links.node_N.shape != (size,) or links.group_KN.shape[1:] != (size,):
        raise ValueError(
            f"survivors: expected nodes and groups of {size} documents, found {links.node_N.shape} and "
            f"{links.group_KN.shape}"
        )
    if later_L.size and not ((earlier_L >= 0) & (earlier_L < later_L) & (later_L < size)).all():
        bad = int(np.flatnonzero((earlier_L < 0) | (earlier_L >= later_L) | (later_L >= size))[0])
        raise ValueError(
            f"link {bad}: expected ranks 0 <= earlier < later < {size}, "
            f"found earlier {earlier_L[bad]} and later {later_L[bad]}"
        )
