"""Locality-sensitive hashing: band hashes of MinHash signatures, and the pairs that share a band.

Two documents of Jaccard similarity s share at least one of B bands of R rows with probability
`1 - (1 - s^R)^B` (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4). Inside a bucket
each document is compared with the `max_earlier` earliest only, which bounds hot buckets and does not
change when later documents are added.

Shape letters: N documents, H permutations, B bands, M entries, P pairs.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

MAX_EARLIER = 32
"""Members of a bucket that each later member is compared with: architecture, section 3."""

PAIRS_AT_ONCE = 1 << 23
"""Pairs in memory at once: 64 MiB."""

_SLOTS = 8  # bytes of scratch per entry, to tell those that may share a bucket

RANK_BITS = 32
"""A pair is one uint64: the later rank above, the earlier one below."""


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


def by_partition(
    hash_M: NDArray[np.uint64], rank_M: NDArray[np.uint32], partitions: int
) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.int64]]:
    """Returns (hashes, ranks, start_P1): the entries grouped by equal shares of the hash space, in one pass.

    Args:
        hash_M: band hash of each entry; equal hashes fall into one partition.
        rank_M: the document of each entry.
        partitions: P, 1 to 2^32; partition p has entries `start_P1[p]:start_P1[p + 1]`, in the given order.

    Raises:
        ValueError: another dtype or length, or P out of range.
    """
    _check_entries(hash_M, rank_M)
    if not 1 <= partitions <= 1 << 32:
        raise ValueError(f"partitions: expected 1 to 2^32, found {partitions}")
    hashes, ranks = np.empty_like(hash_M), np.empty_like(rank_M)
    start_P1 = np.zeros(partitions + 1, dtype=np.int64)
    _by_partition(hash_M, rank_M, np.uint64(partitions), hashes, ranks, start_P1)
    return hashes, ranks, start_P1


def scoped_hashes(hash_NB: NDArray[np.uint64], scope_N: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Returns uint64 (N, B): band hashes that are equal where both the hash and the scope's code are.

    Different scopes meet by chance only, once in 2^64 pairs: who needs certainty compares the codes of the pairs found.
    """
    scoped_NB = np.empty_like(hash_NB)
    _scope(hash_NB, scope_N, scoped_NB)
    return scoped_NB


