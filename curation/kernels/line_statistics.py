"""Lines of documents: how they end, how long they are, how much of them was there before.

The rules are FineWeb's (Penedo et al. 2024, arXiv 2406.17557, section 3.6) as datatrove 0.10.1's
`FineWebQualityFilter` counts them, and mC4's on long lines (Xue et al. 2021, arXiv 2010.11934, section 3.1).
A line ends at a line feed; one of ASCII white space alone is blank.
"""

import numpy as np

from curation.kernels import borrowing, kernel
from curation.kernels.characters import CHARS
from curation.kernels.code_points import Marks, character, is_in, last_character_at
from curation.kernels.lines import is_space
from curation.kernels.repetition import capacity, hash_of
from curation.kernels.vector import count_bits, load_u64
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

LINES, END_MARK_LINES, SHORT_LINES, REPEATED_CHARS, THIRD_LONGEST = range(5)
"""Columns of `line_counts`."""

Z, ONE, THREE, EIGHT = (np.uint64(n) for n in (0, 1, 3, 8))
TOP_BITS = np.uint64(0x8080808080808080)


def line_counts(values: Bytes, offsets_N1: Counts, words: WordArrays, *, marks: Marks, short_chars: int) -> Counts:
    """Returns int64 (N, 5) per document, columns as above.

    Lines that are not blank; of these, those whose last character (blanks included) is one of `marks`, those of
    `short_chars` code points at most, and the code points of those that an earlier line equals; and the code
    points of the third longest of all lines, 0 where there are fewer.

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    counts_N5 = np.zeros((offsets_N1.size - 1, 5), dtype=np.int64)
    newlines = (words.newline_K, words.newline_offsets_N1)
    num_chars_N = words.counts_N6[:, CHARS].copy()  # contiguous for any N: one compiled kernel
    _lines(values, offsets_N1, *newlines, num_chars_N, marks, short_chars, counts_N5)
    return counts_N5


@borrowing
def num_characters(values, begin, end):  # type: ignore[no-untyped-def]
    """Returns the code points of values[begin:end]: its bytes less the continuation bytes."""
    count = end - begin
    at = begin
    while at + EIGHT <= end:
        eight = load_u64(values, at)
        count -= count_bits(eight & ~(eight << ONE) & TOP_BITS)
        at += EIGHT
    for i in range(at, end):
        count -= np.uint64(values[i] & np.uint8(0xC0) == np.uint8(0x80))
    return count


@borrowing
def is_blank(values, begin, end):  # type: ignore[no-untyped-def]
    """Returns whether values[begin:end] is ASCII white space alone."""
    at = begin
    while at < end and is_space(values[at]):
        at += ONE
    return at == end


@kernel
def _lines(values, offsets_N1, newline_K, newline_offsets_N1, num_chars_N, marks_T, short_chars, counts_N5):  # type: ignore[no-untyped-def]
    most = 0
    for n in range(offsets_N1.size - 1):
        most = max(most, newline_offsets_N1[n + 1] - newline_offsets_N1[n])
    table = np.empty(capacity(np.uint64(most + 1)), dtype=np.uint64)
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        first, last = np.uint64(newline_offsets_N1[n]), np.uint64(newline_offsets_N1[n + ONE])
        size = capacity(last - first + ONE)
        table[:size] = Z
        is_ascii = np.uint64(num_chars_N[n]) == end - begin
        row = counts_N5[n]
        second, longest = np.int64(0), np.int64(0)
        low = begin
        for k in range(first, last + ONE):
            high = end if k == last else begin + np.uint64(newline_K[k])
            chars = np.int64(high - low if is_ascii else num_characters(values, low, high))
            row[THIRD_LONGEST] = max(row[THIRD_LONGEST], min(chars, second))
            second = max(second, min(chars, longest))
            longest = max(longest, chars)
            if not is_blank(values, low, high):
                row[LINES] += 1
                last_point = character(values, last_character_at(values, low, high), high)
                row[END_MARK_LINES] += np.int64(is_in(marks_T, last_point))
                row[SHORT_LINES] += np.int64(chars <= short_chars)
                if _seen(hash_of(values, low, high), table, size - ONE):
                    row[REPEATED_CHARS] += chars
            low = high + ONE


@borrowing
def _seen(key, table, mask):  # type: ignore[no-untyped-def]
    """Returns whether the key is in the table; afterwards it is."""
    key |= ONE  # 0 marks an empty slot
    slot = (key >> ONE) & mask
    while table[slot] and table[slot] != key:
        slot = (slot + ONE) & mask
    found = table[slot] != Z
    table[slot] = key
    return found
