"""The side pass of canaries: what the run's own buckets, cap and verification find of near-copies of its documents.

It reads what linking left in `work/` and writes `canaries/`, which no other stage reads: links, decisions and exports
are the same without it, and so is the fingerprint (docs/decisions/0005-canaries-beside-the-run.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.dedup.canaries import LEVELS, MIN_SHINGLES, Canaries, candidates_of, draw_originals, make_canaries
from curation.kernels.bands import band_hashes
from curation.kernels.jaccard import agreement_pairs, jaccard_pairs
from curation.kernels.minhash import sign
from curation.schema import CANARIES
from pipelines.linking import BANDS, NO_RANK, RANKS, SIGNED, in_scope, load_array, minhash_file, near_of
from pipelines.measuring import Job, shingles_file
from pipelines.parts import read_part, write_part
from pipelines.roster import Roster, to_binary16
from pipelines.stored_rows import PLACE, StoredRows, places_of
from pipelines.verifying import ALL_PLACES, ITEMS_PER_READ

FOLDER = "canaries"
MAX_SHINGLES = 100_000
"""Longer documents are not copied: they would cost more and tell no more."""

Rows = tuple[NDArray[np.uint32], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Originals:
    """The document of each of C canaries: its id, rank and the place of its shingle set."""

    id_C: NDArray[np.bytes_]
    rank_C: NDArray[np.uint32]
    place_C: NDArray[np.void]

    def take(self, rows: NDArray[np.int64]) -> "_Originals":
        return _Originals(id_C=self.id_C[rows], rank_C=self.rank_C[rows], place_C=self.place_C[rows])


def write_canaries(job: Job, roster: Roster) -> None:
    """Publishes `canaries/`: one row per canary, `dedup.near.canaries` of them per level where documents suffice.

    Reads the ranks, band hashes and places of `work/`; to be called when links are verified and `work/` is still there.
    """
    job.store.remove(FOLDER)  # the number of canaries may be another than in the attempt before
    near = near_of(job)
    if near.signing.scheme == "affine64":  # signs 64-bit shingles; the stored sets have 32 bits of them
        return
    drawn = _drawn(job, roster, most=near.canaries * len(LEVELS))
    per_level = min(near.canaries, drawn.id_C.size)
    if not per_level:
        return
    level_C = np.repeat(LEVELS, per_level)
    places = np.arange(len(LEVELS))[:, None] * near.canaries + np.arange(per_level)
    originals = drawn.take(places.ravel() % drawn.id_C.size)
    sets = StoredRows(store=job.store, names=tuple(map(shingles_file, roster.parts)), places_R=originals.place_C)
    shingles, offsets = sets.of(np.arange(level_C.size, dtype=np.uint32))
    made = make_canaries(shingles, offsets, originals.id_C, level_C, seed=job.spec.seed)
    originals_hash_CB = _hashes(job, (shingles, offsets), originals.rank_C)[1]
    batch = _tried(job, roster, originals, level_C, made, originals_hash_CB=originals_hash_CB)
    write_part(job.store, f"{FOLDER}/part-00000-{job.fingerprint[:8]}.parquet", CANARIES, [batch])


def _drawn(job: Job, roster: Roster, *, most: int) -> _Originals:
    """Returns up to `most` documents that take part in linking and have enough shingles, in random order."""
    found = [_Originals(id_C=np.zeros(0, "S16"), rank_C=np.zeros(0, np.uint32), place_C=np.zeros(0, PLACE))]
    for index, part in enumerate(roster.parts):
        counts = read_part(job.store, f"signatures/{part}.parquet", ["num_shingles"])["num_shingles"].to_numpy()
        rank_N = load_array(job.store, f"{RANKS}/{part}.npy")
        rows = np.flatnonzero((rank_N != NO_RANK) & (counts >= MIN_SHINGLES) & (counts <= MAX_SHINGLES))
        part_of = _Originals(id_C=roster.ids_N[roster.rows(index)], rank_C=rank_N, place_C=places_of(index, counts))
        part_of = part_of.take(rows)
        found.append(part_of.take(draw_originals(part_of.id_C, most=most, seed=job.spec.seed)))
    together = _Originals(
        id_C=np.concatenate([item.id_C for item in found]),
        rank_C=np.concatenate([item.rank_C for item in found]),
        place_C=np.concatenate([item.place_C for item in found]),
    )
    return together.take(draw_originals(together.id_C, most=most, seed=job.spec.seed))


def _hashes(job: Job, sets: Rows, rank_C: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
    """Returns (signatures, band hashes) of shingle sets, made as those of the documents are that have these ranks."""
    near = near_of(job)
    bands, rows = near.signing.bands, near.signing.rows
    minhash_CH = sign(*sets, num_permutations=bands * rows, seed=near.seed)
    return minhash_CH, in_scope(job, band_hashes(minhash_CH, bands=bands, rows=rows), rank_C)


def _tried(
    job: Job,
    roster: Roster,
    originals: _Originals,
    level_C: NDArray[np.float64],
    made: Canaries,
    *,
    originals_hash_CB: NDArray[np.uint64],
) -> pa.RecordBatch:
    """Returns what the buckets and verification make of each canary."""
    minhash_CH, hash_CB = _hashes(job, (made.shingles, made.offsets_C1), originals.rank_C)
    canary, rank = candidates_of(hash_CB, _entries(job, roster.parts))
    is_original = rank == originals.rank_C[canary]
    is_link = (
        _compared(job, roster.parts, (made, minhash_CH), canary, rank.astype(np.uint32)) >= near_of(job).min_jaccard
    )
    columns = {
        "doc_id": to_binary16(originals.id_C),
        "level": level_C,
        "jaccard": made.jaccard_C,
        "shares_band": (hash_CB == originals_hash_CB).any(axis=1),
        "is_candidate": _any(canary[is_original], level_C.size),
        "is_linked": _any(canary[is_original & is_link], level_C.size),
        "num_candidates": np.bincount(canary, minlength=level_C.size),
        "num_links": np.bincount(canary[is_link], minlength=level_C.size),
    }
    return pa.RecordBatch.from_arrays([pa.array(columns[name]) for name in CANARIES.names], schema=CANARIES)


def _any(canary: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    return np.bincount(canary, minlength=size) > 0


def _entries(job: Job, parts: tuple[str, ...]) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.uint32]]]:
    """Yields every document's band hashes with its rank, band by band of each part."""
    for part in parts:
        rank_K = np.asarray(load_array(job.store, f"{SIGNED}/{part}.npy"))
        for hash_K in load_array(job.store, f"{BANDS}/{part}.npy"):
            yield np.asarray(hash_K), rank_K


