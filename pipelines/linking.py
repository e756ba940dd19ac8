"""Candidates for links, from stored signatures alone: which documents share a band.

The rank of a document is its place in the order of survivors, so the dense index in a block is also the order in
which documents are compared. Band hashes are computed once per part; then passes of packed (hash, rank) blocks are
shuffled, a key being one band's share of the hash space. What a key finds is a sorted file of pairs.
"""

import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.linking import signature_matrix
from curation.kernels.bands import band_hashes, by_partition, packed_pairs, scoped_hashes
from pipelines.measuring import Job
from pipelines.parts import read_batches
from pipelines.spec import NearSpec
from pipelines.store import Store
from pipelines.stored_rows import PLACE, places_of

BLOCK = pa.schema([pa.field("hash", pa.uint64()), pa.field("rank", pa.uint32())])
ENTRY_BYTES = 12
SHUFFLE_COPIES = 6  # FnApiRunner holds about 4 copies of a shuffle's payload (measured); 6 leaves room
DOCUMENTS_PER_PARTITION = 1 << 18
NO_RANK = np.uint32(0xFFFFFFFF)
RANKS, SIGNED, BANDS, PLACES, PAIRS, HOT = (
    f"work/{name}" for name in ("ranks", "signed", "bands", "places", "pairs", "hot")
)
SCOPES = "work/scopes.npy"
"""Code of each rank's scope; there where the spec asks for scopes."""


