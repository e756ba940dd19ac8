"""Where any of a few phrases occurs, ASCII letters in either case.

Each phrase is looked for by a pair of adjacent bytes that is rare in English, 64 positions at a time; what follows
compares the whole phrase. Phrases that share a pair share the search.
"""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.vector import lowest_bit, mask_of_byte
from curation.kernels.words import Bytes, Counts, check_documents

COMMON_FIRST = " etaoinsrhldcumfpgwybvkxjqz"
"""Letters by their frequency in English text (Lewand 2000, Cryptological Mathematics, p. 36); for speed alone."""

Z, ONE, SIX, BLOCK = (np.uint64(n) for n in (0, 1, 6, 64))
CASE = np.uint8(0x20)


class Hits(NamedTuple):
    """Occurrences of phrases (H in all), by document and position."""

    position_H: Counts
    """First byte, from the start of its document."""
    phrase_H: NDArray[np.int64]
    """Index of the phrase."""
    offsets_N1: Counts
    """Where each document's hits begin."""


class _Search(NamedTuple):
    text: Bytes
    text_offsets_P1: Counts
    pair_A2: Bytes
    phrase_offsets_A1: Counts
    phrase_P: Counts  # by pair
    shift_P: Counts  # from the start of the phrase to its pair


def phrase_hits(values: Bytes, offsets_N1: Counts, phrases: tuple[str, ...]) -> Hits:
    """Returns every occurrence of every phrase, overlapping ones too.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64, where documents begin.
        phrases: ASCII without capitals, two characters or more.

    Raises:
        TypeError: another dtype or shape.
        ValueError: a phrase is not as said.
    """
    check_documents(values, offsets_N1)
    position_H, phrase_H, hit_offsets_N1 = _find(values, offsets_N1, *_search_of(phrases))
    document_H = np.repeat(np.arange(offsets_N1.size - 1), np.diff(hit_offsets_N1))
    order = np.lexsort((phrase_H, position_H, document_H))
    return Hits(position_H[order], phrase_H[order], hit_offsets_N1)


@functools.cache
def _search_of(phrases: tuple[str, ...]) -> _Search:
    for phrase in phrases:
        if len(phrase) < 2 or not phrase.isascii() or phrase != phrase.lower():
            raise ValueError(f"phrases: expected two or more ASCII characters without capitals, found {phrase!r}")
    by_pair: dict[str, list[tuple[int, int]]] = {}
    for index, phrase in enumerate(phrases):
        shift = min(range(len(phrase) - 1), key=lambda i, text=phrase: _cost(text[i : i + 2], by_pair))  # type: ignore[misc]
        by_pair.setdefault(phrase[shift : shift + 2], []).append((index, shift))
    members = [member for group in by_pair.values() for member in group]
    return _Search(
        text=np.frombuffer("".join(phrases).encode(), dtype=np.uint8),
        text_offsets_P1=np.cumsum([0, *map(len, phrases)], dtype=np.int64),
        pair_A2=np.array([list(pair.encode()) for pair in by_pair], dtype=np.uint8).reshape(-1, 2),
        phrase_offsets_A1=np.cumsum([0, *map(len, by_pair.values())], dtype=np.int64),
        phrase_P=np.array([index for index, _ in members], dtype=np.int64),
        shift_P=np.array([shift for _, shift in members], dtype=np.int64),
    )


def _cost(pair: str, taken: dict[str, list[tuple[int, int]]]) -> int:
    return 0 if pair in taken else 1 + sum(len(COMMON_FIRST) - COMMON_FIRST.find(c) for c in pair if c in COMMON_FIRST)


@kernel
def _find(values, offsets_N1, text, text_offsets_P1, pair_A2, phrase_offsets_A1, phrase_P, shift_P):  # type: ignore[no-untyped-def]
    position_H = np.empty(1024, dtype=np.int64)
    phrase_H = np.empty(1024, dtype=np.int64)
    hit_offsets_N1 = np.zeros(offsets_N1.size, dtype=np.int64)
    tail = np.zeros(128, dtype=np.uint8)
    found = Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        at = begin
        while at < end:
            source, index = values, at
            if at + BLOCK >= end:
                tail[:] = 0
                tail[: end - at] = values[at:end]
                source, index = tail, Z
            for a in range(np.uint64(pair_A2.shape[0])):
                bits = _mask_of_letter(source, index, pair_A2[a, 0])
                bits &= _mask_of_letter(source, index + ONE, pair_A2[a, 1])
                while bits:
                    position = at - begin + lowest_bit(bits)
                    bits &= bits - ONE
                    for m in range(np.uint64(phrase_offsets_A1[a]), np.uint64(phrase_offsets_A1[a + ONE])):
                        phrase = np.uint64(phrase_P[m])
                        words = text[text_offsets_P1[phrase] : text_offsets_P1[phrase + ONE]]
                        if _is_at(values, begin, end, position, np.uint64(shift_P[m]), words):
                            if found == np.uint64(position_H.size):
                                position_H, phrase_H = _doubled(position_H), _doubled(phrase_H)
                            position_H[found] = np.int64(position - np.uint64(shift_P[m]))
                            phrase_H[found] = np.int64(phrase)
                            found += ONE
            at += BLOCK
        hit_offsets_N1[n + ONE] = np.int64(found)
    return position_H[:found], phrase_H[:found], hit_offsets_N1


@kernel
def _mask_of_letter(source, index, lower):  # type: ignore[no-untyped-def]
    """Returns the bits of a byte given in lower case; those of a letter in either case."""
    bits = mask_of_byte(source, index, lower)
    if lower >= np.uint8(97) and lower <= np.uint8(122):
        bits |= mask_of_byte(source, index, np.uint8(lower ^ CASE))
    return bits


@kernel
def _is_at(values, begin, end, position, shift, words):  # type: ignore[no-untyped-def]
    """Returns whether the document has `words` in any case from `shift` bytes before `position`."""
    size = np.uint64(words.size)
    if position < shift or begin + position - shift + size > end:
        return False
    at = begin + position - shift
    for i in range(size):
        byte = values[at + i]
        if byte >= np.uint8(65) and byte <= np.uint8(90):
            byte |= CASE
        if byte != words[i]:
            return False
    return True


@kernel
def _doubled(array):  # type: ignore[no-untyped-def]
    longer = np.empty(2 * array.size, dtype=array.dtype)
    longer[: array.size] = array
    return longer
