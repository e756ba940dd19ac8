"""Canaries: near-copies of stored documents at a known Jaccard similarity, to measure what deduplication finds.

A canary is the shingle set of a document with some shingles removed and others, drawn at random, added, so that the
similarity of the two is a matter of counting. It is signed and banded as documents are and looked up in
the buckets of the real ones, as the last in the order of survivors: it becomes no entry, no candidate and
no link. What is drawn is keyed by (seed, id, level), so that nothing depends on other documents, workers or retries.

Shape letters: N documents, C canaries, B bands, M entries, W buckets that canaries fall into, E members of those.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from curation.identity import ID_BYTES
from curation.kernels.bands import MAX_EARLIER

LEVELS = tuple(level / 100 for level in range(50, 100, 5))
"""Jaccard similarities that canaries are made at: from far below to far above every published threshold."""

MIN_SHINGLES = 20
"""Sets below this many shingles are not copied: one shingle more or less moves their similarity by 0.05."""

Ranks: TypeAlias = NDArray[np.int64] | NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """C near-copies.

    Attributes:
        shingles: uint32, sorted and unique within each canary.
        offsets_C1: int64; canary c owns `shingles[offsets_C1[c]:offsets_C1[c + 1]]`.
        jaccard_C: float64, exact similarity to its document, from the numbers of shingles removed and added.
    """

    shingles: NDArray[np.uint32]
    offsets_C1: NDArray[np.int64]
    jaccard_C: NDArray[np.float64]


def draw_originals(ids_N: NDArray[np.bytes_], *, most: int, seed: int) -> NDArray[np.int64]:
    """Returns int64 (at most `most`,): documents drawn by (seed, id), in an order that is random too.

    Whether a document is drawn does not depend on the order of `ids_N`; equal ids are not expected.
    """
    high_N, low_N = np.ascontiguousarray(ids_N).view("<u8").reshape(-1, 2).T
    keys_N = _spread(high_N ^ _spread(low_N ^ _key(seed, b"originals")))
    count = min(most, ids_N.size)
    smallest = np.argpartition(keys_N, count - 1)[:count] if count else np.zeros(0, np.int64)
    return smallest[np.lexsort((low_N[smallest], high_N[smallest], keys_N[smallest]))].astype(np.int64)


def make_canaries(
    shingles: NDArray[np.uint32],
    offsets_C1: NDArray[np.int64],
    ids_C: NDArray[np.bytes_],
    level_C: NDArray[np.float64],
    *,
    seed: int,
) -> Canaries:
    """Returns one near-copy of each set, at about its level.

    Args:
        shingles: uint32, sorted and unique within each set.
        offsets_C1: int64; set c is `shingles[offsets_C1[c]:offsets_C1[c + 1]]`.
        ids_C: S16, the document of each set.
        level_C: float64 in (0, 1], the wanted Jaccard similarity of each copy to its set.
        seed: of the draws.

    Raises:
        ValueError: a set has fewer than `MIN_SHINGLES`, or a level is out of range.
    """
    sizes_C = np.diff(offsets_C1)
    if sizes_C.size and (sizes_C.min() < MIN_SHINGLES or level_C.min() <= 0 or level_C.max() > 1):
        raise ValueError(
            f"make_canaries: expected at least {MIN_SHINGLES} shingles and levels in (0, 1], found "
            f"{sizes_C.min()} shingles and levels {level_C.min()} to {level_C.max()}"
        )
    removed_C = np.rint(sizes_C * (1 - level_C) / (1 + level_C)).astype(np.int64)
    added_C = np.maximum(np.rint((sizes_C - removed_C) / level_C).astype(np.int64) - sizes_C, 0)
    copies = [
        _near_copy(shingles[offsets_C1[c] : offsets_C1[c + 1]], int(removed_C[c]), int(added_C[c]), draw)
        for c, draw in enumerate(_draws(ids_C, level_C, seed))
    ]
    offsets = np.concatenate(([0], np.cumsum(sizes_C - removed_C + added_C))).astype(np.int64)
    return Canaries(
        shingles=np.concatenate([np.zeros(0, np.uint32), *copies]),
        offsets_C1=offsets,
        jaccard_C=(sizes_C - removed_C) / (sizes_C + added_C),
    )


def _draws(ids_C: NDArray[np.bytes_], level_C: NDArray[np.float64], seed: int) -> list[np.random.Philox]:
    """Returns one generator per canary; of NumPy's, the raw bits of Philox are the same in every version."""
    items = np.ascontiguousarray(ids_C).tobytes()
    return [
        np.random.Philox(key=_key(seed, items[ID_BYTES * c : ID_BYTES * (c + 1)] + level.tobytes()))
        for c, level in enumerate(level_C.astype("<f8"))
    ]