def packed_pairs(
    hash_M: NDArray[np.uint64],
    rank_M: NDArray[np.uint32],
    *,
    max_earlier: int = MAX_EARLIER,
    most_pairs: int = PAIRS_AT_ONCE,
) -> tuple[int, Iterator[NDArray[np.uint64]]]:
    """Returns (hot_buckets, pieces): the documents that share a band hash, in pieces of bounded size.

    Args:
        hash_M: band hash of each entry, any order.
        rank_M: the document's place in the order of survivors.
        max_earlier: each member of a bucket is paired with this many of its earliest members at most.
        most_pairs: in one piece, at least `max_earlier`; even one bucket of all entries is cut to it.

    Returns:
        hot_buckets: buckets in which the cap left out a pair.
        pieces: uint64 (P,) each, `later << 32 | earlier`, unique and sorted within a piece.

    Raises:
        ValueError: another dtype or length.
    """
    _check_entries(hash_M, rank_M)
    shared_M = np.empty(hash_M.size, dtype=np.bool_)
    _find_shared(hash_M, np.zeros(_SLOTS << max(hash_M.size - 1, 0).bit_length(), dtype=np.uint8), shared_M)
    hash_M, rank_M = hash_M[shared_M], rank_M[shared_M]
    order_M = np.argsort(hash_M)
    sorted_hash_M, sorted_rank_M = hash_M[order_M], rank_M[order_M]
    num_pairs, hot_buckets = _sort_buckets(sorted_hash_M, sorted_rank_M, max_earlier)
    size = hash_M.size if num_pairs <= most_pairs else max(most_pairs // max_earlier, 1)
    cuts = [(start, min(start + size, hash_M.size)) for start in range(0, hash_M.size, max(size, 1))]
    room = min(num_pairs, most_pairs)
    return hot_buckets, (_pairs_of(sorted_hash_M, sorted_rank_M, max_earlier, cut, room) for cut in cuts)


def _pairs_of(
    hash_M: NDArray[np.uint64], rank_M: NDArray[np.uint32], max_earlier: int, cut: tuple[int, int], room: int
) -> NDArray[np.uint64]:
    packed = np.empty(room, dtype=np.uint64)
    count = _pair_up(hash_M, rank_M, max_earlier, *cut, packed)
    return merged_pairs([packed[:count]])


def merged_pairs(pairs: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Returns all `pairs` sorted, each once."""
    merged = np.concatenate([np.zeros(0, np.uint64), *pairs])
    merged.sort()
    return merged[np.append(True, merged[1:] != merged[:-1])] if merged.size else merged  # 70x faster than np.unique


def candidate_pairs(
    hash_M: NDArray[np.uint64], rank_M: NDArray[np.int64], *, max_earlier: int = MAX_EARLIER
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Returns (later, earlier, hot_buckets): `packed_pairs` unpacked, for entries with int64 ranks.

    Raises:
        ValueError: another dtype or length, or a rank is not in [0, 2^32).
    """
    if rank_M.dtype != np.int64:
        raise ValueError(f"rank: expected int64, found {rank_M.dtype}")
    if rank_M.size and (rank_M.min() < 0 or rank_M.max() >= 1 << RANK_BITS):
        raise ValueError(f"rank: expected 0 to 2^32 - 1, found {rank_M.min()} to {rank_M.max()}")
    hot_buckets, pieces = packed_pairs(hash_M, rank_M.astype(np.uint32), max_earlier=max_earlier)
    pairs = merged_pairs(list(pieces))
    later = (pairs >> np.uint64(RANK_BITS)).astype(np.int64)
    return later, (pairs & np.uint64((1 << RANK_BITS) - 1)).astype(np.int64), hot_buckets


def _check_entries(hash_M: NDArray[np.uint64], rank_M: NDArray[np.uint32]) -> None:
    if hash_M.dtype != np.uint64 or rank_M.dtype != np.uint32 or hash_M.shape != rank_M.shape:
        raise ValueError(
            f"entries: expected uint64 hashes and uint32 ranks of one length, found "
            f"{hash_M.dtype} {hash_M.shape} and {rank_M.dtype} {rank_M.shape}"
        )


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
def _partition_of(h: np.uint64, partitions: np.uint64) -> np.uint64:
    """Returns the share of the hash space that `h` is in: its high half scaled to [0, partitions)."""
    return ((h >> np.uint64(32)) * partitions) >> np.uint64(32)


@kernel
def _by_partition(
    hash_M: NDArray[np.uint64],
    rank_M: NDArray[np.uint32],
    partitions: np.uint64,
    hashes: NDArray[np.uint64],
    ranks: NDArray[np.uint32],
    start_P1: NDArray[np.int64],
) -> None:
    """A counting sort; `start_P1` is zero on entry."""
    for m in range(hash_M.size):
        start_P1[_partition_of(hash_M[m], partitions) + np.uint64(1)] += 1
    for p in range(1, start_P1.size):
        start_P1[p] += start_P1[p - 1]
    at_P = start_P1.copy()
    for m in range(hash_M.size):
        partition = _partition_of(hash_M[m], partitions)
        hashes[at_P[partition]], ranks[at_P[partition]] = hash_M[m], rank_M[m]
        at_P[partition] += 1


@kernel
def _find_shared(hash_M: NDArray[np.uint64], count_S: NDArray[np.uint8], shared_M: NDArray[np.bool_]) -> None:
    """Marks entries whose hash others may have: all that have one, and one in `_SLOTS` of the rest at most.

    Most entries are alone in their bucket, and this is faster than sorting them. `count_S` is zero, 2^k long.
    """
    mask = np.uint64(count_S.size - 1)
    for m in range(hash_M.size):
        slot = hash_M[m] & mask
        count_S[slot] += count_S[slot] < np.uint8(2)
    for m in range(hash_M.size):
        shared_M[m] = count_S[hash_M[m] & mask] > np.uint8(1)


@kernel
def _scope(hash_NB: NDArray[np.uint64], scope_N: NDArray[np.int32], scoped_NB: NDArray[np.uint64]) -> None:
    for n in range(hash_NB.shape[0]):
        scope = _mix(np.uint64(scope_N[n]))
        for band in range(hash_NB.shape[1]):
            scoped_NB[n, band] = _mix(hash_NB[n, band] ^ scope)


@kernel
def _end_of_bucket(hash_M: NDArray[np.uint64], start: int) -> int:
    end = start + 1
    while end < hash_M.size and hash_M[end] == hash_M[start]:
        end += 1
    return end


@kernel
def _sort_buckets(hash_M: NDArray[np.uint64], rank_M: NDArray[np.uint32], max_earlier: int) -> tuple[int, int]:
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
def _members(sorted_ranks: NDArray[np.uint32]) -> int:
    """Returns the number of distinct ranks."""
    members = 1
    for i in range(1, sorted_ranks.size):
        members += sorted_ranks[i] != sorted_ranks[i - 1]
    return members


@kernel
def _pair_up(
    hash_M: NDArray[np.uint64],
    rank_M: NDArray[np.uint32],
    max_earlier: int,
    start: int,
    stop: int,
    packed: NDArray[np.uint64],
) -> int:
    """Writes the pairs whose later end is entry `start` to `stop`; ranks are sorted within each bucket.

    Returns how many. Begins at the first entry of the bucket that `start` is in, for its earliest members.
    """
    earliest = np.empty(max_earlier, dtype=np.uint64)
    at, known, i = 0, 0, start
    while i > 0 and hash_M[i] == hash_M[i - 1]:
        i -= 1
    for m in range(i, stop):
        is_first = m == i or hash_M[m] != hash_M[m - 1]
        if is_first:
            known = 0
        if is_first or rank_M[m] != rank_M[m - 1]:
            later = np.uint64(rank_M[m])
            if m >= start:
                for k in range(known):
                    packed[at] = (later << np.uint64(RANK_BITS)) | earliest[k]
                    at += 1
            if known < max_earlier:
                earliest[known] = later
                known += 1
    return at
