"""How varied the words of a text are (MTLD), and how many syllables an English one has."""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.words import Bytes, Counts, WordArrays, check_documents

NEVER = -1
ONE = np.uint64(1)


def lexical_diversity(hash_W: NDArray[np.uint64], word_offsets_N1: Counts, *, factor: float) -> NDArray[np.float64]:
    """Returns float64 (N,): the measure of textual lexical diversity, MTLD; 0 without words.

    McCarthy and Jarvis 2010 (Behavior Research Methods 42): words are read until the share of different ones reaches
    `factor`, which is one factor, and then anew; the rest counts as the part of a factor that it has come. MTLD is
    words per factor, the mean of reading forwards and backwards; a text whose words all differ counts as one factor.

    Args:
        hash_W: a hash per word.
        word_offsets_N1: where the words of each document begin.
        factor: share of different words that ends a factor, in (0, 1).
    """
    mtld_N = np.zeros(word_offsets_N1.size - 1)
    most = int(np.diff(word_offsets_N1).max(initial=0))
    size = 1 << max(int(2 * most - 1).bit_length(), 4)
    _mtld(hash_W, word_offsets_N1, factor, np.zeros(size, np.uint64), np.full(size, NEVER, np.int64), mtld_N)
    return mtld_N


@kernel
def _mtld(hash_W, word_offsets_N1, factor, key_T, place_T, mtld_N):  # type: ignore[no-untyped-def]
    """`place_T`: how many words had been read, in all passes, when a slot's word was read last."""
    mask = np.uint64(key_T.size - 1)
    read = np.int64(0)
    for n in range(mtld_N.size):
        first, last = word_offsets_N1[n], word_offsets_N1[n + 1]
        total = 0.0
        for is_backwards in range(2):
            pass_start = start = read
            factors = 0.0
            different = np.int64(0)
            for step in range(last - first):
                word = hash_W[last - 1 - step] if is_backwards else hash_W[first + step]
                slot = word & mask
                while place_T[slot] >= pass_start and key_T[slot] != word:
                    slot = (slot + ONE) & mask
                if place_T[slot] < start:
                    different += 1
                key_T[slot], place_T[slot] = word, read
                read += 1
                if different <= factor * (read - start):
                    factors += 1.0
                    start, different = read, np.int64(0)
            if read > start:
                factors += (1.0 - different / (read - start)) / (1.0 - factor)
            total += (last - first) / factors if factors > 0.0 else float(last - first)
        mtld_N[n] = total / 2.0


def syllable_counts(values: Bytes, offsets_N1: Counts, words: WordArrays) -> Counts:
    """Returns int64 (N,): estimated syllables of the English words of each document, at least one a word.

    A run of the letters a, e, i, o, u and y is a syllable; an e at the end after another letter is silent, but not
    after an l that follows a consonant ("table").

    Raises:
        TypeError: another dtype or shape.
    """
    check_documents(values, offsets_N1)
    counts_N = np.zeros(offsets_N1.size - 1, dtype=np.int64)
    _syllables(values, offsets_N1, words.start_W, words.length_W, words.word_offsets_N1, counts_N)
    return counts_N


@kernel
def _is_vowel(letter):  # type: ignore[no-untyped-def]
    lower = letter | np.uint8(32)
    return lower in (97, 101, 105, 111, 117, 121)


@kernel
def _syllables(values, offsets_N1, start_W, length_W, word_offsets_N1, counts_N):  # type: ignore[no-untyped-def]
    for n in range(counts_N.size):
        for j in range(word_offsets_N1[n], word_offsets_N1[n + 1]):
            begin = offsets_N1[n] + np.int64(start_W[j])
            end = begin + np.int64(length_W[j])
            count = np.int64(0)
            before = False
            for at in range(begin, end):
                is_vowel = _is_vowel(values[at])
                if is_vowel and not before:
                    count += 1
                before = is_vowel
            ends_in_e = end - begin > 2 and (values[end - 1] | np.uint8(32)) == 101
            if ends_in_e and not _is_vowel(values[end - 2]):
                is_table = (values[end - 2] | np.uint8(32)) == 108 and not _is_vowel(values[end - 3])
                if not is_table:
                    count -= 1
            counts_N[n] += max(count, np.int64(1))
