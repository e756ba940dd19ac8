"""Synthetic signatures without text, from stored tables to survivors: `write FOLDER N`, then `link FOLDER N`.

One document in four is a near-copy of another one from anywhere in the run. Each of its minima is that of its original
with probability s, its similarity, independently, as MinHash has it; all others are random. The originals are scattered
by a permutation, and each has one copy, so that every verified link removes one document.
"""

import json
import sys
import time

import numba
import numpy as np
import pyarrow as pa

from curation.dedup.survivors import REMOVED
from curation.schema import DOCUMENT, SIGNATURES, VERDICTS
from pipelines.clustering import cluster
from pipelines.measuring import Job
from pipelines.near_links import find_links
from pipelines.parts import write_part
from pipelines.progress import silent
from pipelines.roster import load_roster
from pipelines.spec import DedupSpec, InputSpec, JobSpec, Limits, NearSpec
from pipelines.store import Store
from pipelines.verifying import collected_links

NEAR = NearSpec(verify="estimate", min_jaccard=0.7)
WIDTH = NEAR.signing.bands * NEAR.signing.rows
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
ROWS_PER_PART = 1 << 17
SPEC = JobSpec(
    job="signatures",
    inputs={"made": InputSpec(files=("none",))},
    dedup=DedupSpec(exact=False, near=NEAR, prefer=()),
    limits=Limits(memory_bytes=1 << 30),
)


@numba.njit
def mix(value):
    """SplitMix64's finalizer."""
    h = value * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@numba.njit
def fill(original_N, chance_N, first, minhash_NH):
    """Writes the minima of documents `first`...; those of `original_N` are shared with chance `chance_N` (of 2^32)."""
    for n in range(minhash_NH.shape[0]):
        for h in range(minhash_NH.shape[1]):
            own = mix(np.uint64((first + n) * 256 + h))
            if (own >> np.uint64(32)) < chance_N[n]:
                minhash_NH[n, h] = np.uint32(mix(np.uint64(original_N[n] * 256 + h)))
            else:
                minhash_NH[n, h] = np.uint32(own)


def original_of(document_N, total):
    """The original of each copy (documents 3, 7, 11 ...), one of 0, 4, 8 ...; itself for all others."""
    quarter = total // 4
    scattered = 4 * ((document_N // 4 * 7_368_787 + 12_345) % quarter)
    return np.where(document_N % 4 == 3, scattered, document_N)


def level_of(document_N):
    """Index in LEVELS of each copy's similarity."""
    return document_N // 4 % len(LEVELS)


def write(folder, total):
    """Writes measured/, signatures/ and verdicts/ of `total` documents, whose ids ascend."""
    store = Store(folder)
    for number, first in enumerate(range(0, total, ROWS_PER_PART)):
        document_N = np.arange(first, min(first + ROWS_PER_PART, total))
        chance_N = np.where(document_N % 4 == 3, np.array(LEVELS)[level_of(document_N)], 0) * 2**32
        minhash_NH = np.empty((document_N.size, WIDTH), dtype=np.uint32)
        fill(original_of(document_N, total), chance_N, first, minhash_NH)
        ids = np.zeros((document_N.size, 2), dtype=">u8")
        ids[:, 0] = document_N
        doc_id = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(16), document_N.size, [None, pa.py_buffer(ids.tobytes())]
        )
        offsets = np.arange(0, 4 * WIDTH * document_N.size + 1, 4 * WIDTH, dtype=np.int32)
        minhash = pa.Array.from_buffers(
            pa.binary(), document_N.size, [None, pa.py_buffer(offsets), pa.py_buffer(minhash_NH.tobytes())]
        )
        zeros = pa.array(np.zeros(document_N.size, dtype=np.int64))
        columns = {"doc_id": doc_id, "text_hash": doc_id, "words_hash": doc_id, "minhash": minhash}
        columns |= {"num_words": zeros, "num_shingles": zeros, "source": pa.array(["made"] * document_N.size)}
        columns |= {"state": pa.array(["kept"] * document_N.size), "entries": pa.nulls(document_N.size)}
        part = f"part-{number:05d}"
        for name, schema in (("signatures", SIGNATURES), ("verdicts", VERDICTS), ("measured", DOCUMENT)):
            present = [columns.get(field.name, pa.nulls(document_N.size, field.type)) for field in schema]
            present = [column.cast(field.type) for column, field in zip(present, schema, strict=True)]
            nullable = pa.schema([field.with_nullable(True) for field in schema])
            write_part(
                store, f"{name}/{part}.parquet", nullable, [pa.RecordBatch.from_arrays(present, schema=nullable)]
            )


def link(folder, total):
    """Links what `write` wrote; returns what a test can hold against theory."""
    started = time.monotonic()
    store = Store(folder)
    parts = tuple(name.split("/")[1].removesuffix(".parquet") for name in store.names("signatures", ".parquet"))
    job = Job(spec=SPEC, fingerprint="0" * 64, store=store)
    roster = load_roster(store, parts)
    clustering = cluster(job, roster, lambda num_ranks: find_links(job, parts, num_ranks, silent()))
    later, earlier, _ = (column.astype(np.int64) for column in collected_links(store))
    copy = np.where(later % 4 == 3, later, earlier)
    planted = (copy % 4 == 3) & (original_of(copy, total) == np.where(later % 4 == 3, earlier, later))
    copies = np.arange(3, total, 4)
    return {
        "documents": roster.num_documents,
        "seconds": round(time.monotonic() - started),
        "links": int(later.size),
        "unplanted": int((~planted).sum()),
        "removed": int((clustering.outcome_N == REMOVED).sum()),
        "hot_buckets": clustering.hot_buckets,
        "caught": np.bincount(level_of(copy[planted]), minlength=len(LEVELS)).tolist(),
        "copies": np.bincount(level_of(copies), minlength=len(LEVELS)).tolist(),
    }


if __name__ == "__main__":
    action, where, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    if action == "write":
        write(where, count)
    else:
        sys.stdout.write(json.dumps(link(where, count)) + "\n")
