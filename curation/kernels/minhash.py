"""MinHash signatures of word and character shingles, in datasketch's affine schemes.

Each of H permutations of the 32-bit numbers is `a * mix(shingle) + b mod 2^32` with odd `a`, after MurmurHash3's
finalizer `mix`: the scheme `affine32` of datasketch 2.0, exact by construction (a Mersenne-prime family in uint64
is not: it wraps modulo 2^64 first). `affine64` is the same with 64 bits, for sets so large (about 100 million) that
32-bit hashes saturate; the sets that verify links stay 32-bit. Only running minima are kept, never a shingles x
permutations matrix.

Shape letters: W words, N documents, H permutations, P permutations rounded up to a multiple of 7.
"""

import functools
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.shingles import MAX_BUCKET_BITS, MAX_NGRAM, fold_characters, fold_words, sorted_set
from curation.kernels.unicode import unicode_table

U8: TypeAlias = NDArray[np.uint8]
U32: TypeAlias = NDArray[np.uint32]
U64: TypeAlias = NDArray[np.uint64]
I64: TypeAlias = NDArray[np.int64]
Scheme = Literal["affine32", "affine64"]
SCHEMES: tuple[Scheme, ...] = ("affine32", "affine64")

EMPTY = np.uint32(0xFFFFFFFF)
EMPTY_64 = np.uint64(0xFFFFFFFFFFFFFFFF)
"""Every entry of a signature without shingles."""

_PASS = 7  # permutations per pass over the shingles: the most that stay in registers on AVX2
_LANES = 32  # shingles are padded to a multiple of this, so that the vector loop has no remainder
_HALF, _WHOLE = np.uint64(32), np.uint64(0)  # low bits left out of a 64-bit shingle


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketches:
    """Shingle sets and signatures of N documents.

    Attributes:
        shingles: uint32, sorted and unique within each document.
        offsets_N1: int64, document n owns `shingles[offsets_N1[n]:offsets_N1[n + 1]]`.
        signature_NH: uint32, or uint64 by `affine64`; rows of documents without shingles have all bits set.
    """

    shingles: U32
    offsets_N1: I64
    signature_NH: U32 | U64


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


