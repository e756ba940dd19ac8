"""Hashes of the runs of words (n-grams) that end at each word, and the log-probability of texts by a table of them.

The words before a document are START. A model in back-off form gives log p(w | context) = the log-probability of the
longest n-gram in the table that ends with w, plus the log-weights of the longer contexts (Katz 1987; Heafield 2011).
An n-gram is in the table only if all that it ends with is: the search goes from short to long and stops at the first
that is missing, and the contexts of a word are the n-grams that were found at the word before.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import inlined, kernel
from curation.kernels.words import Counts

Hashes = NDArray[np.uint64]
Floats = NDArray[np.float32]

MAX_ORDER = 5
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
START = np.uint64(0xD1B54A32D192ED03)
"""Stands for the word before the first, and for all before it."""
Z, ONE, LEFT, RIGHT = (np.uint64(n) for n in (0, 1, 13, 51))


class NgramTable(NamedTuple):
    """An open-addressing table of T slots, T a power of two: the hash of an n-gram, 0 where there is none."""

    hash_T: Hashes
    value_T2: Floats
    """Log-probability of the last word after the others; log-weight of the n-gram as a context. Natural logarithms."""
    shift: np.uint64
    """How far a hash is shifted right to be the slot where its search begins."""


def ngram_hashes(hash_W: Hashes, word_offsets_N1: Counts, *, order: int) -> Hashes:
    """Returns uint64 (order, W): row n - 1 has the hash of the n words that end at each word.

    Args:
        hash_W: a hash per word.
        word_offsets_N1: int64, where the words of each document begin.
        order: words of the longest n-gram, 1 to MAX_ORDER.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets leave `hash_W`, or another order.
    """
    _check(hash_W, word_offsets_N1, order)
    hash_OW = np.empty((order, hash_W.size), dtype=np.uint64)
    _ngram_hashes(hash_W, word_offsets_N1, hash_OW)
    return hash_OW


def start_hashes(order: int) -> Hashes:
    """Returns uint64 (order,): hashes of the contexts before a first word, of 1 to `order` times START."""
    return ngram_hashes(np.array([START]), np.array([0, 1]), order=order)[:, 0]


def ngram_table(hash_G: Hashes, value_G2: Floats) -> NgramTable:
    """Returns the table of G different n-grams, none of hash 0; at most half of its slots are taken.

    Raises:
        TypeError: another dtype or shape.
    """
    if hash_G.dtype != np.uint64 or value_G2.dtype != np.float32 or value_G2.shape != (hash_G.size, 2):
        raise TypeError("ngram_table: expected uint64 (G,) and float32 (G, 2)")
    bits = max(2 * hash_G.size - 1, 1).bit_length()
    table = NgramTable(np.zeros(1 << bits, np.uint64), np.zeros((1 << bits, 2), np.float32), np.uint64(64 - bits))
    _fill(hash_G, value_G2, table)
    return table


def log_probabilities(
    hash_W: Hashes,
    word_offsets_N1: Counts,
    is_chosen_N: NDArray[np.bool_],
    table: NgramTable,
    *,
    order: int,
    unknown: float,
) -> NDArray[np.float64]:
    """Returns float64 (N,): the sum of the words' natural log-probabilities, in their order; 0 where not chosen.

    Args:
        hash_W: a hash per word.
        word_offsets_N1: int64, where the words of each document begin.
        is_chosen_N: the documents to score.
        table: the n-grams of a model.
        order: words of the longest one, 1 to MAX_ORDER.
        unknown: log-probability of a word that the table lacks.

    Raises:
        TypeError: another dtype or shape.
        ValueError: offsets leave `hash_W`, or another order.
    """
    _check(hash_W, word_offsets_N1, order)
    if is_chosen_N.shape != (word_offsets_N1.size - 1,):
        raise TypeError("log_probabilities: expected is_chosen_N of one value per document")
    sum_N = np.zeros(is_chosen_N.size)
    _log_probabilities(hash_W, word_offsets_N1, is_chosen_N, table, start_hashes(order), float(unknown), sum_N)
    return sum_N


def _check(hash_W: Hashes, word_offsets_N1: Counts, order: int) -> None:
    if hash_W.dtype != np.uint64 or hash_W.ndim != 1 or word_offsets_N1.dtype != np.int64 or not word_offsets_N1.size:
        raise TypeError(f"hash_W, word_offsets_N1: expected uint64 (W,) and int64 (N + 1,), found {hash_W.dtype}")
    if word_offsets_N1[0] < 0 or word_offsets_N1[-1] > hash_W.size or np.any(np.diff(word_offsets_N1) < 0):
        raise ValueError("word_offsets_N1: expected ascending offsets within hash_W")
    if not 1 <= order <= MAX_ORDER:
        raise ValueError(f"order: expected 1 to {MAX_ORDER}, found {order}")


@inlined
def _longer(gram, word):  # type: ignore[no-untyped-def]
    """Returns the hash of the n-gram `gram` with `word` before it; of `word` alone where `gram` is 0."""
    return ((gram << LEFT | gram >> RIGHT) ^ word) * GOLDEN


@inlined
def _slot(hash_T, shift, gram):  # type: ignore[no-untyped-def]
    """Returns the slot of an n-gram, or the empty one where its search ends."""
    slot = gram >> shift
    while hash_T[slot] != gram and hash_T[slot] != Z:
        slot = (slot + ONE) & np.uint64(hash_T.size - 1)
    return slot


@kernel
def _ngram_hashes(hash_W, word_offsets_N1, hash_OW):  # type: ignore[no-untyped-def]
    for n in range(word_offsets_N1.size - 1):
        first = word_offsets_N1[n]
        for word in range(first, word_offsets_N1[n + 1]):
            gram = Z
            for k in range(hash_OW.shape[0]):
                gram = _longer(gram, hash_W[word - k] if word - k >= first else START)
                hash_OW[k, word] = gram


@kernel
def _fill(hash_G, value_G2, table):  # type: ignore[no-untyped-def]
    for gram in range(hash_G.size):
        slot = _slot(table.hash_T, table.shift, hash_G[gram])
        table.hash_T[slot] = hash_G[gram]
        table.value_T2[slot, 0], table.value_T2[slot, 1] = value_G2[gram, 0], value_G2[gram, 1]


@kernel
def _log_probabilities(hash_W, word_offsets_N1, is_chosen_N, table, start_O, unknown, sum_N):  # type: ignore[no-untyped-def]
    """`weight_O[k]`: log-weight of the k + 1 words before as a context, of `num_contexts` that were found."""
    hash_T, value_T2, shift = table.hash_T, table.value_T2, table.shift
    order = start_O.size
    weight_O, next_O = np.zeros(order), np.zeros(order)
    for n in range(sum_N.size):
        if not is_chosen_N[n]:
            continue
        num_contexts = 0
        while num_contexts < order - 1:
            slot = _slot(hash_T, shift, start_O[num_contexts])
            if hash_T[slot] == Z:
                break
            weight_O[num_contexts] = value_T2[slot, 1]
            num_contexts += 1
        first = word_offsets_N1[n]
        total = 0.0
        for word in range(first, word_offsets_N1[n + 1]):
            gram, length, logarithm = Z, 0, unknown
            while length < order:
                gram = _longer(gram, hash_W[word - length] if word - length >= first else START)
                slot = _slot(hash_T, shift, gram)
                if hash_T[slot] == Z:
                    break
                logarithm, next_O[length] = np.float64(value_T2[slot, 0]), value_T2[slot, 1]
                length += 1
            for k in range(max(length, 1), num_contexts + 1):
                logarithm += weight_O[k - 1]
            total += logarithm
            weight_O, next_O = next_O, weight_O
            num_contexts = min(length, order - 1)
        sum_N[n] = total