def save_array(store: Store, name: str, array: NDArray[np.generic]) -> None:
    """Publishes an array as `.npy`."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    store.write(name, buffer.getvalue())


def load_array(store: Store, name: str) -> np.ndarray:
    """Returns an array published by `save_array`; memory-mapped where the store is local."""
    if store.is_local:
        return np.load(store.local_path(name), allow_pickle=False, mmap_mode="r")  # type: ignore[no-any-return]
    return np.load(io.BytesIO(store.read(name)), allow_pickle=False)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of the shuffle: band `b` and share `p` of the hash space have key `b * partitions + p`.

    They follow from the number of documents, not from the memory limit, so that a resumed run finds the same.
    """

    bands: int
    partitions: int

    @classmethod
    def of(cls, near: NearSpec, num_documents: int) -> Self:
        """Returns keys of about 256k entries each."""
        return cls(bands=near.signing.bands, partitions=max(1, -(-num_documents // DOCUMENTS_PER_PARTITION)))

    @property
    def num_keys(self) -> int:
        """How many there are."""
        return self.bands * self.partitions

    def passes(self, num_documents: int, memory_bytes: int, done: frozenset[int] = frozenset()) -> list[range]:
        """Returns runs of keys, each of which shuffles within `memory_bytes` (but at least one key).

        A run of which every key is in `done` is left out.
        """
        per_key = max(num_documents, 1) / self.partitions * ENTRY_BYTES * SHUFFLE_COPIES
        count = max(int(memory_bytes / per_key), 1)
        runs = [range(start, min(start + count, self.num_keys)) for start in range(0, self.num_keys, count)]
        return [run for run in runs if not done.issuperset(run)]


def near_of(job: Job) -> NearSpec:
    """Returns the spec of near duplicates, which is there wherever links are looked for."""
    near = job.spec.dedup.near
    assert near is not None, "the driver links near duplicates only where the spec asks for it"
    return near


def _width(near: NearSpec) -> int:
    """Returns the uint32 of one signature: a permutation has one, or two by `affine64`, which serve as well."""
    signing = near.signing
    return signing.bands * signing.rows * (2 if signing.scheme == "affine64" else 1)


def write_bands(job: Job, part_index: int, part: str) -> None:
    """Writes what linking needs of the K documents of one part that take part.

    Their ranks (K,) uint32, their band hashes (B, K) uint64, the places (K,) of the rows that verify them and, where
    signatures do that, these rows.
    """
    near = near_of(job)
    bands = near.signing.bands
    ranks, hashes, places = (
        [np.zeros(0, np.uint32)],
        [np.zeros((0, bands), np.uint64)],
        [np.zeros(0, PLACE)],
    )
    with contextlib.ExitStack() as stack:
        rows = stack.enter_context(job.store.publish(minhash_file(part))) if near.verify == "estimate" else None
        for rank_K, minhash_KH, place_K in _signed(job, part_index, part):
            ranks.append(rank_K)
            hashes.append(band_hashes(minhash_KH, bands=bands, rows=_width(near) // bands))
            places.append(place_K)
            if rows is not None:
                rows.write(minhash_KH.tobytes())
    place_K, rank_K = np.concatenate(places), np.concatenate(ranks)
    hash_KB = in_scope(job, np.concatenate(hashes), rank_K)
    if near.verify == "estimate":
        place_K = places_of(part_index, np.full(place_K.size, _width(near)))
    save_array(job.store, f"{PLACES}/{part}.npy", place_K)
    save_array(job.store, f"{SIGNED}/{part}.npy", rank_K)
    save_array(job.store, f"{BANDS}/{part}.npy", np.ascontiguousarray(hash_KB.T))


def in_scope(job: Job, hash_KB: NDArray[np.uint64], rank_K: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Returns band hashes that are equal within one scope only, where the spec asks for scopes."""
    if not job.store.exists(SCOPES):
        return hash_KB
    return scoped_hashes(hash_KB, np.asarray(load_array(job.store, SCOPES)[rank_K]))


def _signed(
    job: Job, part_index: int, part: str
) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.void]]]:
    """Yields (rank_K, minhash_KH, place_K of the shingle set) of the documents that take part, batch by batch."""
    near = near_of(job)
    rank_N = load_array(job.store, f"{RANKS}/{part}.npy")
    start = num_shingles = 0
    for batch in read_batches(job.store, f"signatures/{part}.parquet", ["minhash", "num_shingles"]):
        rank_M = np.asarray(rank_N[start : start + batch.num_rows])
        place_M = places_of(part_index, batch["num_shingles"].to_numpy())
        place_M["offset"] += num_shingles
        start += batch.num_rows
        num_shingles += int(place_M["count"].sum(dtype=np.int64))
        row_K, minhash_KH = signature_matrix(batch["minhash"], num_permutations=_width(near))
        chosen = rank_M[row_K] != NO_RANK
        row_K = row_K[chosen]
        yield rank_M[row_K], np.ascontiguousarray(minhash_KH[chosen]), place_M[row_K]


def minhash_file(part: str) -> str:
    """Returns the name of the raw file of signatures that `verify: estimate` reads."""
    return f"work/minhash/{part}.u32"


def band_blocks(job: Job, part: str, keys: Keys, chosen: range) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yields (key, BLOCK) of one part for the keys of one pass."""
    hash_BK = load_array(job.store, f"{BANDS}/{part}.npy")
    rank_K = np.asarray(load_array(job.store, f"{SIGNED}/{part}.npy"))
    for band in range(chosen.start // keys.partitions, (chosen.stop - 1) // keys.partitions + 1):
        hash_M, rank_M, start_P1 = by_partition(np.asarray(hash_BK[band]), rank_K, keys.partitions)
        for partition in range(keys.partitions):
            key, mine = band * keys.partitions + partition, slice(start_P1[partition], start_P1[partition + 1])
            if key in chosen and mine.start < mine.stop:
                yield key, pa.RecordBatch.from_arrays([pa.array(hash_M[mine]), pa.array(rank_M[mine])], schema=BLOCK)


def write_candidates(job: Job, key: int, blocks: Iterable[pa.RecordBatch]) -> None:
    """Writes the candidate pairs of one key, whatever the order of its blocks: `later << 32 | earlier`.

    Each file is sorted and has each pair once. The key's hot buckets are written last: it is then finished.
    """
    table = pa.Table.from_batches(list(blocks), BLOCK)
    hot, pieces = packed_pairs(table["hash"].to_numpy(), table["rank"].to_numpy())
    for number, pairs in enumerate(pieces):
        save_array(job.store, f"{PAIRS}/{key:06d}-{number:04d}.npy", pairs)
    job.store.write(f"{HOT}/{key:06d}", str(hot).encode())


def finished_keys(store: Store) -> frozenset[int]:
    """Returns the keys all of whose pairs are published."""
    return frozenset(int(name.rsplit("/", 1)[1]) for name in store.names(HOT))


def hot_buckets(store: Store) -> int:
    """Returns the buckets in which the cap on comparisons left out a pair."""
    return sum(int(store.read(name)) for name in store.names(HOT))
