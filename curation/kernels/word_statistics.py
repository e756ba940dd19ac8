"""Statistics of a document's words: whether there are any, the middle length, how often and how many of some occur."""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.code_points import character, character_size
from curation.kernels.gopher import FILTER
from curation.kernels.lines import is_space
from curation.kernels.unicode import CODE_POINTS, WORD, unicode_table
from curation.kernels.vector import count_bits
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

LONGEST = 1000
"""Longer words count as of this length: a median above it does not tell one document from another."""

PLANE_4 = 0x40000
"""Planes 2 and 3 hold Han only, above them are no words; see `curation.kernels.unicode`."""

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


def punctuation_words(values: Bytes, offsets_N1: Counts, words: WordArrays) -> Counts:
    """Returns int64 (N,): words that punctuation makes in a tokenizer that parts it from words, as spaCy's does.

    Each character outside words that is not ASCII white space, but one that repeats the one before it, and a single one
    between two words without space, unless it is a hyphen or a slash ("don't" and "3.5" have none, "well-known" one).

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    counts_N = np.zeros(offsets_N1.size - 1, dtype=np.int64)
    _punctuation(values, offsets_N1, words.start_W, words.length_W, words.word_offsets_N1, counts_N)
    return counts_N


@kernel
def _punctuation(values, offsets_N1, start_W, length_W, word_offsets_N1, counts_N):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        first, last = np.uint64(word_offsets_N1[n]), np.uint64(word_offsets_N1[n + ONE])
        low = begin
        for j in range(first, last + ONE):
            high = end if j == last else begin + np.uint64(start_W[j])
            inner = j > first and j < last
            counts_N[n] += np.int64(_of_gap(values, low, high, inner))
            if j < last:
                low = high + np.uint64(length_W[j])


@kernel
def _of_gap(values, low, high, inner):  # type: ignore[no-untyped-def]
    """Returns the punctuation words between two words, or before the first or after the last of a document."""
    if low == high:
        return Z
    if inner and low + character_size(values[low]) >= high:
        return np.uint64(values[low] == np.uint8(45) or values[low] == np.uint8(47))
    count, before, at = Z, Z, low
    while at < high:
        point = character(values, at, high)
        count += np.uint64(not is_space(values[at]) and point != before)
        before = point
        at = min(at + character_size(values[at]), high)
    return count


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


def has_words(values: Bytes, offsets_N1: Counts) -> NDArray[np.bool_]:
    """Returns bool (N,): whether each document of UTF-8 has a word; a document is read as far as its first one.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets descend, leave `values`, or a document has 2^32 bytes or more.
    """
    check_documents(values, offsets_N1)
    has_N = np.zeros(offsets_N1.size - 1, dtype=np.bool_)
    _has(values, offsets_N1, unicode_table(), has_N)
    return has_N


@kernel
def _has(values, offsets_N1, table, has_N):  # type: ignore[no-untyped-def]
    for n in range(np.uint64(offsets_N1.size - 1)):
        at, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        while at < end and not has_N[n]:
            point = character(values, at, end)
            if point < np.uint64(CODE_POINTS):
                has_N[n] = np.uint64(table[point] >> np.uint32(24)) & np.uint64(WORD) != Z
            else:
                has_N[n] = point < np.uint64(PLANE_4)
            at += character_size(values[at])
