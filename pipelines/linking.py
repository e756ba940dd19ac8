"""The stage `link`: which documents are the same, from stored signatures alone.

Only packed (band hash, rank) blocks are shuffled. The rank is the place of a document in the order of
survivors, so the dense index in a block is also the order in which documents are compared. Shingle sets
for verification are fetched by row from the stored signatures.
"""

import io
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from curation.dedup.linking import signature_matrix
from curation.kernels.bands import band_hashes, candidate_pairs
from curation.kernels.jaccard import jaccard_pairs
from pipelines.measuring import Job
from pipelines.parts import read_batches, read_part, write_part
from pipelines.spec import NearSpec
from pipelines.store import Store

BLOCK = pa.schema([pa.field("hash", pa.uint64()), pa.field("rank", pa.int64())])
FOUND = pa.schema([pa.field("later", pa.int64()), pa.field("earlier", pa.int64()), pa.field("jaccard", pa.float64())])
RANKS = "work/rank"
PLACES = "work/places.npy"
PAIRS_PER_READ = 1 << 13
OPEN_FILES = 32
SHUFFLE_COPIES = 6  # FnApiRunner holds about 4 copies of a shuffle's payload (measured); 6 leaves room


def save_array(store: Store, name: str, array: NDArray[np.generic]) -> None:
    """Publishes an array as `.npy`, replacing what is there."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    store.write(name, buffer.getvalue(), replace=True)


def load_array(store: Store, name: str) -> NDArray[np.generic]:
    """Returns an array published by `save_array`."""
    if store.is_local:
        return np.load(store.local_path(name), allow_pickle=False, mmap_mode="r")  # type: ignore[no-any-return]
    return np.load(io.BytesIO(store.read(name)), allow_pickle=False)  # type: ignore[no-any-return]


def passes(near: NearSpec, num_documents: int, memory_bytes: int) -> list[tuple[int, ...]]:
    """Returns the bands of each pass, so that one pass's shuffle stays within `memory_bytes`."""
    per_band = max(num_documents, 1) * 16 * SHUFFLE_COPIES
    bands_per_pass = int(min(max(memory_bytes // per_band, 1), near.bands))
    return [
        tuple(range(start, min(start + bands_per_pass, near.bands))) for start in range(0, near.bands, bands_per_pass)
    ]


def num_partitions(num_documents: int) -> int:
    """Returns how many groups one band is cut into (about 256k documents each)."""
    return max(1, num_documents >> 18)


def band_blocks(job: Job, part: str, bands: tuple[int, ...], partitions: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yields (key, BLOCK) of one part: one key per band and partition of the hash space."""
    near = _near(job)
    ranks = load_array(job.store, f"{RANKS}/{part}.npy")
    signatures, chosen = _signatures(job.store, part, ranks, near.bands * near.rows)
    hashes_NB = band_hashes(signatures, bands=near.bands, rows=near.rows)
    for band in bands:
        hashes_N = np.ascontiguousarray(hashes_NB[:, band])
        partition_N = hashes_N % np.uint64(partitions)
        for partition in range(partitions):
            mine = partition_N == partition
            if mine.any():
                block = pa.RecordBatch.from_arrays([pa.array(hashes_N[mine]), pa.array(chosen[mine])], schema=BLOCK)
                yield band * partitions + partition, block


def _near(job: Job) -> NearSpec:
    near = job.spec.dedup.near
    assert near is not None, "the driver links near duplicates only where the spec asks for it"
    return near


def _signatures(
    store: Store, part: str, ranks: NDArray[np.generic], num_permutations: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Returns (minhash (n, H), ranks (n,)) of the documents of a part that take part in linking."""
    signatures, chosen, start = [np.zeros((0, num_permutations), np.uint32)], [np.zeros(0, np.int64)], 0
    for batch in read_batches(store, f"signatures/{part}.parquet", ["minhash"]):
        rank = np.asarray(ranks[start : start + batch.num_rows], dtype=np.int64)
        start += batch.num_rows
        row_K, minhash_KH = signature_matrix(batch["minhash"], num_permutations=num_permutations)
        takes_part = rank[row_K] >= 0
        signatures.append(minhash_KH[takes_part])
        chosen.append(rank[row_K][takes_part])
    return np.concatenate(signatures), np.concatenate(chosen)


def verified_links(job: Job, key: int, blocks: Iterable[pa.RecordBatch], parts: tuple[str, ...]) -> None:
    """Writes the verified links of one key to `work/links/` (idempotent, whatever the order of blocks)."""
    near = _near(job)
    table = pa.Table.from_batches(list(blocks), BLOCK)
    later, earlier, hot = candidate_pairs(table["hash"].to_numpy(), table["rank"].to_numpy())
    fetch = ShingleFetch(store=job.store, parts=parts, places=np.asarray(load_array(job.store, PLACES)))
    found = []
    for start in range(0, later.size, PAIRS_PER_READ):
        piece = slice(start, start + PAIRS_PER_READ)
        found.append(_verify(fetch, later[piece], earlier[piece], near.min_jaccard))
    name = f"work/links/key-{key:06d}"
    write_part(job.store, f"{name}.parquet", FOUND, found)
    job.store.write(f"{name}.hot", str(int(hot)).encode())


def _verify(
    fetch: "ShingleFetch", later: NDArray[np.int64], earlier: NDArray[np.int64], least: float
) -> pa.RecordBatch:
    ranks, places = np.unique(np.concatenate((later, earlier)), return_inverse=True)
    shingles, offsets = fetch.of(ranks)
    jaccard = jaccard_pairs(shingles, offsets, places[: later.size], places[later.size :])
    linked = jaccard >= least
    return pa.RecordBatch.from_arrays(
        [pa.array(later[linked]), pa.array(earlier[linked]), pa.array(jaccard[linked])], schema=FOUND
    )


@dataclass(slots=True, kw_only=True)
class ShingleFetch:
    """Reads shingle sets by rank from `signatures/`, row group by row group, with a small cache.

    `places` is int32 (R, 2): part index and row of each rank.
    """

    store: Store
    parts: tuple[str, ...]
    places: NDArray[np.int32]
    _files: "OrderedDict[int, tuple[pq.ParquetFile, NDArray[np.int64]]]" = field(default_factory=OrderedDict)

    def of(self, ranks: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Returns (values uint32, offsets (n + 1,)) of the sets of `ranks`, in that order."""
        found: list[bytes] = [b""] * ranks.size
        places = self.places[ranks]
        for part_index in np.unique(places[:, 0]):
            wanted = np.flatnonzero(places[:, 0] == part_index)
            self._fill(int(part_index), wanted, places[wanted, 1].astype(np.int64), found)
        offsets = np.zeros(ranks.size + 1, dtype=np.int64)
        np.cumsum([len(item) // 4 for item in found], out=offsets[1:])
        return np.frombuffer(b"".join(found), dtype="<u4"), offsets

    def _fill(self, part: int, wanted: NDArray[np.int64], rows: NDArray[np.int64], found: list[bytes]) -> None:
        file, starts = self._open(part)
        groups = np.searchsorted(starts, rows, side="right") - 1
        for group in np.unique(groups):
            column = file.read_row_group(int(group), columns=["shingles"])["shingles"].combine_chunks()
            mine = groups == group
            taken = column.take(pa.array(rows[mine] - starts[group]))
            for position, value in zip(wanted[mine], taken.to_pylist(), strict=True):
                found[position] = value

    def _open(self, part: int) -> tuple[pq.ParquetFile, NDArray[np.int64]]:
        if part not in self._files:
            file = pq.ParquetFile(self.store.open(f"signatures/{self.parts[part]}.parquet"))
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            self._files[part] = (file, np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))[: len(sizes)])
            if len(self._files) > OPEN_FILES:
                self._files.popitem(last=False)
        return self._files[part]


def collected_links(store: Store) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], int]:
    """Returns (later, earlier, jaccard, hot buckets) of all keys: each pair once, sorted by (later, earlier)."""
    tables = [read_part(store, name) for name in store.names("work/links", ".parquet")]
    table = pa.concat_tables([FOUND.empty_table(), *tables])
    later, earlier, jaccard = (table[name].to_numpy() for name in FOUND.names)
    pair = later << 32 | earlier  # ranks are below 2^32
    order = np.argsort(pair, kind="stable")
    first = order[np.concatenate(([True], pair[order[1:]] != pair[order[:-1]]))[: order.size]]
    hot = sum(int(store.read(name)) for name in store.names("work/links", ".hot"))
    return later[first], earlier[first], jaccard[first], hot
