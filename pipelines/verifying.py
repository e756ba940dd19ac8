"""Candidates to links: every pair that shares a band is compared once, by what is stored of both documents.

A unit of work is a range of ranks of the later document. It gathers its pairs from the files of all keys, drops those
that several bands proposed, and compares the rest; so the links of all units, in order, are sorted.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.linking import is_borderline
from curation.kernels.bands import RANK_BITS, merged_pairs
from curation.kernels.jaccard import agreement_pairs, jaccard_pairs
from pipelines.linking import PAIRS, PLACES, SIGNED, load_array, minhash_file, near_of, save_array
from pipelines.measuring import Job, shingles_file
from pipelines.parts import read_part, write_part
from pipelines.store import Store
from pipelines.stored_rows import PLACE, StoredRows

FOUND = pa.schema([pa.field("later", pa.uint32()), pa.field("earlier", pa.uint32()), pa.field("jaccard", pa.float64())])
LINKS, ALL_PLACES = "work/links", "work/places.npy"
MAX_UNITS = 64
RANKS_PER_UNIT = 1 << 14
RANKS_PER_STEP = 1 << 14  # ranks whose pairs are held at once: at most 32 a band each
ITEMS_PER_READ = 1 << 23  # numbers read at once for comparison: 32 MiB, or one pair


def rank_ranges(num_ranks: int) -> list[range]:
    """Returns the units of verification; they follow from the number of documents alone."""
    size = max(RANKS_PER_UNIT, -(-num_ranks // MAX_UNITS))
    return [range(start, min(start + size, num_ranks)) for start in range(0, num_ranks, size)]


def merge_places(store: Store, parts: tuple[str, ...], num_ranks: int) -> None:
    """Publishes where the row of each rank lies; ranks that have none have an empty one."""
    places_R = np.zeros(num_ranks, dtype=PLACE)
    for part in parts:
        places_R[load_array(store, f"{SIGNED}/{part}.npy")] = load_array(store, f"{PLACES}/{part}.npy")
    save_array(store, ALL_PLACES, places_R)


def write_links(job: Job, ranks: range, parts: tuple[str, ...]) -> None:
    """Writes the verified links whose later document is in `ranks`, sorted by (later, earlier)."""
    rows = _rows(job, parts)
    links = (_verified(job, rows, later, earlier) for later, earlier in _chunks(job.store, rows, ranks))
    write_part(job.store, f"{LINKS}/{ranks.start:010d}.parquet", FOUND, links)


def _rows(job: Job, parts: tuple[str, ...]) -> StoredRows:
    """Returns what is compared, by rank: shingle sets or signatures."""
    name = shingles_file if near_of(job).verify == "jaccard" else minhash_file
    return StoredRows(store=job.store, names=tuple(map(name, parts)), places_R=load_array(job.store, ALL_PLACES))


def similarities(
    job: Job, parts: tuple[str, ...], one_P: NDArray[np.integer], other_P: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Returns float64 (P,): the similarity of documents named by rank; NaN where one of them has nothing to compare."""
    rows = _rows(job, parts)
    similarity_P = np.full(one_P.size, np.nan)
    known = np.flatnonzero((rows.num_items(one_P) > 0) & (rows.num_items(other_P) > 0))
    items = np.cumsum(rows.num_items(one_P[known]) + rows.num_items(other_P[known]))
    for chosen in _pieces(items):
        similarity_P[known[chosen]] = _compared(job, rows, one_P[known[chosen]], other_P[known[chosen]])
    return similarity_P


def _pieces(items: NDArray[np.int64]) -> Iterator[slice]:
    """Yields runs of pairs that fit in memory; `items` is how many numbers all pairs up to each one read."""
    start = 0
    while start < items.size:
        before = items[start - 1] if start else 0
        stop = max(int(np.searchsorted(items, before + ITEMS_PER_READ, side="right")), start + 1)
        yield slice(start, stop)
        start = stop


def _chunks(store: Store, rows: StoredRows, ranks: range) -> Iterator[tuple[NDArray[np.uint32], NDArray[np.uint32]]]:
    """Yields (later, earlier) of candidates, each pair once, sorted, in pieces that fit in memory."""
    for pairs in _merged(store, ranks):
        later = (pairs >> np.uint64(RANK_BITS)).astype(np.uint32)
        earlier = pairs.astype(np.uint32)  # the low half
        items = np.cumsum(rows.num_items(later) + rows.num_items(earlier))
        for chosen in _pieces(items):
            yield later[chosen], earlier[chosen]


def _merged(store: Store, ranks: range) -> Iterator[NDArray[np.uint64]]:
    """Yields the pairs of all keys with their later end in `ranks`, merged, a few ranks at a time."""
    edges = np.append(np.arange(ranks.start, ranks.stop, RANKS_PER_STEP), ranks.stop)
    edge_pairs = edges.astype(np.uint64) << np.uint64(RANK_BITS)
    found = []
    for name in store.names(PAIRS, ".npy"):
        pairs = load_array(store, name)
        found.append((pairs, np.searchsorted(pairs, edge_pairs)))
    for step in range(edges.size - 1):
        yield merged_pairs([pairs[bounds[step] : bounds[step + 1]] for pairs, bounds in found])


def _verified(job: Job, rows: StoredRows, later: NDArray[np.uint32], earlier: NDArray[np.uint32]) -> pa.RecordBatch:
    near, jaccard = near_of(job), _compared(job, rows, later, earlier)
    linked = jaccard >= near.min_jaccard
    linked |= is_borderline(jaccard, min_jaccard=near.min_jaccard, review_within=near.review_within)
    return pa.RecordBatch.from_arrays(
        [pa.array(later[linked]), pa.array(earlier[linked]), pa.array(jaccard[linked])], schema=FOUND
    )


def _compared(
    job: Job, rows: StoredRows, one_P: NDArray[np.integer], other_P: NDArray[np.integer]
) -> NDArray[np.float64]:
    ranks, index = np.unique(np.concatenate((one_P, other_P)), return_inverse=True)
    values, offsets = rows.of(ranks)
    compare = jaccard_pairs if near_of(job).verify == "jaccard" else agreement_pairs
    return compare(values, offsets, index[: one_P.size], index[one_P.size :])


def collected_links(store: Store) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.float64]]:
    """Returns (later, earlier, jaccard) of all units: each pair once, sorted by (later, earlier)."""
    tables = [FOUND.empty_table(), *(read_part(store, name) for name in store.names(LINKS, ".parquet"))]
    later, earlier, jaccard = (pa.concat_tables(tables)[name].to_numpy() for name in FOUND.names)
    return later, earlier, jaccard
