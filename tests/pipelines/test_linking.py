"""From stored signatures to verified links: keys and passes, rows on disk, both ways to verify, going on after a kill."""

import json

import duckdb
import numpy as np
import pytest

from pipelines.job import run_job
from pipelines.linking import HOT, PAIRS, Keys, finished_keys, save_array
from pipelines.progress import silent
from pipelines.spec import DedupSpec, InputSpec, JobSpec, Limits, NearSpec
from pipelines.store import Store
from pipelines.stored_rows import StoredRows, places_of
from pipelines.verifying import MAX_UNITS, rank_ranges


def test_passes_cover_every_key_once_and_each_shuffles_within_the_limit():
    keys = Keys.of(NearSpec(), 3_000_000)
    assert keys == Keys(bands=14, partitions=12)
    passes = keys.passes(3_000_000, 256 << 20)
    assert [key for chosen in passes for key in chosen] == list(range(14 * 12))
    assert all(len(chosen) * 3_000_000 / 12 * 12 * 6 <= 256 << 20 for chosen in passes)


def test_a_limit_below_one_key_still_goes_on_key_by_key():
    assert [len(chosen) for chosen in Keys(bands=2, partitions=3).passes(10**6, 1)] == [1] * 6


def test_keys_do_not_depend_on_the_memory_limit_and_finished_passes_are_left_out():
    keys = Keys.of(NearSpec(bands=3), 10)
    assert keys == Keys(bands=3, partitions=1)
    assert keys.passes(10, 1, frozenset({0, 2})) == [range(1, 2)]
    assert keys.passes(10, 1 << 30, frozenset({0, 2})) == [range(3)]


@pytest.mark.parametrize("num_ranks", [0, 1, 16_384, 16_385, 20_000_000])
def test_units_of_verification_tile_the_ranks(num_ranks):
    units = rank_ranges(num_ranks)
    assert [rank for unit in units for rank in (unit.start, unit.stop)] == sorted(
        rank for unit in units for rank in (unit.start, unit.stop)
    )
    assert sum(len(unit) for unit in units) == num_ranks
    assert len(units) <= MAX_UNITS


def test_rows_are_read_by_rank_from_the_files_of_their_parts(tmp_path):
    store = Store(str(tmp_path))
    sets = {"a": [[1, 2, 3], [], [4]], "b": [[5], [6, 7]]}
    for name, rows in sets.items():
        store.write(name, b"".join(np.array(row, dtype="<u4").tobytes() for row in rows))
    places = [places_of(i, np.array([len(row) for row in rows])) for i, rows in enumerate(sets.values())]
    rows = StoredRows(store=store, names=("a", "b"), places_R=np.concatenate(places))
    values, offsets = rows.of(np.array([4, 0, 1, 3, 2], dtype=np.uint32))
    assert [part.tolist() for part in np.split(values, offsets[1:-1])] == [[6, 7], [1, 2, 3], [], [5], [4]]
    assert rows.num_items(np.array([0, 4])).tolist() == [3, 2]


@pytest.fixture(scope="module")
def texts():
    """400 texts of 120 words; every other one repeats the one before it with one to seven words changed."""
    draw = np.random.default_rng(3)
    found = []
    for number in range(400):
        words = [f"word{value}" for value in draw.integers(0, 5000, 120)]
        if number % 2:
            words = found[-1].split()
            for at in draw.choice(120, int(draw.integers(1, 8)), replace=False):
                words[at] = "changed"
        found.append(" ".join(words))
    return found


def linked(folder, texts, *, memory_bytes=1 << 28, **near):
    """Runs a job that does nothing but link; returns {(later, earlier): jaccard} by number of text."""
    data = folder / "texts.jsonl"
    data.write_text("".join(json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(texts)))
    spec = JobSpec(
        job="links",
        inputs={"data": InputSpec(files=("texts.jsonl",))},
        signals=(),
        dedup=DedupSpec(near=NearSpec(**near)),
        limits=Limits(unit_bytes=32 << 10, memory_bytes=memory_bytes),
    )
    output = str(folder / f"run-{memory_bytes}")
    run_job(spec, spec_path=data, output=output, limit=None, settings=(), progress=silent())
    query = """
        SELECT a.user_id::INT, b.user_id::INT, jaccard FROM '{0}/links/*.parquet' l
        JOIN '{0}/measured/*.parquet' a USING (doc_id) JOIN '{0}/measured/*.parquet' b ON b.doc_id = l.earlier_id
    """
    return {frozenset(pair): jaccard for *pair, jaccard in duckdb.sql(query.format(output)).fetchall()}


def shingles(text):
    words = text.split()
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


def similarity(left, right):
    return len(left & right) / len(left | right)


def test_links_are_the_pairs_of_the_bands_whose_sets_are_that_similar(tmp_path, texts):
    sets = [shingles(text) for text in texts]
    near = linked(tmp_path, texts, min_jaccard=0.6)
    assert len(near) > 80
    for pair, jaccard in near.items():
        left, right = pair
        assert jaccard == similarity(sets[left], sets[right]) >= 0.6
    alike = [n for n in range(1, 400, 2) if similarity(sets[n], sets[n - 1]) >= 0.9]
    assert alike
    assert all(frozenset((n, n - 1)) in near for n in alike), "14 bands of 8 rows miss one in 3,000 at 0.9"


@pytest.mark.slow
def test_a_pass_per_key_finds_the_same_links_as_one_pass(tmp_path, texts):
    assert len(Keys.of(NearSpec(), len(texts)).passes(len(texts), 1)) == 14
    assert linked(tmp_path, texts, memory_bytes=1) == linked(tmp_path, texts, memory_bytes=1 << 30)


@pytest.mark.slow
def test_estimated_similarities_are_shares_of_equal_minima_near_the_true_ones(tmp_path, texts):
    sets = [shingles(text) for text in texts]
    near = linked(tmp_path, texts, min_jaccard=0.6, verify="estimate")
    assert len(near) > 80
    for (left, right), jaccard in near.items():
        assert jaccard * 112 == pytest.approx(round(jaccard * 112)), "a share of 112 permutations"
        assert abs(jaccard - similarity(sets[left], sets[right])) < 5 * (0.25 / 112) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "near",
    [
        {"preset": "fineweb"},
        {"preset": "nemo", "min_jaccard": 0.6},
        {"threshold": 0.8, "recall": 0.9},
        {"scheme": "affine64"},
        {"scheme": "affine64", "verify": "estimate"},
    ],
    ids=str,
)
def test_every_way_to_sign_links_the_texts_that_differ_in_a_word(tmp_path, texts, near):
    some = [text.translate(str.maketrans("0123456789", "abcdefghij")) for text in texts[:60]]
    sets = [shingles(text) for text in some]
    alike = [frozenset((n, n - 1)) for n in range(1, 60, 2) if similarity(sets[n], sets[n - 1]) >= 0.9]
    found = linked(tmp_path, some, **near)
    assert alike
    assert set(alike) <= set(found)
    assert all(max(pair) - min(pair) == 1 for pair in found), "texts drawn apart have nothing in common"


def test_a_run_goes_on_from_the_keys_that_are_published(tmp_path):
    store = Store(str(tmp_path))
    assert finished_keys(store) == frozenset()
    save_array(store, f"{PAIRS}/000003-0000.npy", np.zeros(0, np.uint64))
    assert finished_keys(store) == frozenset(), "more of its pairs may be missing"
    store.write(f"{HOT}/000003", b"0")
    assert finished_keys(store) == {3}
