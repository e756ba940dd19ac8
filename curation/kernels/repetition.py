"""Repetition within a document: duplicate lines and paragraphs, frequent and repeated word n-grams.

Rae et al. 2021 (arXiv 2112.11446), Table A1; the counting is that of datatrove 0.10.1's
`GopherRepetitionFilter` (greedy for the repeated n-grams: after a repeat it jumps n words), on words of
`curation.kernels.words`. An (n+1)-gram can only repeat where the n-gram does, so the table for n + 1 takes
only the positions that repeat at n: exact, and in prose about 1.5 tables instead of nine.
"""

import numpy as np

from curation.kernels import kernel
from curation.kernels.lines import LineArrays
from curation.kernels.vector import load_u64, multiply
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

LINES, DUP_LINES, DUP_LINE_CHARS, PARAGRAPHS, DUP_PARAGRAPHS, DUP_PARAGRAPH_CHARS, NGRAMS = range(7)
"""Columns of `repetition_counts`; from NGRAMS on: characters for n = 2 ... 10."""

MAX_NGRAM, TOP_NGRAM = 10, 4
COUNT = np.uint64(2**28 - 1)  # a slot is tag 35 | seen 1 | count 28
SEEN = np.uint64(2**28)
TAG = np.uint64(2**64 - 2**29)
SEED_A, SEED_B = np.uint64(0xA0761D6478BD642F), np.uint64(0xE7037ED1A0B428DB)
Z, ONE, TWO, THREE, EIGHT, SIXTEEN = (np.uint64(n) for n in (0, 1, 2, 3, 8, 16))


def repetition_counts(values: Bytes, offsets_N1: Counts, words: WordArrays, lines: LineArrays) -> Counts:
    """Returns int64 (N, 15) per document, columns as above.

    Lines and paragraphs are those of `curation.kernels.lines`. For n of 2 to 4: code points of the most frequent
    n-gram with a space between words, times its count. For n of 5 to 10: code points of the words of repeated
    n-grams.

    Raises:
        TypeError: another dtype or shape.
        ValueError: a document has 2^28 words or more.
    """
    check_documents(values, offsets_N1)
    sizes_N = np.diff(words.word_offsets_N1)
    if sizes_N.max(initial=0) >= int(COUNT):
        raise ValueError(f"a document of {sizes_N.max()} words: expected fewer than 2^28")
    counts_N15 = np.zeros((sizes_N.size, NGRAMS + MAX_NGRAM - 1), dtype=np.int64)
    _add_pieces(values, offsets_N1, *lines[:3], counts_N15, LINES)
    _add_pieces(values, offsets_N1, *lines[3:], counts_N15, PARAGRAPHS)
    _ngrams(words.hash_W, words.chars_W, words.word_offsets_N1, counts_N15)
    return counts_N15


@kernel
def capacity(entries):  # type: ignore[no-untyped-def]
    """Returns the least power of two that leaves half of a hash table empty."""
    size = SIXTEEN
    while size < entries << ONE:
        size <<= ONE
    return size


@kernel
def hash_of(values, begin, end):  # type: ignore[no-untyped-def]
    """Returns a hash of values[begin:end]; reads nothing outside."""
    size = end - begin
    mixed = SEED_B ^ size
    if size >= SIXTEEN:
        at = begin
        while at + SIXTEEN < end:
            mixed = multiply(load_u64(values, at) ^ SEED_A, load_u64(values, at + EIGHT) ^ mixed)
            at += SIXTEEN
        head, tail = load_u64(values, end - SIXTEEN), load_u64(values, end - EIGHT)
    elif size >= EIGHT:
        head, tail = load_u64(values, begin), load_u64(values, end - EIGHT)
    else:
        head, tail = Z, Z
        for i in range(size):
            head |= np.uint64(values[begin + i]) << (i << THREE)
    return multiply(head ^ SEED_A, tail ^ mixed)


@kernel
def _chars(values, begin, end):  # type: ignore[no-untyped-def]
    """Returns the code points of values[begin:end]."""
    count = 0
    for i in range(begin, end):
        count += (values[i] & np.uint8(0xC0)) != np.uint8(0x80)
    return count


@kernel
def _add_piece(values, begin, end, table, mask, row, column):  # type: ignore[no-untyped-def]
    """Counts one line or paragraph in row[column], and if it was seen before in the two columns after."""
    row[column] += 1
    key = hash_of(values, begin, end) | ONE  # 0 marks an empty slot
    slot = (key >> ONE) & mask
    while table[slot] and table[slot] != key:
        slot = (slot + ONE) & mask
    if table[slot]:
        row[column + 1] += 1
        row[column + 2] += _chars(values, begin, end)
    table[slot] = key


