"""Byte ranges to be removed from documents, and the text without them, or with something in their place."""

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


def without(
    values: Bytes, offsets_N1: Counts, removals: Removals, placed: tuple[bytes, ...] = ()
) -> tuple[Bytes, Counts]:
    """Returns (values, offsets_N1) of the documents without the ranges.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        removals: what goes.
        placed: by rule, what stands in place of a range; empty: nothing.

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
    removed = np.concatenate([[0], np.cumsum(end_R - begin_R - placed_sizes(removals, placed))])
    shorter_N1 = offsets_N1 - offsets_N1[0] - removed[removals.offsets_N1]
    out = np.empty(int(shorter_N1[-1]), dtype=np.uint8)
    text_of_rules = np.array(bytearray(b"".join(placed)), dtype=np.uint8)
    text_offsets = np.cumsum([0, *map(len, placed)], dtype=np.int64)
    _copy(values, offsets_N1, removals.range_R3, removals.offsets_N1, text_of_rules, text_offsets, out)
    return out, shorter_N1


def placed_sizes(removals: Removals, placed: tuple[bytes, ...]) -> Counts:
    """Returns int64 (R,): bytes that stand in place of each range."""
    if not placed:
        return np.zeros(removals.range_R3.shape[0], dtype=np.int64)
    return np.array([len(text) for text in placed], dtype=np.int64)[removals.range_R3[:, RULE]]


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
def _copy(values, offsets_N1, range_R3, removal_offsets_N1, text, text_offsets, out):  # type: ignore[no-untyped-def]
    written = Z
    num_texts = np.uint64(text_offsets.size - 1)
    for n in range(np.uint64(offsets_N1.size - 1)):
        at = np.uint64(offsets_N1[n])
        for r in range(np.uint64(removal_offsets_N1[n]), np.uint64(removal_offsets_N1[n + ONE])):
            stop = np.uint64(offsets_N1[n] + range_R3[r, BEGIN])
            written = _append(values, at, stop, out, written)
            rule = np.uint64(range_R3[r, RULE])
            if rule < num_texts:
                begin, end = np.uint64(text_offsets[rule]), np.uint64(text_offsets[rule + ONE])
                written = _append(text, begin, end, out, written)
            at = np.uint64(offsets_N1[n] + range_R3[r, END])
        written = _append(values, at, np.uint64(offsets_N1[n + ONE]), out, written)


@kernel
def _append(values, begin, end, out, written):  # type: ignore[no-untyped-def]
    size = end - begin
    out[written : written + size] = values[begin:end]
    return written + size
