"""The two rules of survivorship, each one pass over links sorted by (later, earlier).

Documents are numbered by preference: an earlier one has a smaller number. Shape letters: N documents, L links.
"""

from typing import TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

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

    Arguments as for `by_earlier`. Undisputed documents are joined first: whatever people answer, the
    members of such a group go with its earliest. Documents in review then join groups together, which
    holds every group that is not the earliest of its whole component.
    """
    outcome_N, via_N, survivor_N = _nothing_decided(in_review_N.size)
    undisputed_L = ~(in_review_N[later_L] | in_review_N[earlier_L])
    group_N = union_find(in_review_N.size, later_L[undisputed_L], earlier_L[undisputed_L])
    component_N = union_find(in_review_N.size, later_L, earlier_L)
    _by_component((in_review_N, group_N, component_N), later_L, earlier_L, hold, (outcome_N, via_N, survivor_N))
    return outcome_N, via_N, survivor_N


def _nothing_decided(size: int) -> Outcome:
    return np.full(size, STAYS), np.full(size, -1, dtype=np.int64), np.full(size, -1, dtype=np.int64)


@njit(nogil=True, cache=True)
def _by_earlier(in_review_N, later_L, earlier_L, hold, out):
    outcome_N, via_N, survivor_N = out
    for link in range(later_L.size):
        later, earlier = later_L[link], earlier_L[link]
        if outcome_N[later] == REMOVED or outcome_N[earlier] == REMOVED:
            continue
        if not in_review_N[earlier] and outcome_N[earlier] == STAYS:
            outcome_N[later], via_N[later], survivor_N[later] = REMOVED, link, earlier
        elif hold and not in_review_N[later] and outcome_N[later] == STAYS:
            outcome_N[later], via_N[later] = HELD, link


@njit(nogil=True, cache=True)
def _by_component(documents, later_L, earlier_L, hold, out):
    """Two passes: which documents are removed or held, then by which link."""
    in_review_N, group_N, component_N = documents
    outcome_N, via_N, survivor_N = out
    for link in range(later_L.size):
        later, earlier = later_L[link], earlier_L[link]
        for one, other in ((later, earlier), (earlier, later)):
            if in_review_N[other]:
                continue
            if group_N[other] < one and (in_review_N[one] or group_N[one] < one):
                outcome_N[one] = REMOVED
                if survivor_N[one] < 0 or group_N[other] < survivor_N[one]:
                    survivor_N[one] = group_N[other]
    for n in range(group_N.size):
        if hold and not in_review_N[n] and outcome_N[n] == STAYS and component_N[n] < n:
            outcome_N[n] = HELD
    for link in range(later_L.size):
        later, earlier = later_L[link], earlier_L[link]
        for one, other in ((later, earlier), (earlier, later)):
            removes = outcome_N[one] == REMOVED and not in_review_N[other] and group_N[other] == survivor_N[one]
            if (removes or outcome_N[one] == HELD) and _is_earlier_end(via_N[one], other, one, later_L, earlier_L):
                via_N[one] = link


@njit(nogil=True, cache=True)
def _is_earlier_end(link, other, one, later_L, earlier_L):
    """Whether `other` comes before the far end of `one`'s present link, or there is none yet."""
    return link < 0 or other < later_L[link] + earlier_L[link] - one
