"""Canaries in a run: they change no other byte, and links are what brute force over the run's own texts finds."""

import gzip
import json
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

import gristmill
from curation.dedup.canaries import LEVELS
from curation.dedup.linking import shingle_sets
from curation.dedup.minhash import MinHash
from pipelines.report.page import report_of
from pipelines.report.recall import recall_of
from pipelines.report.shares import Share
from pipelines.spec_file import load_spec
from tests.oracles import linking
from tests.oracles.minhash import chance_of_catching, likely_counts

pytestmark = pytest.mark.slow

BEYOND = {"canaries", "manifest.json", "spec.yaml", "report.html", "ledger"}
"""All that may differ between runs with and without canaries."""

SPEC = """job: small
inputs:
  pairs: {files: [pairs.jsonl]}
signals: []
dedup: {near: {canaries: 40}}
runner: {mode: in_memory}
shards: {tokenizer: tokenizer.json, sequence_length: 128}
"""


@pytest.fixture(scope="module")
def job(corpora, repository, tmp_path_factory):
    """The path of a spec on 600 documents of the pairs of known similarity, with shards."""
    folder = tmp_path_factory.mktemp("job")
    with gzip.open(corpora / "dedup" / "synthetic_pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        pairs = [json.loads(line) for line in list(lines)[:300]]
    texts = [text for pair in pairs for text in (pair["text"], pair["text_b"])]
    (folder / "pairs.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    tokenizer = repository / "pipelines" / "jobs" / "quickstart" / "tokenizer.json"
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    (folder / "job.yaml").write_text(SPEC)
    return folder / "job.yaml"


@pytest.fixture(scope="module")
def run(job, tmp_path_factory):
    return gristmill.run(job, output=str(tmp_path_factory.mktemp("run") / "run"))


def contents(run):
    names = [name for name in run.store.names("") if name.split("/")[0] not in BEYOND]
    return {name: run.store.read(name) for name in names}


def test_with_and_without_canaries_all_else_is_the_same_bytes_down_to_the_name_of_the_export(run, job, tmp_path):
    without = gristmill.run(job, output=str(tmp_path / "run"), settings=("dedup.near.canaries=0",))
    assert contents(without) == contents(run)
    assert any(name.startswith("exports/") for name in contents(run))
    assert without.store.names("canaries") == []
    assert len(run.store.names("canaries")) == 1
    ours, theirs = run.manifest(), without.manifest()
    different = {key for key in ours if ours[key] != theirs[key]}
    assert different == {"files"}, "counts, settings, fingerprint and the rest are equal"
    names = [{item["name"]: item["sha256"] for item in manifest["files"]} for manifest in (ours, theirs)]
    assert {name.split("/")[0] for name, _ in names[0].items() ^ names[1].items()} == {"canaries", "spec.yaml"}


def test_there_are_as_many_canaries_as_asked_for_at_every_level_each_of_another_document(run):
    canaries = run.dataset("canaries").to_table()
    for level in LEVELS:
        ids = canaries.filter(pa.compute.equal(canaries["level"], level))["doc_id"].to_pylist()
        assert len(ids) == len(set(ids)) == 40


def test_recall_at_every_level_is_a_likely_one_and_verification_agrees_with_the_similarity_made(run):
    canaries = run.dataset("canaries").to_table()
    for level in LEVELS:
        here = canaries.filter(pa.compute.equal(canaries["level"], level))
        chances = [chance_of_catching(s, bands=14, rows=8) for s in here["jaccard"].to_pylist()]
        fewest, most = likely_counts(chances, error=0.01 / len(LEVELS))
        assert fewest <= sum(here["shares_band"].to_pylist()) <= most, f"level {level}"
    is_alike = np.array(canaries["jaccard"]) >= 0.7
    assert np.array_equal(np.array(canaries["is_linked"]), np.array(canaries["is_candidate"]) & is_alike)
    assert (np.array(canaries["num_links"]) <= np.array(canaries["num_candidates"])).all()


def test_links_of_the_run_are_those_of_brute_force_but_for_pairs_without_a_common_band(run):
    measured = run.measured.to_table(columns=["doc_id", "text"])
    hashed = run.dataset("signatures").to_table(columns=["text_hash"])["text_hash"].to_pylist()
    signed = MinHash()(pa.record_batch({"text": measured["text"].combine_chunks()}))
    values, offsets = shingle_sets(signed["shingles"])
    similar = linking.similar_pairs([set(values[i:j].tolist()) for i, j in pairwise(offsets)], 0.7)
    ids = measured["doc_id"].to_pylist()
    brute = {frozenset((ids[one], ids[other])): jaccard for (one, other), jaccard in similar.items()}
    bands = [signed["minhash"][row].as_py() or b"" for row in range(signed.num_rows)]
    parted = {
        frozenset((ids[one], ids[other]))
        for one, other in similar
        if not any(bands[one][at : at + 32] == bands[other][at : at + 32] for at in range(0, 14 * 32, 32))
    }
    same_text = {frozenset((ids[one], ids[other])) for one, other in similar if hashed[one] == hashed[other]}
    links = run.links.to_table().to_pylist()
    near = {frozenset((row["doc_id"], row["earlier_id"])): row["jaccard"] for row in links if row["kind"] == "near"}
    assert {pair: brute.get(pair) for pair in near} == near, "no link that brute force does not make, nor another value"
    assert parted, "some pairs are missed"
    of_copies = {identity for pair in same_text for identity in pair}
    unexplained = brute.keys() - near.keys() - parted - same_text
    assert all(of_copies & pair for pair in unexplained), "copies of a text are compared through the first of them"


def test_estimated_similarity_makes_false_links_and_canaries_count_them(job, tmp_path):
    settings = ("dedup.near.verify=estimate", "dedup.near.canaries=150", "shards=null")
    run = gristmill.run(job, output=str(tmp_path / "run"), settings=settings)
    recall = recall_of(run, load_spec(job, settings=settings).dedup.near)
    assert recall.false.count > 0, "the estimate of 112 permutations strays by 0.04"
    assert recall.false.count < recall.unverified.count, "and yet refuses most of what only shares a band"
    assert 0 < recall.found.count < recall.found.of


def test_canaries_are_banded_as_the_preset_says_and_there_are_none_where_64_bit_shingles_are_signed(job, tmp_path):
    settings = ("dedup.near.preset=nemo", "dedup.near.canaries=200", "shards=null")
    canaries = gristmill.run(job, output=str(tmp_path / "nemo"), settings=settings).dataset("canaries").to_table()
    chances = [chance_of_catching(s, bands=20, rows=13) for s in canaries["jaccard"].to_pylist()]
    fewest, most = likely_counts(chances, error=0.01)
    assert fewest <= sum(canaries["shares_band"].to_pylist()) <= most
    settings = ("dedup.near.scheme=affine64", "shards=null")
    assert gristmill.run(job, output=str(tmp_path / "wide"), settings=settings).store.names("canaries") == []


def test_a_canary_is_looked_up_in_the_scope_of_its_document(job, tmp_path):
    settings = ("dedup.scope=source", "shards=null")
    canaries = gristmill.run(job, output=str(tmp_path / "run"), settings=settings).dataset("canaries").to_table()
    assert canaries["is_candidate"].to_pylist() == canaries["shares_band"].to_pylist()
    assert sum(canaries["is_candidate"].to_pylist()) > 200, "of 400, by the curve"


def test_the_report_draws_recall_with_intervals_beside_the_curve(run, job):
    page = report_of(run)
    recall = recall_of(run, load_spec(job, settings=()).dedup.near)
    assert [level.candidates.of for level in recall.levels] == [40] * len(LEVELS)
    assert page.count('<g class="found">') == len(LEVELS)
    assert f'<polyline class="curve" points="{recall.curve}"/>' in page
    assert f"False links, of those below it: 0.0% (95% interval 0.0 to {100 * recall.false.interval[1]:.1f}%)" in page


def test_a_run_without_canaries_or_with_too_short_documents_says_nothing_of_recall(job, tmp_path):
    near = load_spec(job, settings=()).dedup.near
    short = tmp_path / "short.yaml"
    short.write_text("job: short\ninputs: {a: {files: [short.jsonl]}}\nsignals: []\nrunner: {mode: in_memory}\n")
    (tmp_path / "short.jsonl").write_text('{"text": "a text of six words only"}\n')
    run = gristmill.run(short, output=str(tmp_path / "run"))
    assert run.store.names("canaries") == []
    assert recall_of(run, near) is None
    assert "Measured recall" not in report_of(run)


@pytest.mark.parametrize(
    ("count", "of", "interval"),
    [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0)), (0, 0, (0, 1))],
)
def test_intervals_are_wilsons(count, of, interval):
    """Published values: Wilson's interval of 5 in 10 is 0.237 to 0.763, of 0 in 10 is 0 to 0.278."""
    assert Share(count=count, of=of).interval == pytest.approx(interval, abs=5e-5)
