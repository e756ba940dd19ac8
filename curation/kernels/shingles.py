"""Shingles of documents: windows of words or of characters as numbers, and sorted sets of them.

A window is hashed by a rolling hash of rotations (cyclic polynomial: Cohen 1997, "Recursive hashing functions for
n-grams", section 2), then multiplied once; a 32-bit shingle is the upper half of the 64-bit one. Characters are
code points of the lower-cased text, white space and punctuation among them.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.unicode import CODE_POINTS

U8: TypeAlias = NDArray[np.uint8]
U32: TypeAlias = NDArray[np.uint32]
U64: TypeAlias = NDArray[np.uint64]
I64: TypeAlias = NDArray[np.int64]

MAX_NGRAM = 64
"""The rotations of a window's words are distinct up to here."""

MAX_BUCKET_BITS = 13  # 32 KiB of counters: what the first-level cache holds
BUCKETED = 1 << 14  # above this many shingles a radix sort is faster than buckets
_MOVES = 16  # per shingle; more means that the top bits are not spread: a radix sort never minds
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # of SplitMix64 (Steele, Lea, Flood 2014)
_BYTES = np.uint32(0xFFFFFF)


@kernel
def fold_words(words: U64, ngram: int, shift: np.uint64, shingles: U32 | U64) -> None:
    """Writes one shingle per window of `ngram` words: a rolling hash of rotations, one multiply, less `shift` low bits.

    Word k of a window is rotated by 13 * (ngram - 1 - k) mod 64, distinct for ngram <= 64, so order counts.
    """
    leave = np.uint64((13 * (ngram - 1)) % 64)
    back = np.uint64((64 - (13 * (ngram - 1)) % 64) % 64)
    state = np.uint64(0)
    for k in range(ngram - 1):
        state = ((state << np.uint64(13)) | (state >> np.uint64(51))) ^ words[k]
    for j in range(shingles.size):
        state = ((state << np.uint64(13)) | (state >> np.uint64(51))) ^ words[j + ngram - 1]
        shingles[j] = (state * GOLDEN) >> shift
        state ^= (words[j] << leave) | (words[j] >> back)


@kernel
def fold_characters(
    values: U8, begin: int, end: int, table: U32, ngram: int, shift: np.uint64, shingles: U32 | U64
) -> None:
    """Writes one shingle per window of `ngram` characters of values[begin:end], as `fold_words` does of words.

    A character is a lead byte and the continuation bytes after it, whatever they are.
    """
    leave = np.uint64((13 * (ngram - 1)) % 64)
    back = np.uint64((64 - (13 * (ngram - 1)) % 64) % 64)
    window = np.zeros(MAX_NGRAM, dtype=np.uint64)
    state = np.uint64(0)
    at, count, one = np.uint64(begin), np.uint64(0), np.uint64(1)
    first, size = np.uint64(ngram - 1), np.uint64(ngram)
    while at < np.uint64(end) and values[at] & np.uint8(0xC0) == np.uint8(0x80):
        at += one
    slot = np.uint64(0)
    while at < np.uint64(end):
        byte = np.uint64(values[at])
        at += one
        code_point = byte
        if byte >= np.uint64(0xC0):
            code_point &= np.uint64(0x1F) if byte < np.uint64(0xE0) else np.uint64(0x0F)
        while at < np.uint64(end) and values[at] & np.uint8(0xC0) == np.uint8(0x80):
            code_point = code_point << np.uint64(6) | np.uint64(values[at]) & np.uint64(0x3F)
            at += one
        character = _hash_of_character(code_point, table)
        state = ((state << np.uint64(13)) | (state >> np.uint64(51))) ^ character
        window[slot] = character
        slot = slot + one if slot + one < size else np.uint64(0)
        if count >= first:
            shingles[count - first] = (state * GOLDEN) >> shift
            oldest = window[slot]
            state ^= (oldest << leave) | (oldest >> back)
        count += one


