"""Deduplication in one call decides as a run does."""

import json

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.in_memory import deduplicate
from curation.dedup.minhash import MinHash
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.spec import DedupSpec, InputSpec, JobSpec, NearSpec


@pytest.fixture(scope="module")
def texts():
    """600 texts: fresh ones, copies, copies of copies with a word or more changed, and short ones."""
    draw = np.random.default_rng(5)
    found = ["", "two words", "two words"]
    while len(found) < 600:
        words = [f"word{value}" for value in draw.integers(0, 3000, int(draw.integers(3, 150)))]
        kind = draw.integers(4)
        if kind == 1:
            words = found[int(draw.integers(len(found)))].split()
        elif kind >= 2:
            words = found[int(draw.integers(len(found)))].split()
            for at in draw.integers(0, max(len(words), 1), int(draw.integers(1, 6))):
                words[at : at + 1] = ["changed"]
        found.append(" ".join(words))
    return found


@pytest.mark.parametrize("rule", ["earlier", "component"])
def test_it_keeps_and_links_what_a_run_does(tmp_path, texts, rule):
    data = tmp_path / "texts.jsonl"
    data.write_text("".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts)))
    near = NearSpec(min_jaccard=0.6, survivors=rule)
    spec = JobSpec(
        job="same",
        inputs={"data": InputSpec(files=("texts.jsonl",))},
        signals=(),
        dedup=DedupSpec(near=near, prefer=("first",)),
    )
    run_job(spec, spec_path=data, output=str(tmp_path / "run"), limit=None, settings=(), progress=silent())
    run = duckdb.sql(f"""
        SELECT m.user_id::INT, d.state = 'kept', s.user_id::INT FROM '{tmp_path}/run/decisions/*.parquet' d
        JOIN '{tmp_path}/run/measured/*.parquet' m USING (doc_id)
        LEFT JOIN '{tmp_path}/run/measured/*.parquet' s ON s.doc_id = d.survivor_id ORDER BY 1
    """).fetchall()
    found = deduplicate(pa.array(texts), min_jaccard=0.6, rule=rule)
    survivors = [None if survivor < 0 else survivor for survivor in found.survivor_N.tolist()]
    readable = [n for n, text in enumerate(texts) if text]
    assert [row for row, *_ in run] == readable
    assert [(kept, survivor) for _, kept, survivor in run] == [(bool(found.kept_N[n]), survivors[n]) for n in readable]
    assert 0 < np.count_nonzero(~found.kept_N) < len(texts) / 1.5
    links = duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/run/links/*.parquet' WHERE kind = 'near'").fetchall()[0][0]
    assert links >= found.later_L.size > 100


def test_chunks_slices_and_batches_change_nothing(texts):
    whole = deduplicate(pa.array(texts))
    padded = pa.array(["padding", *texts], pa.large_string()).slice(1)
    for other in (pa.chunked_array([texts[:100], texts[100:]]), padded):
        found = deduplicate(other, batch_bytes=5000)
        assert all(np.array_equal(getattr(found, name), getattr(whole, name)) for name in ("kept_N", "jaccard_L"))


@pytest.mark.parametrize("seed", range(3))
def test_which_texts_are_linked_does_not_depend_on_their_order(texts, seed):
    distinct = list(dict.fromkeys(texts))
    order = np.random.default_rng(seed).permutation(len(distinct))

    def links(places):
        found = deduplicate(pa.array([distinct[place] for place in places]), min_jaccard=0.6)
        assert not found.hot_buckets, "the cap compares with the earliest, which the order decides"
        ends = np.sort(np.stack((places[found.later_L], places[found.earlier_L])), axis=0)
        return dict(zip(zip(*ends.tolist(), strict=True), found.jaccard_L.tolist(), strict=True))

    assert links(order) == links(np.arange(len(distinct)))
    assert len(links(order)) > 100


def test_without_exact_links_short_copies_stay():
    short = pa.array(["two words", "two words", None])
    assert deduplicate(short).kept_N.tolist() == [True, False, True]
    assert deduplicate(short, exact=False).kept_N.tolist() == [True, True, True]
    assert deduplicate(pa.array([], pa.string())).kept_N.size == 0
    assert deduplicate(short, minhash=MinHash(ngram=1)).later_L.size == 0, "equal texts are compared once"
