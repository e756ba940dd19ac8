"""MinHash signatures of word shingles, 32-bit affine scheme.

A shingle is `ngram` consecutive 64-bit word hashes folded to 32 bits. Each of H permutations of the
32-bit numbers is `a * mix(shingle) + b mod 2^32` with odd `a`, after MurmurHash3's finalizer `mix`: the
scheme `affine32` of datasketch 2.0, exact by construction (a Mersenne-prime family in uint64 is not:
it wraps modulo 2^64 first). Only running minima are kept, never a shingles x permutations matrix.

Shape letters: W words, N documents, H permutations, P permutations rounded up to a multiple of 7.
"""

import functools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

U32: TypeAlias = NDArray[np.uint32]
U64: TypeAlias = NDArray[np.uint64]
I64: TypeAlias = NDArray[np.int64]

EMPTY = np.uint32(0xFFFFFFFF)
"""Every entry of a signature without shingles."""

MAX_NGRAM = 64
"""The rotations of a shingle's words are distinct up to here."""

_PASS = 7  # permutations per pass over the shingles: the most that stay in registers on AVX2
_LANES = 32  # shingles are padded to a multiple of this, so that the vector loop has no remainder
_MAX_BUCKET_BITS = 13  # 32 KiB of counters: what the first-level cache holds
_BUCKETED = 1 << 14  # above this many shingles a radix sort is faster than buckets
_MOVES = 16  # per shingle; more means that the top bits are not spread: a radix sort never minds


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketches:
    """Shingle sets and signatures of N documents.

    Attributes:
        shingles: uint32, sorted and unique within each document.
        offsets_N1: int64, document n owns `shingles[offsets_N1[n]:offsets_N1[n + 1]]`.
        signature_NH: uint32; rows of documents without shingles are all `EMPTY`.
    """

    shingles: U32
    offsets_N1: I64
    signature_NH: U32


