"""Best-fit-decreasing bin packing, with bins that may be partly full from the start."""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

NONE = -1

Int64Array = NDArray[np.int64]


def best_fit(length_I: Int64Array, left_B: Int64Array, *, capacity: int) -> Int64Array:
    """Returns int64 (I,): the bin of each item; bins [0, B) are there already, others are opened as needed.

    An item goes into the bin that has the least room that is enough, of equal ones into the one that came to have
    that room last; where none has enough, it opens one. Cost: logarithmic in `capacity` per item.

    Args:
        length_I: lengths in the order in which items are placed (best fit decreasing: falling), in [0, capacity].
        left_B: room in the bins that are there, in [0, capacity].
        capacity: room in a new bin.

    Raises:
        ValueError: a length or room is out of range.
    """
    for values in (length_I, left_B):
        if values.size and not 0 <= values.min() <= values.max() <= capacity:
            raise ValueError(f"expected lengths in [0, {capacity}], found [{values.min()}, {values.max()}]")
    leaves = 1 << max(int(capacity).bit_length(), 1)
    bins = left_B.size + length_I.size
    bin_I = np.empty(length_I.size, dtype=np.int64)
    state = (np.zeros(2 * leaves, np.int64), np.full(leaves, NONE, np.int64), np.empty(bins, np.int64))
    _place(length_I, left_B, np.int64(capacity), *state, bin_I)
    return bin_I


@kernel
def _add(room, number, bin_, count_T, last_R, before_B):  # type: ignore[no-untyped-def]
    """Adds (number 1) bin `bin_`, or takes away (number -1) the last one, at `room`; `count_T` is a tree of counts."""
    if number > 0:
        before_B[bin_] = last_R[room]
        last_R[room] = bin_
    else:
        last_R[room] = before_B[bin_]
    node = last_R.size + room
    while node > 0:
        count_T[node] += number
        node >>= 1


@kernel
def _least_room(length, count_T, leaves):  # type: ignore[no-untyped-def]
    """Returns the least room of at least `length` that a bin has, or NONE."""
    node = leaves + length
    if count_T[node] > 0:
        return length
    while node > 1 and (node & 1 == 1 or count_T[node + 1] == 0):
        node >>= 1
    if node <= 1:
        return np.int64(NONE)
    node += 1
    while node < leaves:
        node = 2 * node if count_T[2 * node] > 0 else 2 * node + 1
    return node - leaves


@kernel
def _place(length_I, left_B, capacity, count_T, last_R, before_B, bin_I):  # type: ignore[no-untyped-def]
    for bin_ in range(left_B.size):
        _add(left_B[bin_], 1, bin_, count_T, last_R, before_B)
    bins = left_B.size
    for item in range(length_I.size):
        length = length_I[item]
        room = _least_room(length, count_T, last_R.size)
        if room == NONE:
            bin_, room = bins, capacity
            bins += 1
        else:
            bin_ = last_R[room]
            _add(room, -1, bin_, count_T, last_R, before_B)
        bin_I[item] = bin_
        _add(room - length, 1, bin_, count_T, last_R, before_B)
