"""The arithmetic of docs/scaling.md against what a run writes, and against the measurements that it names."""

import json
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines.job import run_job
from pipelines.linking import ENTRY_BYTES, SHUFFLE_COPIES
from pipelines.progress import silent
from pipelines.scaling import DRIVER_BYTES, Footprint
from pipelines.spec import NearSpec
from pipelines.spec_file import spec_of_paths

RESULTS = Path(__file__).parents[2] / "infra" / "benchmarks" / "results"


NEAR = NearSpec()


def footprint(num_documents, *, near=NEAR, memory_bytes=256 << 20, shingles=100.0):
    return Footprint(
        num_documents=num_documents, shingles_per_document=shingles, near=near, memory_bytes=memory_bytes
    )  # fmt: skip


@pytest.mark.slow
def test_signatures_and_shingle_sets_are_as_large_as_a_run_writes_them(tmp_path):
    source = random.Random(2)
    texts = [" ".join(f"w{source.randrange(10**6)}" for _ in range(60)) for _ in range(50)]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps({'text': text})}\n" for text in texts))
    spec = spec_of_paths((str(tmp_path / "a.jsonl"),), settings=("runner.mode=in_memory", "runner.workers=1"))
    run_job(spec, spec_path=None, output=str(tmp_path / "run"), limit=None, settings=(), progress=silent())
    (table,) = (tmp_path / "run" / "signatures").glob("*.parquet")
    minhash = pq.read_table(table, columns=["minhash"])["minhash"].to_pylist()
    (shingles,) = (tmp_path / "run" / "signatures").glob("*.shingles")
    expected = footprint(50, shingles=56.0)  # 60 words have 56 shingles of five
    assert sum(map(len, minhash)) == expected.minhash_bytes
    assert shingles.stat().st_size == expected.shingle_bytes


def test_a_pass_stays_within_the_memory_limit_and_all_passes_shuffle_every_entry():
    for num_documents in (10**6, 10**8):
        of = footprint(num_documents)
        assert of.pass_bytes <= of.memory_bytes
        assert of.num_passes * of.memory_bytes >= of.shuffle_bytes * SHUFFLE_COPIES
        assert of.shuffle_bytes == num_documents * 14 * ENTRY_BYTES
    assert footprint(10**8, memory_bytes=1 << 40).num_passes == 1, "an engine with room for all takes one"


def test_without_near_duplicates_nothing_is_signed_or_shuffled():
    of = footprint(10**6, near=None)
    assert (of.minhash_bytes, of.shingle_bytes, of.shuffle_bytes, of.num_passes, of.pass_bytes) == (0, 0, 0, 0, 0)


def test_the_drivers_bytes_per_document_are_those_of_the_largest_measured_run():
    measured = json.loads((RESULTS / "memory.json").read_text())["20 million signatures to survivors"]
    assert round(measured["peak_pss_mib"] * (1 << 20) / 20_000_000) == DRIVER_BYTES