@functools.lru_cache(maxsize=16)
def permutations(num: int, *, seed: int) -> tuple[U32, U32]:
    """Returns read-only (a, b), each (num,): the permutations datasketch draws for `affine32`.

    `RandomState` is NumPy's frozen generator, so a seed means the same numbers in every version.
    """
    draw = np.random.RandomState(seed)
    a = draw.randint(0, 1 << 31, num, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = draw.randint(0, 1 << 32, num, dtype=np.uint32)
    a.flags.writeable = b.flags.writeable = False
    return a, b


def sketch(word_hash_W: U64, word_offsets_N1: I64, *, ngram: int, num_permutations: int, seed: int) -> Sketches:
    """Returns the shingle sets and MinHash signatures of N documents.

    Args:
        word_hash_W: uint64 hash of each word.
        word_offsets_N1: int64 ascending; document n has words `[word_offsets_N1[n], word_offsets_N1[n + 1])`.
        ngram: words per shingle, 1 to 64; a document with fewer words has no shingle.
        num_permutations: H.
        seed: of the permutations.

    Scratch memory is 12 bytes per word of the longest document beside the result.

    Raises:
        ValueError: an argument has another dtype or is out of range.
    """
    _check(word_hash_W, word_offsets_N1, ngram, num_permutations)
    num_documents = word_offsets_N1.size - 1
    lengths_N = np.maximum(np.diff(word_offsets_N1) - (ngram - 1), 0)
    shingles = np.empty(int(lengths_N.sum()), dtype=np.uint32)
    offsets_N1 = np.zeros(num_documents + 1, dtype=np.int64)
    num_padded = -(-num_permutations // _PASS) * _PASS
    signature_NP = np.full((num_documents, num_padded), EMPTY, dtype=np.uint32)
    a_P, b_P = permutations(num_permutations, seed=seed)
    _sketch(
        word_hash_W,
        word_offsets_N1,
        ngram,
        (np.resize(a_P, num_padded), np.resize(b_P, num_padded)),
        (shingles, offsets_N1, signature_NP),
    )
    return Sketches(
        shingles=shingles[: offsets_N1[-1]],
        offsets_N1=offsets_N1,
        signature_NH=np.ascontiguousarray(signature_NP[:, :num_permutations]),
    )


def sign(shingles: U32, offsets_N1: I64, *, num_permutations: int, seed: int) -> U32:
    """Returns uint32 (N, H): the signatures of N given shingle sets, as `sketch` makes them; of an empty one, `EMPTY`.

    Args:
        shingles: uint32, any order within a set.
        offsets_N1: int64 ascending; set n is `shingles[offsets_N1[n]:offsets_N1[n + 1]]`.
        num_permutations: H.
        seed: of the permutations.

    Raises:
        ValueError: shingles of another dtype, or offsets that do not ascend within them.
    """
    if shingles.dtype != np.uint32 or (np.diff(offsets_N1, prepend=0, append=shingles.size) < 0).any():
        raise ValueError(
            f"sign: expected uint32 shingles and ascending offsets into {shingles.size}, found {shingles.dtype} and "
            f"offsets {offsets_N1.min()} to {offsets_N1.max()}"
        )
    num_padded = -(-num_permutations // _PASS) * _PASS
    signature_NP = np.full((offsets_N1.size - 1, num_padded), EMPTY, dtype=np.uint32)
    a_P, b_P = (np.resize(drawn, num_padded) for drawn in permutations(num_permutations, seed=seed))
    _sign(shingles, offsets_N1, (a_P, b_P), signature_NP)
    return np.ascontiguousarray(signature_NP[:, :num_permutations])


def _check(word_hash_W: U64, word_offsets_N1: I64, ngram: int, num_permutations: int) -> None:
    if word_hash_W.dtype != np.uint64 or word_offsets_N1.dtype != np.int64 or word_offsets_N1.size == 0:
        raise ValueError(
            "sketch: expected uint64 word hashes and at least one int64 offset, found "
            f"{word_hash_W.dtype} and {word_offsets_N1.size} {word_offsets_N1.dtype}"
        )
    if word_offsets_N1[0] < 0 or word_offsets_N1[-1] > word_hash_W.size or (np.diff(word_offsets_N1) < 0).any():
        raise ValueError(f"sketch: expected ascending offsets into {word_hash_W.size} words")
    if not 1 <= ngram <= MAX_NGRAM:
        raise ValueError(f"ngram: expected 1 to {MAX_NGRAM}, found {ngram}")
    if num_permutations < 1:
        raise ValueError(f"num_permutations: expected at least 1, found {num_permutations}")


@kernel
def _sketch(
    word_hash_W: U64, word_offsets_N1: I64, ngram: int, permutations_P: tuple[U32, U32], out: tuple[U32, I64, U32]
) -> None:
    """Fills `out` = (shingles, offsets_N1, signature_NP), document by document."""
    a_P, b_P = permutations_P
    shingles, offsets_N1, signature_NP = out
    longest = 0
    for n in range(word_offsets_N1.size - 1):
        longest = max(longest, word_offsets_N1[n + 1] - word_offsets_N1[n] - ngram + 1)
    scratch = np.empty(longest, dtype=np.uint32)
    mixed = np.empty(longest + _LANES, dtype=np.uint32)
    bucket_ends = np.empty(1 << _MAX_BUCKET_BITS, dtype=np.uint32)
    end = 0
    for n in range(word_offsets_N1.size - 1):
        words = word_hash_W[word_offsets_N1[n] : word_offsets_N1[n + 1]]
        count = words.size - ngram + 1
        if count > 0:
            found = shingles[end : end + count]
            _fold(words, ngram, found)
            num_unique = _sorted_set(found, scratch, bucket_ends)
            _minima(_mixed(found[:num_unique], mixed), a_P, b_P, signature_NP[n])
            end += num_unique
        offsets_N1[n + 1] = end


@kernel
def _sign(shingles: U32, offsets_N1: I64, permutations_P: tuple[U32, U32], signature_NP: U32) -> None:
    a_P, b_P = permutations_P
    longest = 0
    for n in range(offsets_N1.size - 1):
        longest = max(longest, offsets_N1[n + 1] - offsets_N1[n])
    mixed = np.empty(longest + _LANES, dtype=np.uint32)
    for n in range(offsets_N1.size - 1):
        members = shingles[offsets_N1[n] : offsets_N1[n + 1]]
        if members.size > 0:
            _minima(_mixed(members, mixed), a_P, b_P, signature_NP[n])


@kernel
def _fold(words: U64, ngram: int, shingles: U32) -> None:
    """Writes one 32-bit shingle per window of `ngram` words: a rolling hash of rotations, then one multiply.

    Word k of a window is rotated by 13 * (ngram - 1 - k) mod 64, distinct for ngram <= 64, so order counts.
    """
    leave = np.uint64((13 * (ngram - 1)) % 64)
    back = np.uint64((64 - (13 * (ngram - 1)) % 64) % 64)
    state = np.uint64(0)
    for k in range(ngram - 1):
        state = ((state << np.uint64(13)) | (state >> np.uint64(51))) ^ words[k]
    for j in range(shingles.size):
        state = ((state << np.uint64(13)) | (state >> np.uint64(51))) ^ words[j + ngram - 1]
        shingles[j] = np.uint32((state * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32))
        state ^= (words[j] << leave) | (words[j] >> back)


@kernel
def _sorted_set(values: U32, scratch: U32, bucket_ends: U32) -> int:
    """Sorts `values` in place, moves the distinct ones to its front and returns how many there are.

    Hashes are spread evenly, so one pass into buckets by their top bits leaves little for an insertion sort.
    """
    size = values.size
    if size > _BUCKETED:
        _radix_sort(values, scratch)
        return _unique(values)
    bits = 5
    while bits < _MAX_BUCKET_BITS and size >> (bits - 1):
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
    return np.int64(kept)


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


@kernel
def _mixed(shingles: U32, mixed: U32) -> U32:
    """Returns MurmurHash3's finalizer of `shingles`, padded with its last value to a multiple of _LANES.

    A repeated shingle leaves every minimum as it is.
    """
    size = -(-shingles.size // _LANES) * _LANES
    for j in range(shingles.size):
        h = shingles[j]
        h = np.uint32(np.uint32(h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        h = np.uint32(np.uint32(h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        mixed[j] = h ^ (h >> np.uint32(16))
    mixed[shingles.size : size] = mixed[shingles.size - 1]
    return mixed[:size]


@kernel
def _minima(mixed: U32, a_P: U32, b_P: U32, row_P: U32) -> None:
    """Writes min over `mixed` of each permutation, 7 permutations per pass.

    Numba widens uint32 arithmetic to uint64; the outer `np.uint32` is the mod 2^32 and lets it vectorise.
    """
    blocks = mixed.size // _LANES
    for p in range(0, row_P.size, _PASS):
        a0, a1, a2, a3, a4, a5, a6 = a_P[p], a_P[p + 1], a_P[p + 2], a_P[p + 3], a_P[p + 4], a_P[p + 5], a_P[p + 6]
        b0, b1, b2, b3, b4, b5, b6 = b_P[p], b_P[p + 1], b_P[p + 2], b_P[p + 3], b_P[p + 4], b_P[p + 5], b_P[p + 6]
        m0 = m1 = m2 = m3 = m4 = m5 = m6 = EMPTY
        for j in range(blocks * _LANES):
            h = mixed[j]
            m0 = min(m0, np.uint32(a0 * h + b0))
            m1 = min(m1, np.uint32(a1 * h + b1))
            m2 = min(m2, np.uint32(a2 * h + b2))
            m3 = min(m3, np.uint32(a3 * h + b3))
            m4 = min(m4, np.uint32(a4 * h + b4))
            m5 = min(m5, np.uint32(a5 * h + b5))
            m6 = min(m6, np.uint32(a6 * h + b6))
        row_P[p], row_P[p + 1], row_P[p + 2], row_P[p + 3] = m0, m1, m2, m3
        row_P[p + 4], row_P[p + 5], row_P[p + 6] = m4, m5, m6
