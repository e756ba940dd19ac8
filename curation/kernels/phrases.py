"""Where any of a few phrases occurs, ASCII letters in either case.

Each phrase is looked for by a pair of adjacent bytes that is rare in English, 64 positions at a time; what follows
compares the whole phrase. Phrases that share a pair share the search.
"""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.vector import lowest_bit, mask_of_byte, mask_of_pairs
from curation.kernels.words import Bytes, Counts, check_documents

COMMON_FIRST = " etaoinsrhldcumfpgwybvkxjqz"
"""Letters by their frequency in English text (Lewand 2000, Cryptological Mathematics, p. 36); for speed alone."""

Z, ONE, SIX, BLOCK, LANE = (np.uint64(n) for n in (0, 1, 6, 64, 0xFF))
CASE = np.uint8(0x20)
LANES = 8


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
    pair_G2: NDArray[np.uint64]
    """First and second bytes of up to eight pairs, in lanes of 8 bits, with `| 0x20` on each; by groups of pairs."""
    has_one_pair: bool
    group_P: Counts
    """The group that has the phrase's pair."""
    shift_P: Counts
    """Where the pair begins in the phrase."""


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
    pairs: dict[bytes, int] = {}
    shift_P, group_P = [], []
    for phrase in phrases:
        text = phrase.encode()
        shift = min(range(len(text) - 1), key=lambda i, text=text: _cost(text[i : i + 2], pairs))  # type: ignore[misc]
        shift_P.append(shift)
        group_P.append(pairs.setdefault(text[shift : shift + 2], len(pairs)) // LANES)
    groups = [tuple(pairs)[at : at + LANES] for at in range(0, len(pairs), LANES)]
    return _Search(
        text=np.frombuffer("".join(phrases).encode(), dtype=np.uint8),
        text_offsets_P1=np.cumsum([0, *map(len, phrases)], dtype=np.int64),
        pair_G2=np.array(list(map(_lanes, groups)), dtype=np.uint64).reshape(-1, 2),
        has_one_pair=len(pairs) == 1,
        group_P=np.array(group_P, dtype=np.int64),
        shift_P=np.array(shift_P, dtype=np.int64),
    )


def _cost(pair: bytes, taken: dict[bytes, int]) -> int:
    letters = (COMMON_FIRST.find(chr(byte)) for byte in pair)
    return 0 if pair in taken else 1 + sum(len(COMMON_FIRST) - place for place in letters if place >= 0)


def _lanes(group: tuple[bytes, ...]) -> tuple[int, int]:
    """Returns the pairs' first and second bytes in lanes; the first pair fills the lanes that are left."""
    full = (*group, *[group[0]] * (LANES - len(group)))
    first, second = (int.from_bytes(bytes(pair[i] | int(CASE) for pair in full), "little") for i in (0, 1))
    return first, second


@kernel
def _find(values, offsets_N1, text, text_offsets_P1, pair_G2, has_one_pair, group_P, shift_P):  # type: ignore[no-untyped-def]
    position_H = np.empty(1024, dtype=np.int64)
    phrase_H = np.empty(1024, dtype=np.int64)
    hit_offsets_N1 = np.zeros(offsets_N1.size, dtype=np.int64)
    tail = np.zeros(128, dtype=np.uint8)
    found = Z
    for n in range(np.uint64(offsets_N1.size - 1)):
        begin, end = np.uint64(offsets_N1[n]), np.uint64(offsets_N1[n + ONE])
        at = begin
        while at < end:
            at = _next_block(values, at, end, pair_G2, has_one_pair)
            source, index = values, at
            if at + BLOCK >= end:
                tail[:] = 0
                tail[: end - at] = values[at:end]
                source, index = tail, Z
            for g in range(np.uint64(pair_G2.shape[0])):
                bits = mask_of_pairs(source, index, pair_G2[g, 0], pair_G2[g, 1])
                while bits:
                    position = at - begin + lowest_bit(bits)
                    bits &= bits - ONE
                    for p in range(np.uint64(shift_P.size)):
                        words = text[text_offsets_P1[p] : text_offsets_P1[p + ONE]]
                        shift = np.uint64(shift_P[p])
                        if group_P[p] == np.int64(g) and _is_at(values, begin, end, position, shift, words):
                            if found == np.uint64(position_H.size):
                                position_H, phrase_H = _doubled(position_H), _doubled(phrase_H)
                            position_H[found] = np.int64(position - shift)
                            phrase_H[found] = np.int64(p)
                            found += ONE
            at += BLOCK
        hit_offsets_N1[n + ONE] = np.int64(found)
    return position_H[:found], phrase_H[:found], hit_offsets_N1


@borrowing
def _next_block(values, at, end, pair_G2, has_one_pair):  # type: ignore[no-untyped-def]
    """Returns where the next block of 64 bytes begins that has a pair or reaches up to the end of the document."""
    while at + BLOCK < end:
        found = Z
        if has_one_pair:
            first, second = np.uint8(pair_G2[0, 0] & LANE), np.uint8(pair_G2[0, 1] & LANE)
            found = mask_of_byte(values, at, first) | mask_of_byte(values, at, np.uint8(first ^ CASE))
            after = at + ONE
            found &= mask_of_byte(values, after, second) | mask_of_byte(values, after, np.uint8(second ^ CASE))
        else:
            for g in range(np.uint64(pair_G2.shape[0])):
                found |= mask_of_pairs(values, at, pair_G2[g, 0], pair_G2[g, 1])
        if found:
            break
        at += BLOCK
    return at


@borrowing
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
