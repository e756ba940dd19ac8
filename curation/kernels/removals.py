"""Byte ranges to be removed from documents, and the text without them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.words import Bytes, Counts, check_documents

Z, ONE = np.uint64(0), np.uint64(1)
RULE, BEGIN, END = range(3)


class Removals(NamedTuple):
    """R ranges by document, in order, apart from one another or adjacent."""

    range_R3: NDArray[np.int64]
    """Rule, first byte and end, from the start of the document."""
    offsets_N1: Counts
    """Where each document's ranges begin."""


def without(values: Bytes, offsets_N1: Counts, removals: Removals) -> tuple[Bytes, Counts]:
    """Returns (values, offsets_N1) of the documents without the ranges.

    Raises:
        TypeError: another dtype or shape.
        ValueError: ranges overlap, are out of order or leave their document.
    """
    check_documents(values, offsets_N1)
    begin_R, end_R = removals.range_R3[:, BEGIN], removals.range_R3[:, END]
    document_R = np.repeat(np.arange(offsets_N1.size - 1), np.diff(removals.offsets_N1))
    follows = document_R[1:] == document_R[:-1]
    inside = (begin_R >= 0) & (begin_R <= end_R) & (end_R <= np.diff(offsets_N1)[document_R])
    if not inside.all() or np.any(begin_R[1:][follows] < end_R[:-1][follows]):
        raise ValueError("removals: expected ascending ranges inside their documents, found others")
    removed = np.concatenate([[0], np.cumsum(end_R - begin_R)])
    shorter_N1 = offsets_N1 - offsets_N1[0] - removed[removals.offsets_N1]
    out = np.empty(int(shorter_N1[-1]), dtype=np.uint8)
    _copy(values, offsets_N1, removals.range_R3, removals.offsets_N1, out)
    return out, shorter_N1


@kernel
def add_range(range_R3, count, first, rule, begin, end):  # type: ignore[no-untyped-def]
    """Appends a range, or lengthens the last one of the document (which begins at `first`) if of the same rule.

    Returns the array, which may be a longer one, and the count.
    """
    if begin == end:
        return range_R3, count
    if count > first:
        last = range_R3[count - ONE]
        if last[RULE] == rule and last[END] == begin:
            last[END] = end
            return range_R3, count
    if count == np.uint64(range_R3.shape[0]):
        longer = np.empty((2 * range_R3.shape[0], 3), dtype=np.int64)
        longer[: range_R3.shape[0]] = range_R3
        range_R3 = longer
    range_R3[count, RULE], range_R3[count, BEGIN], range_R3[count, END] = rule, begin, end
    return range_R3, count + ONE


@kernel
def _copy(values, offsets_N1, range_R3, removal_offsets_N1, out):  # type: ignore[no-untyped-def]
    written = Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        at = np.uint64(offsets_N1[n])
        for r in range(np.uint64(removal_offsets_N1[n]), np.uint64(removal_offsets_N1[n + ONE])):
            stop = np.uint64(offsets_N1[n] + range_R3[r, BEGIN])
            written = _append(values, at, stop, out, written)
            at = np.uint64(offsets_N1[n] + range_R3[r, END])
        written = _append(values, at, np.uint64(offsets_N1[n + ONE]), out, written)


@kernel
def _append(values, begin, end, out, written):  # type: ignore[no-untyped-def]
    size = end - begin
    out[written : written + size] = values[begin:end]
    return written + size