@functools.lru_cache(maxsize=16)
def permutations_64(num: int, *, seed: int) -> tuple[U64, U64]:
    """Returns read-only (a, b), each (num,): the permutations datasketch draws for `affine64`."""
    draw = np.random.RandomState(seed)
    a = draw.randint(0, 1 << 63, num, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    b = draw.randint(0, 1 << 64, num, dtype=np.uint64)
    a.flags.writeable = b.flags.writeable = False
    return a, b


def sketch(
    word_hash_W: U64,
    word_offsets_N1: I64,
    *,
    ngram: int,
    num_permutations: int,
    seed: int,
    scheme: Scheme = "affine32",
) -> Sketches:
    """Returns the sets of word shingles and MinHash signatures of N documents.

    Args:
        word_hash_W: uint64 hash of each word.
        word_offsets_N1: int64 ascending; document n has words `[word_offsets_N1[n], word_offsets_N1[n + 1])`.
        ngram: words per shingle, 1 to 64; a document with fewer words has no shingle.
        num_permutations: H.
        seed: of the permutations.
        scheme: `affine32`, or `affine64` over the 64-bit hashes of the shingles.

    Scratch memory is 12 bytes per word of the longest document beside the result; `affine64`: 20.

    Raises:
        ValueError: an argument has another dtype or is out of range.
    """
    _check("sketch", word_hash_W, word_offsets_N1, "word hashes", np.dtype(np.uint64))
    return _sketched(
        (word_hash_W, np.empty(0, np.uint8), unicode_table()),
        (word_offsets_N1, np.diff(word_offsets_N1)),
        (ngram, num_permutations, seed, scheme),
    )


def sketch_characters(
    values: U8,
    offsets_N1: I64,
    num_chars_N: I64,
    *,
    ngram: int,
    num_permutations: int,
    seed: int,
    scheme: Scheme = "affine32",
) -> Sketches:
    """Returns the sets of character shingles and MinHash signatures of N documents.

    Args:
        values: UTF-8 of all documents.
        offsets_N1: int64 ascending; document n is `values[offsets_N1[n] : offsets_N1[n + 1]]`.
        num_chars_N: int64, the bytes of each document that are no continuation bytes, as `words` counts them.
        ngram: characters per shingle, 1 to 64; a document with fewer has no shingle.
        num_permutations: H.
        seed: of the permutations.
        scheme: as for `sketch`.

    Scratch memory is 12 bytes per character of the longest document beside the result; `affine64`: 20.

    Raises:
        ValueError: an argument has another dtype or is out of range.
    """
    _check("sketch_characters", values, offsets_N1, "bytes", np.dtype(np.uint8))
    if num_chars_N.dtype != np.int64 or (num_chars_N != _num_leads(values, offsets_N1)).any():
        raise ValueError("num_chars_N: expected the bytes that begin a character, found other counts")
    return _sketched(
        (np.empty(0, np.uint64), values, unicode_table()),
        (offsets_N1, num_chars_N),
        (ngram, num_permutations, seed, scheme),
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
    signature_NP = _empty(offsets_N1.size - 1, num_permutations)
    _sign(shingles, offsets_N1, _padded(num_permutations, seed), signature_NP)
    return np.ascontiguousarray(signature_NP[:, :num_permutations])


def _sketched(source: tuple[U64, U8, U32], extent: tuple[I64, I64], settings: tuple[int, int, int, Scheme]) -> Sketches:
    """Returns the sketches of documents; `extent`: where each one begins, and its words or characters."""
    ngram, num_permutations, seed, scheme = settings
    if not 1 <= ngram <= MAX_NGRAM:
        raise ValueError(f"ngram: expected 1 to {MAX_NGRAM}, found {ngram}")
    if num_permutations < 1:
        raise ValueError(f"num_permutations: expected at least 1, found {num_permutations}")
    begin_N1, units_N = extent
    lengths_N = np.maximum(units_N - (ngram - 1), 0)
    shingles = np.empty(int(lengths_N.sum()), dtype=np.uint32)
    offsets_N1 = np.zeros(lengths_N.size + 1, dtype=np.int64)
    fill = functools.partial(_sketch, source, begin_N1, lengths_N, ngram)
    signature_NH: U32 | U64
    if scheme == "affine64":
        fill((np.empty(0, np.uint32), np.empty(0, np.uint32)), (shingles, offsets_N1, np.empty((0, 0), np.uint32)))
        signature_NH = np.full((lengths_N.size, num_permutations), EMPTY_64, dtype=np.uint64)
        _sketch_64(source, begin_N1, lengths_N, ngram, permutations_64(num_permutations, seed=seed), signature_NH)
    else:
        signature_NP = _empty(lengths_N.size, num_permutations)
        fill(_padded(num_permutations, seed), (shingles, offsets_N1, signature_NP))
        signature_NH = np.ascontiguousarray(signature_NP[:, :num_permutations])
    return Sketches(shingles=shingles[: offsets_N1[-1]], offsets_N1=offsets_N1, signature_NH=signature_NH)


def _empty(num_documents: int, num_permutations: int) -> U32:
    """Returns EMPTY for P permutations of each document."""
    return np.full((num_documents, -(-num_permutations // _PASS) * _PASS), EMPTY, dtype=np.uint32)


def _padded(num_permutations: int, seed: int) -> tuple[U32, U32]:
    """Returns (a, b) of P permutations; those that fill the last pass are repeated ones."""
    num_padded = -(-num_permutations // _PASS) * _PASS
    a_H, b_H = permutations(num_permutations, seed=seed)
    return a_H[np.arange(num_padded) % num_permutations], b_H[np.arange(num_padded) % num_permutations]


def _check(where: str, values: U64 | U8, offsets_N1: I64, what: str, dtype: "np.dtype[np.generic]") -> None:
    if values.dtype != dtype or offsets_N1.dtype != np.int64 or offsets_N1.size == 0:
        raise ValueError(
            f"{where}: expected {dtype} {what} and at least one int64 offset, found "
            f"{values.dtype} and {offsets_N1.size} {offsets_N1.dtype}"
        )
    if offsets_N1[0] < 0 or offsets_N1[-1] > values.size or (np.diff(offsets_N1) < 0).any():
        raise ValueError(f"{where}: expected ascending offsets into {values.size} {what}")


@kernel
def _num_leads(values: U8, offsets_N1: I64) -> I64:
    """Returns int64 (N,): the bytes of each document that are no continuation bytes."""
    num_N = np.zeros(offsets_N1.size - 1, dtype=np.int64)
    for n in range(num_N.size):
        for byte in values[offsets_N1[n] : offsets_N1[n + 1]]:
            num_N[n] += byte & np.uint8(0xC0) != np.uint8(0x80)
    return num_N


@kernel
def _fold(source: tuple[U64, U8, U32], begin: int, end: int, ngram: int, shift: np.uint64, shingles: U32 | U64) -> None:
    """Writes the shingles of one document; `source` = (word hashes, bytes, table), one of the first two empty."""
    word_hash_W, values, table = source
    if values.size:
        fold_characters(values, begin, end, table, ngram, shift, shingles)
    else:
        fold_words(word_hash_W[begin:end], ngram, shift, shingles)


@kernel
def _sketch(
    source: tuple[U64, U8, U32],
    begin_N1: I64,
    lengths_N: I64,
    ngram: int,
    permutations_P: tuple[U32, U32],
    out: tuple[U32, I64, U32],
) -> None:
    """Fills `out` = (shingles, offsets_N1, signature_NP), document by document; no permutations: no signature."""
    a_P, b_P = permutations_P
    shingles, offsets_N1, signature_NP = out
    longest = 0
    for length in lengths_N:
        longest = max(longest, length)
    scratch = np.empty(longest, dtype=np.uint32)
    mixed = np.empty(longest + _LANES, dtype=np.uint32)
    bucket_ends = np.empty(1 << MAX_BUCKET_BITS, dtype=np.uint32)
    end = 0
    for n in range(lengths_N.size):
        count = lengths_N[n]
        if count > 0:
            found = shingles[end : end + count]
            _fold(source, begin_N1[n], begin_N1[n + 1], ngram, _HALF, found)
            num_unique = sorted_set(found, scratch, bucket_ends)
            if a_P.size:
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
def _sketch_64(
    source: tuple[U64, U8, U32],
    begin_N1: I64,
    lengths_N: I64,
    ngram: int,
    permutations_P: tuple[U64, U64],
    signature_NP: U64,
) -> None:
    """Fills `signature_NP` from 64-bit shingles."""
    a_P, b_P = permutations_P
    longest = 0
    for length in lengths_N:
        longest = max(longest, length)
    mixed = np.empty(longest, dtype=np.uint64)
    for n in range(lengths_N.size):
        count = lengths_N[n]
        if count > 0:
            _fold(source, begin_N1[n], begin_N1[n + 1], ngram, _WHOLE, mixed[:count])
            for j in range(count):
                h = mixed[j]
                h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
                h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
                mixed[j] = h ^ (h >> np.uint64(33))
            for p in range(a_P.size):
                a, b, least = a_P[p], b_P[p], EMPTY_64
                for j in range(count):
                    least = min(least, a * mixed[j] + b)
                signature_NP[n, p] = least


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