@kernel
def _add_pieces(values, offsets_N1, start_L, end_L, line_offsets_N1, counts_N15, column):  # type: ignore[no-untyped-def]
    """Counts lines, or paragraphs, and those seen before, in three columns."""
    most = np.int64(0)
    for n in range(offsets_N1.size - 1):
        most = max(most, line_offsets_N1[n + 1] - line_offsets_N1[n])
    table = np.empty(capacity(np.uint64(most + 1)), dtype=np.uint64)
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin = np.uint64(offsets_N1[n])
        first, last = np.uint64(line_offsets_N1[n]), np.uint64(line_offsets_N1[n + ONE])
        size = capacity(last - first + ONE)
        table[:size] = Z
        for k in range(first, last):
            low, high = begin + np.uint64(start_L[k]), begin + np.uint64(end_L[k])
            _add_piece(values, low, high, table, size - ONE, counts_N15[n], column)


@kernel
def _ngrams(hash_W, chars_W, word_offsets_N1, counts_N15):  # type: ignore[no-untyped-def]
    most = 0
    for n in range(word_offsets_N1.size - 1):
        most = max(most, word_offsets_N1[n + 1] - word_offsets_N1[n])
    gram_W = np.empty(most, dtype=np.uint64)
    position_W = np.empty(most, dtype=np.uint32)
    slot_W = np.empty(most, dtype=np.uint32)
    table = np.empty(capacity(np.uint64(most)), dtype=np.uint64)
    for n in range(word_offsets_N1.size - 1):
        first, last = word_offsets_N1[n], word_offsets_N1[n + 1]
        _cascade(hash_W[first:last], chars_W[first:last], gram_W, position_W, slot_W, table, counts_N15[n])


@kernel
def _cascade(hash_M, chars_M, gram_W, position_W, slot_W, table, row):  # type: ignore[no-untyped-def]
    """Fills columns NGRAMS... for one document of M words."""
    num_words = np.uint64(hash_M.size)
    for i in range(num_words):
        gram_W[i] = hash_M[i]
        position_W[i] = np.uint32(i)
    left = num_words
    for n in range(TWO, np.uint64(MAX_NGRAM + 1)):
        if num_words < n:
            break
        while left and np.uint64(position_W[left - ONE]) + n > num_words:
            left -= ONE
        _count(hash_M, gram_W, position_W[:left], slot_W, table, n)
        if n <= np.uint64(TOP_NGRAM):
            row[NGRAMS + n - TWO] = _top_chars(chars_M, position_W[:left], slot_W, table, n)
        else:
            row[NGRAMS + n - TWO] = _repeated_chars(chars_M, position_W[:left], slot_W, table, n)
        left = _keep_repeated(position_W[:left], slot_W, table)


@kernel
def _count(hash_M, gram_W, position_C, slot_W, table, n):  # type: ignore[no-untyped-def]
    """Extends the grams at C candidate positions by the n-th word and counts them; keeps each one's slot."""
    size = capacity(np.uint64(position_C.size))
    mask = size - ONE
    table[:size] = Z
    for c in range(np.uint64(position_C.size)):
        i = np.uint64(position_C[c])
        gram = multiply(gram_W[i] ^ SEED_A, hash_M[i + n - ONE] ^ SEED_B)
        gram_W[i] = gram
        slot = gram & mask
        entry = table[slot]
        while entry != Z and (entry ^ gram) & TAG != Z:
            slot = (slot + ONE) & mask
            entry = table[slot]
        table[slot] = (entry | (gram & TAG)) + ONE
        slot_W[c] = np.uint32(slot)


@kernel
def _sum_chars(chars_M, begin, n):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for i in range(begin, begin + n):
        total += np.int64(chars_M[i])
    return total


@kernel
def _top_chars(chars_M, position_C, slot_W, table, n):  # type: ignore[no-untyped-def]
    """Returns the code points of the most frequent n-gram (the first of equals) times its count."""
    best, best_at = ONE, Z
    for c in range(np.uint64(position_C.size)):
        count = table[slot_W[c]] & COUNT
        if count > best:
            best, best_at = count, np.uint64(position_C[c])
    return (_sum_chars(chars_M, best_at, n) + np.int64(n) - 1) * np.int64(best)


@kernel
def _repeated_chars(chars_M, position_C, slot_W, table, n):  # type: ignore[no-untyped-def]
    """Returns the code points of n-grams seen before, jumping over each; an n-gram jumped over is not seen."""
    total = 0
    next_position = Z
    for c in range(np.uint64(position_C.size)):
        i = np.uint64(position_C[c])
        slot = np.uint64(slot_W[c])
        if i < next_position:
            continue
        if table[slot] & SEEN:
            total += _sum_chars(chars_M, i, n)
            next_position = i + n
        else:
            table[slot] |= SEEN
    return total


@kernel
def _keep_repeated(position_C, slot_W, table):  # type: ignore[no-untyped-def]
    """Moves the positions of n-grams with a count of two or more to the front; returns how many."""
    kept = Z
    for c in range(np.uint64(position_C.size)):
        position_C[kept] = position_C[c]
        kept += np.uint64(table[slot_W[c]] & COUNT > ONE)
    return kept
