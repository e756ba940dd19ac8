"""Statistics of a document's words: the middle length, and how often and how many of some words occur."""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.gopher import FILTER
from curation.kernels.vector import count_bits
from curation.kernels.words import Counts

LONGEST = 1000
"""Longer words count as of this length: a median above it does not tell one document from another."""

Z, ONE = np.uint64(0), np.uint64(1)


def median_chars(chars_W: NDArray[np.uint32], word_offsets_N1: Counts) -> NDArray[np.float64]:
    """Returns float64 (N,): median of the words' code points (mean of the two in the middle); 0 without words."""
    median_N = np.zeros(word_offsets_N1.size - 1)
    _medians(chars_W, word_offsets_N1, median_N)
    return median_N


def occurrences(hash_W: NDArray[np.uint64], word_offsets_N1: Counts, wanted_S: NDArray[np.uint64]) -> Counts:
    """Returns int64 (N,): how many words of each document are one of `wanted_S`, repeats counted."""
    found = np.isin(hash_W, wanted_S)
    sums = np.concatenate([[0], np.cumsum(found)])
    counts_N: Counts = sums[word_offsets_N1[1:]] - sums[word_offsets_N1[:-1]]
    return counts_N


def distinct_of_list(
    hash_W: NDArray[np.uint64], word_offsets_N1: Counts, list_N: Counts, wanted_LS: NDArray[np.uint64]
) -> Counts:
    """Returns int64 (N,): how many words of its list each document has.

    Args:
        hash_W: hashes of the words.
        word_offsets_N1: where documents begin.
        list_N: int64, the row of `wanted_LS` for each document; negative: none, the count is 0.
        wanted_LS: uint64, at most 64 different hashes a row; 0 fills short rows.
    """
    filter_LF = np.zeros((wanted_LS.shape[0], int(FILTER) + 1), dtype=np.bool_)
    np.put_along_axis(filter_LF, (wanted_LS & FILTER).astype(np.int64), values=True, axis=1)
    counts_N = np.zeros(word_offsets_N1.size - 1, dtype=np.int64)
    _distinct(hash_W, word_offsets_N1, list_N, wanted_LS, filter_LF, counts_N)
    return counts_N


@kernel
def _medians(chars_W, word_offsets_N1, median_N):  # type: ignore[no-untyped-def]
    histogram = np.zeros(LONGEST + 1, dtype=np.int64)
    for n in range(word_offsets_N1.size - 1):
        first, last = word_offsets_N1[n], word_offsets_N1[n + 1]
        if first == last:
            continue
        histogram[:] = 0
        for j in range(first, last):
            length = np.int64(chars_W[j])
            histogram[length if length < LONGEST else LONGEST] += 1
        median_N[n] = (_ranked(histogram, (last - first - 1) // 2) + _ranked(histogram, (last - first) // 2)) / 2


@kernel
def _ranked(histogram, rank):  # type: ignore[no-untyped-def]
    """Returns the value with `rank` smaller or equal ones before it."""
    seen, value = histogram[0], 0
    while seen <= rank:
        value += 1
        seen += histogram[value]
    return value


@kernel
def _distinct(hash_W, word_offsets_N1, list_N, wanted_LS, filter_LF, counts_N):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(word_offsets_N1.size - 1)):
        if list_N[n] < 0:
            continue
        row = np.uint64(list_N[n])
        seen = Z
        for j in range(np.uint64(word_offsets_N1[n]), np.uint64(word_offsets_N1[n + ONE])):
            word = hash_W[j]
            if filter_LF[row, word & FILTER]:
                for s in range(np.uint64(wanted_LS.shape[1])):
                    seen |= np.uint64(wanted_LS[row, s] == word) << s
        counts_N[n] = np.int64(count_bits(seen))