def _compared(
    job: Job,
    parts: tuple[str, ...],
    made: tuple[Canaries, NDArray[np.uint32]],
    canary_P: NDArray[np.int64],
    rank_P: NDArray[np.uint32],
) -> NDArray[np.float64]:
    """Returns the similarity of each pair of canary and document, as verification measures it."""
    canaries, minhash_CH = made
    exact = near_of(job).verify == "jaccard"
    compare = jaccard_pairs if exact else agreement_pairs
    own = (canaries.shingles, canaries.offsets_C1) if exact else (minhash_CH.ravel(), _even_offsets(minhash_CH))
    names = tuple(map(shingles_file if exact else minhash_file, parts))
    stored = StoredRows(store=job.store, names=names, places_R=load_array(job.store, ALL_PLACES))
    piece_P = np.cumsum(stored.num_items(rank_P)) // ITEMS_PER_READ
    jaccard_P = np.zeros(rank_P.size)
    for piece in np.unique(piece_P):
        here = np.flatnonzero(piece_P == piece)
        ranks, index = np.unique(rank_P[here], return_inverse=True)
        values, offsets = stored.of(ranks)
        together = np.append(own[1], own[1][-1] + offsets[1:])
        jaccard_P[here] = compare(np.append(own[0], values), together, canary_P[here], index + minhash_CH.shape[0])
    return jaccard_P


def _even_offsets(rows_NH: NDArray[np.uint32]) -> NDArray[np.int64]:
    return np.arange(0, rows_NH.size + 1, rows_NH.shape[1])