def _key(seed: int, data: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(b"%d " % seed + data, digest_size=8).digest(), "little"))


def _near_copy(members: NDArray[np.uint32], removed: int, added: int, draw: np.random.Philox) -> NDArray[np.uint32]:
    """Returns sorted `members` without `removed` of them, with `added` numbers that were not among them."""
    order = np.argsort(draw.random_raw(members.size), kind="stable")
    new = np.zeros(0, dtype=np.uint32)
    while new.size < added:
        drawn = np.append(new, (draw.random_raw(added) >> np.uint64(32)).astype(np.uint32))
        drawn = drawn[np.sort(np.unique(drawn, return_index=True)[1])]
        new = drawn[~np.isin(drawn, members)]
    return np.sort(np.concatenate((members[order[removed:]], new[:added])))


def _spread(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finalizer (Steele, Lea, Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def candidates_of(
    hash_CB: NDArray[np.uint64],
    entries: Iterable[tuple[NDArray[np.uint64], Ranks]],
    *,
    max_earlier: int = MAX_EARLIER,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns (canary, rank): the documents that each canary is compared with, if all of them are earlier.

    Args:
        hash_CB: uint64, the canaries' band hashes.
        entries: blocks of (hash_M uint64, rank_M), the band hash of a document and its rank; any cut, any order.
        max_earlier: of each bucket the canary is compared with this many of the earliest members at most.

    Returns:
        int64 (P,) twice, each pair once, sorted. Memory: `max_earlier` members of each of the canaries' buckets
        beside one block.
    """
    wanted_W, bucket_CB = np.unique(hash_CB, return_inverse=True)
    bucket_E, rank_E = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for hash_M, rank_M in entries:
        place, hit = _found(wanted_W, hash_M)
        bucket, rank = np.append(bucket_E, place), np.append(rank_E, rank_M[hit].astype(np.int64))
        bucket, rank = _sorted_pairs(bucket, rank)
        is_early = np.arange(rank.size) - np.searchsorted(bucket, bucket) < max_earlier
        bucket_E, rank_E = bucket[is_early], rank[is_early]
    start_CB, end_CB = (np.searchsorted(bucket_E, bucket_CB, side=side) for side in ("left", "right"))
    members = [np.arange(start, end) for start, end in zip(start_CB.ravel(), end_CB.ravel(), strict=True)]
    canary = np.repeat(np.arange(hash_CB.shape[0]), (end_CB - start_CB).sum(axis=1))
    return _sorted_pairs(canary, rank_E[np.concatenate([np.zeros(0, np.int64), *members])])


def _found(wanted_W: NDArray[np.uint64], hash_M: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns (place in `wanted_W`, index) of the hashes that are in sorted `wanted_W`.

    Few are: a table of their high 16 bits spares most hashes the binary search.
    """
    may_be = np.zeros(1 << 16, dtype=np.bool_)
    may_be[wanted_W >> np.uint64(48)] = True
    near = np.flatnonzero(may_be[hash_M >> np.uint64(48)])
    place = np.searchsorted(wanted_W, hash_M[near])
    hit = np.append(wanted_W, np.uint64(0))[place] == hash_M[near]
    hit &= place < wanted_W.size
    return place[hit], near[hit]


def _sorted_pairs(left: NDArray[np.int64], right: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the pairs sorted by (left, right), each once."""
    order = np.lexsort((right, left))
    left, right = left[order], right[order]
    is_new = np.ones(left.size, dtype=np.bool_)
    is_new[1:] = (left[1:] != left[:-1]) | (right[1:] != right[:-1])
    return left[is_new], right[is_new]
