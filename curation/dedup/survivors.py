"""Which copy of a document stays, from verified links and the states that the gates gave.

Two rules. `earlier`: a document goes iff it has a link to an earlier document that stays; nothing chains.
`component`: one document stays per connected component. Documents in review never remove another: what
people have yet to decide is held, and a held document has that answer only.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curation.kernels.survivors import HELD, REMOVED, STAYS, by_component, by_earlier
from curation.kernels.union_find import union_find

__all__ = ["HELD", "REMOVED", "STAYS", "OrderInput", "SurvivorInput", "Survivors", "rank_of", "survivors"]

Prefer = Literal["source", "longest", "licensed", "newest"]

UNDATED = np.iinfo(np.int64).min
"""`fetch_time_N` of a document without one: older than any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInput:
    """What decides which of N documents is preferred.

    Attributes:
        prefer: criteria, the most important first; ties go to the next and last to `doc_id_N`.
        undecided: `keep` puts documents in review after all others.
        doc_id_N: S16, unique (`curation.dedup.linking.ids_of`).
        source_N: int64, place of the document's input in the spec; smaller first.
        length_N: int64, e.g. bytes of text; longer first.
        licensed_N: bool; documents with a known licence first.
        fetch_time_N: int64 microseconds since 1970, `UNDATED` where unknown; newer first.
        in_review_N: bool.
    """

    prefer: tuple[Prefer, ...]
    undecided: Literal["hold", "keep"]
    doc_id_N: NDArray[np.bytes_]
    source_N: NDArray[np.int64]
    length_N: NDArray[np.int64]
    licensed_N: NDArray[np.bool_]
    fetch_time_N: NDArray[np.int64]
    in_review_N: NDArray[np.bool_]


def rank_of(order: OrderInput) -> NDArray[np.int64]:
    """Returns int64 (N,): each document's place, 0 for the most preferred.

    A total order: it depends on the documents and the policy, never on the order they come in.
    """
    criteria: dict[str, NDArray[np.int64]] = {
        "source": order.source_N,
        "longest": -order.length_N,
        "licensed": (~order.licensed_N).astype(np.int64),
        "newest": ~order.fetch_time_N,  # ~x = -x - 1 reverses the order without overflow
    }
    high_N, low_N = np.ascontiguousarray(order.doc_id_N).view(">u8").reshape(-1, 2).T
    keys = [low_N, high_N, *(criteria[name] for name in reversed(order.prefer))]
    if order.undecided == "keep":
        keys.append(order.in_review_N.astype(np.int64))
    rank_N = np.empty(order.doc_id_N.size, dtype=np.int64)
    rank_N[np.lexsort(keys)] = np.arange(rank_N.size)
    return rank_N


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivorInput:
    """N documents by rank, and L links between them.

    Attributes:
        in_review_N: bool; document n has rank n. Dropped documents have no links.
        later_L: int64, the less preferred end of each link; `later_L > earlier_L`.
        earlier_L: int64. Links may come in any order; of two between the same documents the first counts.
        rule: `earlier` or `component`.
        undecided: `hold` what depends on a document in review, or `keep` it as if nobody were asked.
    """

    in_review_N: NDArray[np.bool_]
    later_L: NDArray[np.int64]
    earlier_L: NDArray[np.int64]
    rule: Literal["earlier", "component"] = "earlier"
    undecided: Literal["hold", "keep"] = "hold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivors:
    """What becomes of N documents.

    Attributes:
        outcome_N: uint8: STAYS (0: kept stays kept, review stays in review), REMOVED (1) or HELD (2).
        via_link_N: int64, index of the link that decided (for `component`: the document's link to its
            earliest neighbour among those that decided); -1 where it stays.
        survivor_N: int64, rank of the document that a removed one was removed for; else -1.
        cluster_N: int64, smallest rank of the connected component; -1 for a document without a link.
    """

    outcome_N: NDArray[np.uint8]
    via_link_N: NDArray[np.int64]
    survivor_N: NDArray[np.int64]
    cluster_N: NDArray[np.int64]


def survivors(links: SurvivorInput) -> Survivors:
    """Returns every document's outcome.

    `earlier`: in order of rank, a document with a link to an earlier one that stays and is not in review
    is removed; else, with a link to an earlier one that is in review or held, it is held (unless it is in
    review itself: then it stays there). `component`: the earliest document of a component stays, unless it is
    in review; documents joined to one that stays by undisputed documents alone are removed; with
    `undecided="hold"`, undisputed documents that only one in review joins to an earlier one are held.
    A removed document always names a survivor that stays.

    Raises:
        ValueError: a link is no pair of ranks `earlier < later` below N.
    """
    _check(links)
    later_L, earlier_L = links.later_L.astype(np.int64, copy=False), links.earlier_L.astype(np.int64, copy=False)
    order_L = np.lexsort((earlier_L, later_L))
    ends = (later_L[order_L], earlier_L[order_L])
    decide = by_component if links.rule == "component" else by_earlier
    outcome_N, via_N, survivor_N = decide(links.in_review_N, *ends, hold=links.undecided == "hold")
    has_via_N = via_N >= 0
    via_N[has_via_N] = order_L[via_N[has_via_N]]
    return Survivors(outcome_N=outcome_N, via_link_N=via_N, survivor_N=survivor_N, cluster_N=_clusters(links))


def _clusters(links: SurvivorInput) -> NDArray[np.int64]:
    cluster_N = union_find(links.in_review_N.size, links.later_L, links.earlier_L)
    linked_N = np.zeros(cluster_N.size, dtype=np.bool_)
    linked_N[links.later_L] = linked_N[links.earlier_L] = True
    return np.where(linked_N, cluster_N, -1)


def _check(links: SurvivorInput) -> None:
    later_L, earlier_L, size = links.later_L, links.earlier_L, links.in_review_N.size
    if later_L.shape != earlier_L.shape:
        raise ValueError(f"survivors: expected links, found {later_L.size} later and {earlier_L.size} earlier ends")
    if later_L.size and not ((earlier_L >= 0) & (earlier_L < later_L) & (later_L < size)).all():
        bad = int(np.flatnonzero((earlier_L < 0) | (earlier_L >= later_L) | (later_L >= size))[0])
        raise ValueError(
            f"link {bad}: expected ranks 0 <= earlier < later < {size}, "
            f"found earlier {earlier_L[bad]} and later {later_L[bad]}"
        )
