"""Documents made from others: who is an ancestor of whom, and pairs that are no relatives.

`parent_N[n]` is the document that n was made from, -1 where there is none; an empty array means that nobody has a
parent. Shape letters: N documents, G groups, M members of groups, P pairs.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

Numbers = NDArray[np.int32]


def nearest_ancestors(parent_M: Numbers, number_M: Numbers, num_numbers: int) -> Numbers:
    """Returns int32 (num_numbers,): of each numbered document, the number of its nearest ancestor that has one; or -1.

    Args:
        parent_M: index of each document's parent in this array, or -1.
        number_M: the number of each document, -1 for those that have none (ancestors are looked for beyond them).
        num_numbers: numbers are 0 to num_numbers - 1, each once.

    Raises:
        ValueError: a document is its own ancestor.
    """
    ancestor_N = np.full(num_numbers, -1, dtype=np.int32)
    circular = _nearest_ancestors(parent_M, number_M, ancestor_N)
    if circular >= 0:
        raise ValueError(f"parents: expected a document to come from others, found {circular} among its own ancestors")
    return ancestor_N


def are_related(parent_N: Numbers, one_P: Numbers, other_P: Numbers) -> NDArray[np.bool_]:
    """Returns bool (P,): whether one document of a pair is an ancestor of the other."""
    related_P = np.zeros(one_P.size, dtype=np.bool_)
    if parent_N.size:
        _are_related(parent_N, one_P, other_P, related_P)
    return related_P


def groups_of_relatives(parent_N: Numbers, member_M: Numbers, bounds_G1: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns bool (G,): whether a group has a document and an ancestor of it among its members."""
    found_G = np.zeros(bounds_G1.size - 1, dtype=np.bool_)
    if parent_N.size:
        group_N = np.full(parent_N.size, -1, dtype=np.int32)
        _groups_of_relatives(parent_N, member_M, bounds_G1, group_N, found_G)
    return found_G


def unrelated_pairs(
    parent_N: Numbers, member_M: Numbers, bounds_G1: NDArray[np.int64], *, max_earlier: int
) -> tuple[Numbers, Numbers]:
    """Returns (later, earlier): each member of a group with its `max_earlier` earliest members that are no relatives.

    Members of a group are ascending.
    """
    capacity = int(np.minimum(np.diff(bounds_G1), max_earlier + 1) @ np.diff(bounds_G1)) if bounds_G1.size > 1 else 0
    later_P, earlier_P = np.empty(capacity, dtype=np.int32), np.empty(capacity, dtype=np.int32)
    num_pairs = _unrelated_pairs(parent_N, member_M, bounds_G1, max_earlier, later_P, earlier_P)
    return later_P[:num_pairs].copy(), earlier_P[:num_pairs].copy()


@kernel
def _nearest_ancestors(parent_M: Numbers, number_M: Numbers, ancestor_N: Numbers) -> int:
    """Returns a document among its own ancestors, or -1."""
    for m in range(parent_M.size):
        above, steps = parent_M[m], 0
        while above >= 0 and (number_M[above] < 0 or number_M[m] < 0):
            above, steps = parent_M[above], steps + 1
            if steps > parent_M.size:
                return m
        if above >= 0:
            ancestor_N[number_M[m]] = number_M[above]
    for n in range(ancestor_N.size):
        above, steps = ancestor_N[n], 0
        while above >= 0:
            above, steps = ancestor_N[above], steps + 1
            if steps > ancestor_N.size:
                return n
    return -1


@kernel
def _is_ancestor(parent_N: Numbers, one: int, other: int) -> bool:
    above = parent_N[other]
    while above >= 0 and above != one:
        above = parent_N[above]
    return bool(above == one)


@kernel
def _are_related(parent_N: Numbers, one_P: Numbers, other_P: Numbers, related_P: NDArray[np.bool_]) -> None:
    for p in range(one_P.size):
        related_P[p] = _is_ancestor(parent_N, one_P[p], other_P[p]) or _is_ancestor(parent_N, other_P[p], one_P[p])


@kernel
def _groups_of_relatives(
    parent_N: Numbers, member_M: Numbers, bounds_G1: NDArray[np.int64], group_N: Numbers, found_G: NDArray[np.bool_]
) -> None:
    for g in range(found_G.size):
        for m in range(bounds_G1[g], bounds_G1[g + 1]):
            group_N[member_M[m]] = g
    for n in range(parent_N.size):
        above = parent_N[n] if group_N[n] >= 0 else -1
        while above >= 0:
            if group_N[above] == group_N[n]:
                found_G[group_N[n]] = True
            above = parent_N[above]


@kernel
def _unrelated_pairs(
    parent_N: Numbers,
    member_M: Numbers,
    bounds_G1: NDArray[np.int64],
    max_earlier: int,
    later_P: Numbers,
    earlier_P: Numbers,
) -> int:
    num_pairs = 0
    for g in range(bounds_G1.size - 1):
        for i in range(bounds_G1[g], bounds_G1[g + 1]):
            later, left = member_M[i], max_earlier
            for j in range(bounds_G1[g], i):
                earlier = member_M[j]
                if left and not (_is_ancestor(parent_N, earlier, later) or _is_ancestor(parent_N, later, earlier)):
                    later_P[num_pairs], earlier_P[num_pairs] = later, earlier
                    num_pairs, left = num_pairs + 1, left - 1
                if not left:
                    break
    return num_pairs
