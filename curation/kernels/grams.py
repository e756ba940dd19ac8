"""Runs of words of documents, and which of them may be in an index.

A gram of m words has the hash of `curation.kernels.shingles.fold_words`: rotations of the words' hashes, one multiply.
Every gram of an index has HEAD words at least. A document's windows of HEAD words roll through one bitmap; where a
gram may begin, its longer hashes are looked up in a second one. What passes both is left to an exact search.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import inlined, kernel
from curation.kernels.shingles import GOLDEN, MAX_NGRAM
from curation.kernels.words import Counts

Hashes = NDArray[np.uint64]

HEAD = 8
BITS_PER_GRAM = 32
"""Bits of a bitmap per gram, before rounding up to a power of two: less than one window in 32 passes by chance."""

BLOCK = 256
Z, ONE, SIX, HALF, LAST = (np.uint64(n) for n in (0, 1, 6, 32, 63))
HEADS = np.uint64(HEAD)
LEFT, RIGHT = np.uint64(13), np.uint64(51)
LEAVE = np.uint64(13 * (HEAD - 1) % 64)
BACK = np.uint64(64 - 13 * (HEAD - 1) % 64)


class Bitmap(NamedTuple):
    """A set of hashes of which some are not there: no wrong no."""

    bits: Hashes
    shift: np.uint64
    """How far a hash is shifted right to be the number of its bit."""


class Grams(NamedTuple):
    """G grams of documents."""

    hash_G: Hashes
    head_G: Hashes
    """Hash of the first HEAD words."""
    document_G: Counts


class Candidates(NamedTuple):
    """C windows of N documents that may be grams, by document and place."""

    word_C: Counts
    """First word, from the first of all documents."""
    length_C: Counts
    """Words."""
    hash_C: Hashes
    offsets_N1: Counts


def swapped(hashes: Hashes) -> Hashes:
    """Returns hashes with their halves exchanged: the bitmap of grams is of these, to err apart from that of heads."""
    return hashes << HALF | hashes >> HALF


def bitmap_of(hashes: Hashes) -> Bitmap:
    """Returns the bitmap of some hashes."""
    bits = max(int(BITS_PER_GRAM * max(hashes.size, 1) - 1).bit_length(), 6)
    shift = np.uint64(64 - bits)
    words = np.zeros(1 << (bits - 6), dtype=np.uint64)
    place = np.unique(hashes >> shift)
    np.bitwise_or.at(words, place >> SIX, ONE << (place & LAST))
    return Bitmap(words, shift)


def grams_of(hash_W: Hashes, word_offsets_N1: Counts, length_N: Counts) -> Grams:
    """Returns every window of `length_N` words of each document; 0: none of that document.

    Args:
        hash_W: hashes of all documents' words.
        word_offsets_N1: int64, where each document's words begin.
        length_N: int64, 0 or HEAD to MAX_NGRAM.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets leave `hash_W`, or another length.
    """
    _check(hash_W, word_offsets_N1)
    lengths = np.unique(length_N)
    if length_N.shape != (word_offsets_N1.size - 1,) or np.any(
        (lengths != 0) & (lengths < HEAD) | (lengths > MAX_NGRAM)
    ):
        raise ValueError(f"length_N: expected 0 or {HEAD} to {MAX_NGRAM} per document, found {lengths}")
    count_N = np.where(length_N, np.maximum(np.diff(word_offsets_N1) - length_N + 1, 0), 0)
    total = int(count_N.sum())
    grams = Grams(np.empty(total, np.uint64), np.empty(total, np.uint64), np.repeat(np.arange(count_N.size), count_N))
    _grams(hash_W, word_offsets_N1, length_N, grams.hash_G, grams.head_G)
    return grams


def candidates(hash_W: Hashes, word_offsets_N1: Counts, length_L: Counts, heads: Bitmap, grams: Bitmap) -> Candidates:
    """Returns windows whose head is in `heads` and that are in `grams`: all that are in the index, and a few others.

    Args:
        hash_W: hashes of all documents' words.
        word_offsets_N1: int64, where each document's words begin.
        length_L: int64, ascending lengths of the index's grams, HEAD to MAX_NGRAM.
        heads: bitmap of the heads of its grams.
        grams: bitmap of the grams, `swapped`.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets leave `hash_W`, or another length.
    """
    _check(hash_W, word_offsets_N1)
    if np.any(length_L < HEAD) or np.any(length_L > MAX_NGRAM) or np.any(np.diff(length_L) <= 0):
        raise ValueError(f"length_L: expected ascending lengths of {HEAD} to {MAX_NGRAM} words, found {length_L}")
    return Candidates(*_candidates(hash_W, word_offsets_N1, length_L, *heads, *grams))


def _check(hash_W: Hashes, word_offsets_N1: Counts) -> None:
    if hash_W.dtype != np.uint64 or hash_W.ndim != 1 or word_offsets_N1.dtype != np.int64:
        raise TypeError(f"expected uint64 hashes and int64 offsets, found {hash_W.dtype} and {word_offsets_N1.dtype}")
    if word_offsets_N1.size == 0 or word_offsets_N1[0] < 0 or word_offsets_N1[-1] > hash_W.size:
        raise ValueError(f"word_offsets_N1: expected offsets in [0, {hash_W.size}], found others")
    if np.any(np.diff(word_offsets_N1) < 0):
        raise ValueError("word_offsets_N1: expected ascending offsets, found others")


@kernel
def _grams(hash_W, word_offsets_N1, length_N, hash_G, head_G):  # type: ignore[no-untyped-def]
    written = Z
    for n in range(np.uint64(length_N.size)):
        length = np.uint64(length_N[n])
        begin, end = np.uint64(word_offsets_N1[n]), np.uint64(word_offsets_N1[n + ONE])
        while length and begin + length <= end:
            head_G[written] = _state(hash_W, begin, begin + HEADS) * GOLDEN
            hash_G[written] = _state(hash_W, begin, begin + length) * GOLDEN
            written += ONE
            begin += ONE


@inlined
def _is_in(bits, shift, value):  # type: ignore[no-untyped-def]
    place = value >> shift
    return bits[place >> SIX] >> (place & LAST) & ONE


@inlined
def _state(hash_W, begin, end):  # type: ignore[no-untyped-def]
    """Returns what words begin..end - 1 come to before the multiplication."""
    state = Z
    for word in range(begin, end):
        state = (state << LEFT | state >> RIGHT) ^ hash_W[word]
    return state


@kernel
def _candidates(hash_W, word_offsets_N1, length_L, head_bits, head_shift, gram_bits, gram_shift):  # type: ignore[no-untyped-def]
    word_C, length_C = np.empty(64, dtype=np.int64), np.empty(64, dtype=np.int64)
    hash_C = np.empty(64, dtype=np.uint64)
    offsets_N1 = np.zeros(word_offsets_N1.size, dtype=np.int64)
    found = Z
    head_B = np.empty(BLOCK, dtype=np.uint64)
    for n in range(np.uint64(word_offsets_N1.size - 1)):
        first, end = np.uint64(word_offsets_N1[n]), np.uint64(word_offsets_N1[n + ONE])
        state = _state(hash_W, first, min(first + HEADS - ONE, end))
        while first + HEADS <= end:
            size = min(np.uint64(BLOCK), end - HEADS + ONE - first)
            for i in range(size):
                state = (state << LEFT | state >> RIGHT) ^ hash_W[first + i + HEADS - ONE]
                head_B[i] = state * GOLDEN
                oldest = hash_W[first + i]
                state ^= oldest << LEAVE | oldest >> BACK
            for i in range(size):  # apart from the hashes, so that many look-ups are under way at once
                if not _is_in(head_bits, head_shift, head_B[i]):
                    continue
                longer, next_word = _state(hash_W, first + i, first + i + HEADS), first + i + HEADS
                for k in range(np.uint64(length_L.size)):
                    stop = first + i + np.uint64(length_L[k])
                    if stop > end:
                        break
                    while next_word < stop:
                        longer = (longer << LEFT | longer >> RIGHT) ^ hash_W[next_word]
                        next_word += ONE
                    gram = longer * GOLDEN
                    if _is_in(gram_bits, gram_shift, gram << HALF | gram >> HALF):
                        if found == np.uint64(word_C.size):
                            word_C, length_C, hash_C = _doubled(word_C), _doubled(length_C), _doubled(hash_C)
                        word_C[found], length_C[found] = np.int64(first + i), length_L[k]
                        hash_C[found] = gram
                        found += ONE
            first += size
        offsets_N1[n + ONE] = np.int64(found)
    return word_C[:found], length_C[:found], hash_C[:found], offsets_N1


@kernel
def _doubled(array):  # type: ignore[no-untyped-def]
    longer = np.empty(2 * array.size, dtype=array.dtype)
    longer[: array.size] = array
    return longer