@kernel
def _hash_of_character(code_point: np.uint64, table: U32) -> np.uint64:
    """Returns 64 spread bits of the lower case of a code point."""
    if code_point < np.uint64(CODE_POINTS):
        lower = np.uint64(table[code_point] & _BYTES)
    else:
        lower = code_point | np.uint64(1 << 24)
    mixed = (lower + np.uint64(1)) * GOLDEN
    return (mixed ^ mixed >> np.uint64(29)) * _MIX


@kernel
def sorted_set(values: U32, scratch: U32, bucket_ends: U32) -> int:
    """Sorts `values` in place, moves the distinct ones to its front and returns how many there are.

    Hashes are spread evenly, so one pass into buckets by their top bits leaves little for an insertion sort.
    """
    size = values.size
    if size > BUCKETED:
        _radix_sort(values, scratch)
        return _unique(values)
    bits = 5
    while bits < MAX_BUCKET_BITS and size >> (bits - 1):
        bits += 1
    _into_buckets(values, scratch, bucket_ends[: 1 << bits], np.uint32(32 - bits))
    zero, one = np.uint64(0), np.uint64(1)  # Numba tests signed indices for being negative
    last = scratch[zero]
    values[zero] = last
    kept, moves = one, zero
    for i in range(one, np.uint64(size)):
        value = scratch[i]
        if value > last:
            values[kept] = last = value
            kept += one
        elif value < last:
            j = kept
            while j and values[j - one] > value:
                j -= one
            if j and values[j - one] == value:
                continue
            moves += kept - j
            if moves > np.uint64(_MOVES * size):
                values[:] = scratch[:size]
                _radix_sort(values, scratch)
                return _unique(values)
            k = kept
            while k > j:
                values[k] = values[k - one]
                k -= one
            values[j] = value
            kept += one
    return np.int64(kept)  # type: ignore[return-value]  # `int` would leave it unsigned, and the result a float


@kernel
def _into_buckets(values: U32, target: U32, bucket_ends: U32, shift: np.uint32) -> None:
    """Writes `values` to `target`, ordered by their bits from `shift` on."""
    bucket_ends[:] = 0
    for value in values:
        bucket_ends[value >> shift] += np.uint32(1)
    total = np.uint32(0)
    for bucket in range(bucket_ends.size):
        total, bucket_ends[bucket] = np.uint32(total + bucket_ends[bucket]), total
    for value in values:
        at = bucket_ends[value >> shift]
        target[at] = value
        bucket_ends[value >> shift] = np.uint32(at + np.uint32(1))


@kernel
def _radix_sort(values: U32, scratch: U32) -> None:
    """Sorts uint32 in place; never quadratic, whatever the text (LSD radix sort, 4 passes of 8 bits)."""
    size = values.size
    counts = np.zeros((4, 256), dtype=np.int64)
    for value in values:
        counts[0, value & np.uint32(255)] += 1
        counts[1, (value >> np.uint32(8)) & np.uint32(255)] += 1
        counts[2, (value >> np.uint32(16)) & np.uint32(255)] += 1
        counts[3, value >> np.uint32(24)] += 1
    for digit in range(4):
        total = 0
        for key in range(256):
            total, counts[digit, key] = total + counts[digit, key], total
    _scatter(values, scratch, counts[0], np.uint32(0))
    _scatter(scratch[:size], values, counts[1], np.uint32(8))
    _scatter(values, scratch, counts[2], np.uint32(16))
    _scatter(scratch[:size], values, counts[3], np.uint32(24))


@kernel
def _scatter(source: U32, target: U32, starts: I64, shift: np.uint32) -> None:
    for value in source:
        key = (value >> shift) & np.uint32(255)
        target[starts[key]] = value
        starts[key] += 1


@kernel
def _unique(values: U32) -> int:
    """Moves the distinct numbers of sorted, non-empty `values` to its front and returns how many there are."""
    kept = 1
    for i in range(1, values.size):
        values[kept] = values[i]  # written before it is known to be new: no branch to mispredict
        kept += values[i] != values[kept - 1]
    return kept
