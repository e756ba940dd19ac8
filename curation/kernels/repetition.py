"""Repetition within a document: duplicate lines and paragraphs, frequent and repeated word n-grams.

Rae et al. 2021 (arXiv 2112.11446), Table A1; the counting is that of datatrove 0.10.1's
`GopherRepetitionFilter` (greedy for the repeated n-grams: after a repeat it jumps n words), on words of
`curation.kernels.words`. An (n+1)-gram can only repeat where the n-gram does, so the table for n + 1 takes
only the positions that repeat at n: exact, and in prose about 1.5 tables instead of nine. Before the largest tables a
byte per hash sorts out most n-grams that occur once.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
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
SIEVE_SHIFT = np.uint64(16)  # to bits of a hash that a slot does not take
Z, ONE, TWO, THREE, EIGHT, SIXTEEN = (np.uint64(n) for n in (0, 1, 2, 3, 8, 16))


def repetition_counts(
    values: Bytes, offsets_N1: Counts, words: WordArrays, lines: LineArrays, *, has_ngrams_N: NDArray[np.bool_]
) -> Counts:
    """Returns int64 (N, 15) per document, columns as above.

    Lines and paragraphs are those of `curation.kernels.lines`. For n of 2 to 4: code points of the most frequent
    n-gram with a space between words, times its count. For n of 5 to 10: code points of the words of repeated
    n-grams. Documents outside `has_ngrams_N` get 0 in these columns.

    Raises:
        TypeError: another dtype or shape.
        ValueError: a document has 2^28 words or more.
    """
    check_documents(values, offsets_N1)
    sizes_N = np.diff(words.word_offsets_N1)
    if has_ngrams_N.dtype != np.bool_ or has_ngrams_N.shape != sizes_N.shape:
        raise TypeError(
            f"has_ngrams_N: expected bool ({sizes_N.size},), found {has_ngrams_N.dtype} {has_ngrams_N.shape}"
        )
    if sizes_N.max(initial=0) >= int(COUNT):
        raise ValueError(f"a document of {sizes_N.max()} words: expected fewer than 2^28")
    counts_N15 = np.zeros((sizes_N.size, NGRAMS + MAX_NGRAM - 1), dtype=np.int64)
    _add_pieces(values, offsets_N1, *lines[:3], counts_N15, LINES)
    _add_pieces(values, offsets_N1, *lines[3:], counts_N15, PARAGRAPHS)
    _ngrams(words.hash_W, words.chars_W, words.word_offsets_N1, has_ngrams_N, counts_N15)
    return counts_N15


@borrowing
def capacity(entries):  # type: ignore[no-untyped-def]
    """Returns the least power of two that leaves half of a hash table empty."""
    size = SIXTEEN
    while size < entries << ONE:
        size <<= ONE
    return size


@borrowing
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


@borrowing
def _chars(values, begin, end):  # type: ignore[no-untyped-def]
    """Returns the code points of values[begin:end]."""
    count = 0
    for i in range(begin, end):
        count += (values[i] & np.uint8(0xC0)) != np.uint8(0x80)
    return count


@borrowing
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
def _ngrams(hash_W, chars_W, word_offsets_N1, has_ngrams_N, counts_N15):  # type: ignore[no-untyped-def]
    most = Z
    for n in range(np.uint64(has_ngrams_N.size)):
        most = max(most, np.uint64(word_offsets_N1[n + ONE] - word_offsets_N1[n]) if has_ngrams_N[n] else Z)
    gram_M = np.empty(most, dtype=np.uint64)
    position_M = np.empty(most, dtype=np.uint32)
    slot_M = np.empty(most, dtype=np.uint32)
    table = np.empty(capacity(most), dtype=np.uint64)
    sieve = np.empty(table.size << 2, dtype=np.uint8)
    for n in range(np.uint64(has_ngrams_N.size)):
        if has_ngrams_N[n]:
            first, last = np.uint64(word_offsets_N1[n]), np.uint64(word_offsets_N1[n + ONE])
            _cascade(hash_W, chars_W, first, last - first, gram_M, position_M, slot_M, table, sieve, counts_N15[n])


@borrowing
def _cascade(hash_W, chars_W, first, num_words, gram_M, position_M, slot_M, table, sieve, row):  # type: ignore[no-untyped-def]
    """Fills columns NGRAMS... for the document of `num_words` words from word `first`."""
    for i in range(num_words):
        gram_M[i] = hash_W[first + i]
        position_M[i] = np.uint32(i)
    left = num_words
    for n in range(TWO, np.uint64(MAX_NGRAM + 1)):
        is_top = n <= np.uint64(TOP_NGRAM)
        if num_words < n or not (left or is_top):
            break
        while left and np.uint64(position_M[left - ONE]) + n > num_words:
            left -= ONE
        _extend(hash_W, first + n - ONE, gram_M, position_M, left)
        if is_top:
            left = _sift(gram_M, position_M, left, sieve)
        left = _keep_repeated(gram_M, position_M, left, slot_M, table)
        if is_top:
            row[NGRAMS + n - TWO] = _top_chars(chars_W, first, position_M, slot_M, left, table, n)
        else:
            row[NGRAMS + n - TWO] = _repeated_chars(chars_W, first, position_M, slot_M, left, table, n)


@borrowing
def _extend(hash_W, shift, gram_M, position_M, left):  # type: ignore[no-untyped-def]
    """Extends the grams at the first `left` positions by one word, which lies `shift` words on."""
    for c in range(left):
        i = np.uint64(position_M[c])
        gram_M[i] = multiply(gram_M[i] ^ SEED_A, hash_W[shift + i] ^ SEED_B)


@borrowing
def _sift(gram_M, position_M, left, sieve):  # type: ignore[no-untyped-def]
    """Moves the positions of grams that may repeat to the front, all that do among them; returns how many."""
    size = capacity(left) << TWO
    mask = size - ONE
    _clear(sieve, size)
    for c in range(left):
        cell = gram_M[np.uint64(position_M[c])] >> SIEVE_SHIFT & mask
        sieve[cell] = np.uint8(np.uint64(sieve[cell]) << ONE | ONE)  # 1 after one gram, more after others
    kept = Z
    for c in range(left):
        position = position_M[c]
        position_M[kept] = position
        kept += np.uint64(sieve[gram_M[np.uint64(position)] >> SIEVE_SHIFT & mask] > np.uint8(1))
    return kept


@borrowing
def _clear(table, size):  # type: ignore[no-untyped-def]
    for k in range(size):  # a call of memset, unlike `table[:size] = 0`
        table[k] = 0


@borrowing
def _keep_repeated(gram_M, position_M, left, slot_M, table):  # type: ignore[no-untyped-def]
    """Counts grams; moves the positions and slots of those that occur twice or more to the front; returns how many."""
    size = capacity(left)
    mask = size - ONE
    _clear(table, size)
    for c in range(left):
        gram = gram_M[np.uint64(position_M[c])]
        slot = gram & mask
        entry = table[slot]
        while (entry != Z) & ((entry ^ gram) & TAG != Z):  # `and` would branch on whether the slot is empty
            slot = (slot + ONE) & mask
            entry = table[slot]
        table[slot] = (entry | (gram & TAG)) + ONE
        slot_M[c] = np.uint32(slot)
    kept = Z
    for c in range(left):
        slot = slot_M[c]
        slot_M[kept], position_M[kept] = slot, position_M[c]
        kept += np.uint64(table[np.uint64(slot)] & COUNT > ONE)
    return kept


@borrowing
def _sum_chars(chars_W, begin, n):  # type: ignore[no-untyped-def]
    total = np.int64(0)
    for i in range(begin, begin + n):
        total += np.int64(chars_W[i])
    return total


@borrowing
def _top_chars(chars_W, first, position_M, slot_M, left, table, n):  # type: ignore[no-untyped-def]
    """Returns the code points of the most frequent n-gram (the first of equals) times its count."""
    best, best_at = ONE, Z
    for c in range(left):
        count = table[np.uint64(slot_M[c])] & COUNT
        if count > best:
            best, best_at = count, np.uint64(position_M[c])
    return (_sum_chars(chars_W, first + best_at, n) + np.int64(n) - 1) * np.int64(best)


@borrowing
def _repeated_chars(chars_W, first, position_M, slot_M, left, table, n):  # type: ignore[no-untyped-def]
    """Returns the code points of n-grams seen before, jumping over each; an n-gram jumped over is not seen."""
    total = np.int64(0)
    next_position = Z
    for c in range(left):
        i = np.uint64(position_M[c])
        if i < next_position:
            continue
        slot = np.uint64(slot_M[c])
        if table[slot] & SEEN:
            total += _sum_chars(chars_W, first + i, n)
            next_position = i + n
        else:
            table[slot] |= SEEN
    return total
