"""Locality-sensitive hashing: band hashes of MinHash signatures, and the pairs that share a band.

Two documents of Jaccard similarity s share at least one of B bands of R rows with probability
`1 - (1 - s^R)^B` (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4). Inside a bucket
each document is compared with the `max_earlier` earliest only, which bounds hot buckets and does not
change when later documents are added.

Shape letters: N documents, H permutations, B bands, M entries, P pairs.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

MAX_EARLIER = 32
"""Members of a bucket that each later member is compared with: architecture, section 3."""

_RANK_BITS = 32


def band_hashes(minhash_NH: NDArray[np.uint32], *, bands: int, rows: int) -> NDArray[np.uint64]:
    """Returns uint64 (N, B): a hash of each band's rows and of the band's number.

    The number is hashed too, so entries of several bands may share one block.

    Raises:
        ValueError: the signatures are not uint32 (N, bands * rows).
    """
    if minhash_NH.dtype != np.uint32 or minhash_NH.ndim != 2 or minhash_NH.shape[1] != bands * rows:
        raise ValueError(
            f"minhash_NH: expected uint32 (N, {bands * rows}) for {bands} bands of {rows} rows, "
            f"found {minhash_NH.dtype} {minhash_NH.shape}"
        )
    hash_NB = np.empty((minhash_NH.shape[0], bands), dtype=np.uint64)
    _band_hashes(minhash_NH, rows, hash_NB)
    return hash_NB


def candidate_pairs(
    hash_M: NDArray[np.uint64], rank_M: NDArray[np.int64], *, max_earlier: int = MAX_EARLIER
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Returns (later, earlier, hot_buckets): ranks of documents that share a band hash.

    Args:
        hash_M: band hash of each entry, any order.
        rank_M: the document's place in the order of survivors, in [0, 2^32).
        max_earlier: each member of a bucket is paired with this many of its earliest members at most.

    Returns:
        later: int64 (P,); earlier: int64 (P,) with earlier < later; pairs unique, sorted by (later, earlier).
        hot_buckets: buckets in which the cap left out a pair.

    Raises:
        ValueError: lengths differ, or a rank is out of range.
    """
    if hash_M.dtype != np.uint64 or rank_M.dtype != np.int64 or hash_M.shape != rank_M.shape:
        raise ValueError(
            f"candidate_pairs: expected uint64 hashes and int64 ranks of one length, found "
            f"{hash_M.dtype} {hash_M.shape} and {rank_M.dtype} {rank_M.shape}"
        )
    if rank_M.size and (rank_M.min() < 0 or rank_M.max() >= 1 << _RANK_BITS):
        raise ValueError(f"rank: expected 0 to 2^32 - 1, found {rank_M.min()} to {rank_M.max()}")
    order_M = np.argsort(hash_M)
    sorted_hash_M, sorted_rank_M = hash_M[order_M], rank_M[order_M]
    num_pairs, hot_buckets = _sort_buckets(sorted_hash_M, sorted_rank_M, max_earlier)
    packed = np.empty(num_pairs, dtype=np.uint64)
    _pair_up(sorted_hash_M, sorted_rank_M, max_earlier, packed)
    packed.sort()
    packed = packed[np.append(True, packed[1:] != packed[:-1])] if num_pairs else packed  # 70x faster than np.unique
    later = (packed >> np.uint64(_RANK_BITS)).astype(np.int64)
    return later, (packed & np.uint64((1 << _RANK_BITS) - 1)).astype(np.int64), hot_buckets


@kernel
def _mix(h: np.uint64) -> np.uint64:
    """SplitMix64's finalizer: a bijection that spreads every bit (Steele, Lea, Flood 2014)."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@kernel
def _band_hashes(minhash_NH: NDArray[np.uint32], rows: int, hash_NB: NDArray[np.uint64]) -> None:
    for n in range(hash_NB.shape[0]):
        for band in range(hash_NB.shape[1]):
            h = _mix(np.uint64(band) + np.uint64(0x9E3779B97F4A7C15))
            for row in range(band * rows, band * rows + rows):
                h = _mix(h ^ np.uint64(minhash_NH[n, row])) + np.uint64(0x9E3779B97F4A7C15)
            hash_NB[n, band] = h


@kernel
def _end_of_bucket(hash_M: NDArray[np.uint64], start: int) -> int:
    end = start + 1
    while end < hash_M.size and hash_M[end] == hash_M[start]:
        end += 1
    return end


@kernel
def _sort_buckets(hash_M: NDArray[np.uint64], rank_M: NDArray[np.int64], max_earlier: int) -> tuple[int, int]:
    """Sorts ranks within each bucket in place; returns (pairs before uniqueness, buckets over the cap)."""
    num_pairs, hot_buckets, start = 0, 0, 0
    while start < hash_M.size:
        end = _end_of_bucket(hash_M, start)
        if end - start > 1:
            rank_M[start:end].sort()
            members = _members(rank_M[start:end])
            capped = min(members - 1, max_earlier)
            num_pairs += capped * (capped + 1) // 2 + (members - 1 - capped) * max_earlier
            hot_buckets += members - 1 > max_earlier
        start = end
    return num_pairs, hot_buckets


@kernel
def _members(sorted_ranks: NDArray[np.int64]) -> int:
    """Returns the number of distinct ranks."""
    members = 1
    for i in range(1, sorted_ranks.size):
        members += sorted_ranks[i] != sorted_ranks[i - 1]
    return members


@kernel
def _pair_up(
    hash_M: NDArray[np.uint64], rank_M: NDArray[np.int64], max_earlier: int, packed: NDArray[np.uint64]
) -> None:
    """Writes later << 32 | earlier for every pair; ranks are sorted within each bucket."""
    earliest = np.empty(max_earlier, dtype=np.uint64)
    at, start = 0, 0
    while start < hash_M.size:
        end = _end_of_bucket(hash_M, start)
        known = 0
        for i in range(start, end):
            if i > start and rank_M[i] == rank_M[i - 1]:
                continue
            later = np.uint64(rank_M[i])
            for k in range(known):
                packed[at] = (later << np.uint64(_RANK_BITS)) | earliest[k]
                at += 1
            if known < max_earlier:
                earliest[known] = later
                known += 1
        start = end
