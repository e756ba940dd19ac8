"""The two rules of survivorship, each one pass over links sorted by (later, earlier).

Documents are numbered by preference: an earlier one has a smaller number. Shape letters: N documents, L links.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.union_find import union_find

I64: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Outcome: TypeAlias = tuple[NDArray[np.uint8], I64, I64]

STAYS, REMOVED, HELD = np.uint8(0), np.uint8(1), np.uint8(2)


def by_earlier(in_review_N: Mask, later_L: I64, earlier_L: I64, *, hold: bool) -> Outcome:
    """Returns (outcome_N, via_link_N, survivor_N) of the rule "removed iff linked to an earlier one that stays".

    Args:
        in_review_N: bool; such a document removes nobody, and holds whom it would remove if `hold`.
        later_L: int64, ascending.
        earlier_L: int64, smaller than `later_L`, ascending among links of one `later_L`.
        hold: whether documents that depend on one in review are held.
    """
    outcome_N, via_N, survivor_N = _nothing_decided(in_review_N.size)
    _by_earlier(in_review_N, later_L, earlier_L, hold, (outcome_N, via_N, survivor_N))
    return outcome_N, via_N, survivor_N


def by_component(in_review_N: Mask, later_L: I64, earlier_L: I64, *, hold: bool) -> Outcome:
    """Returns (outcome_N, via_link_N, survivor_N) of the rule "the earliest of each component stays".

    Arguments as for `by_earlier`. Links between undisputed documents make groups, which no answer of people
    divides; those of documents in review join groups to components. The group that has the earliest document
    of its component keeps that one, whatever people answer; with `hold`, the other groups wait.
    """
    outcome_N, via_N, survivor_N = _nothing_decided(in_review_N.size)
    undisputed_L = ~(in_review_N[later_L] | in_review_N[earlier_L])
    group_N = union_find(in_review_N.size, later_L[undisputed_L], earlier_L[undisputed_L])
    component_N = union_find(in_review_N.size, later_L, earlier_L)
    _by_component((in_review_N, group_N, component_N), later_L, earlier_L, hold, (outcome_N, via_N, survivor_N))
    return outcome_N, via_N, survivor_N


def _nothing_decided(size: int) -> Outcome:
    return np.full(size, STAYS), np.full(size, -1, dtype=np.int64), np.full(size, -1, dtype=np.int64)


@kernel
def _by_earlier(in_review_N: Mask, later_L: I64, earlier_L: I64, hold: bool, out: Outcome) -> None:
    outcome_N, via_N, survivor_N = out
    for link in range(later_L.size):
        later, earlier = later_L[link], earlier_L[link]
        if outcome_N[later] == REMOVED or outcome_N[earlier] == REMOVED:
            continue
        if not in_review_N[earlier] and outcome_N[earlier] == STAYS:
            outcome_N[later], via_N[later], survivor_N[later] = REMOVED, link, earlier
        elif hold and not in_review_N[later] and outcome_N[later] == STAYS:
            outcome_N[later], via_N[later] = HELD, link


@kernel
def _by_component(documents: tuple[Mask, I64, I64], later_L: I64, earlier_L: I64, hold: bool, out: Outcome) -> None:
    """Decides who is removed and for whom, then who is held, then by which link."""
    in_review_N, group_N, component_N = documents
    outcome_N, via_N, survivor_N = out
    for link in range(later_L.size):
        for one, other in ((later_L[link], earlier_L[link]), (earlier_L[link], later_L[link])):
            survivor = group_N[other]
            stays = not in_review_N[other] and (not hold or component_N[survivor] == survivor)
            if stays and survivor < one and (outcome_N[one] == STAYS or survivor < survivor_N[one]):
                outcome_N[one], survivor_N[one] = REMOVED, survivor
    for n in range(group_N.size):
        if hold and not in_review_N[n] and outcome_N[n] == STAYS and component_N[n] < n:
            outcome_N[n] = HELD
    for link in range(later_L.size):
        for one, other in ((later_L[link], earlier_L[link]), (earlier_L[link], later_L[link])):
            removes = outcome_N[one] == REMOVED and not in_review_N[other] and group_N[other] == survivor_N[one]
            if (removes or outcome_N[one] == HELD) and _is_nearer(link, via_N[one], later_L, earlier_L):
                via_N[one] = link


@kernel
def _is_nearer(link: int, present: int, later_L: I64, earlier_L: I64) -> bool:
    """Whether `link` leads its document to an earlier one than its link `present` does, or there is none."""
    return present < 0 or later_L[link] + earlier_L[link] < later_L[present] + earlier_L[present]
