"""The parts of `make experiment`: faults, recall, intervals, both tiers on one small seed, and the committed page."""

import dataclasses
import gzip
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.experiment.corpus import Page, Texts, without_overlap
from infra.experiment.faults import CLEAN, RATES, Record, corrupted
from infra.experiment.intervals import difference
from infra.experiment.recall import recall
from pipelines.tokenizer_training import Training, train_tokenizer
from tests.token_runs import documents


@pytest.fixture(scope="module")
def sources(repository):
    """Texts of the quickstart sample in the place of the test corpora."""
    sample = repository / "pipelines" / "jobs" / "quickstart"
    with gzip.open(sample / "questions" / "medquad.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    english = [Page(id=row["id"], source="medicine", text=row["text"]) for row in rows if len(row["text"]) > 600]
    rights = pq.read_table(sample / "rights" / "udhr.parquet").to_pylist()
    foreign = [
        Page(id=row["id"], source="udhr de", text=row["text"][:2000]) for row in rights if row["lang"].startswith("de")
    ]
    markup = [Page(id="m", source="markup", text="<html><script>var a = {};</script>" * 40)]
    return Texts(english=english[:120], foreign=foreign, markup=markup, held_out=english[120:140])


def test_each_kind_of_fault_comes_at_its_rate_and_the_same_records_every_time(sources):
    records = corrupted(sources, records=100, seed=1)
    kinds = [record.fault for record in records]
    assert {kind: kinds.count(kind) for kind in RATES} == {kind: round(100 * rate) for kind, rate in RATES.items()}
    assert kinds.count(CLEAN) == 48
    assert len({record.id for record in records}) == 100
    assert records == corrupted(sources, records=100, seed=1)
    assert records != corrupted(sources, records=100, seed=2)


def test_labels_are_true_originals_are_in_the_corpus_and_planted_strings_in_the_text(sources):
    by_id = {record.id: record for record in corrupted(sources, records=100, seed=1)}
    for record in by_id.values():
        assert (record.original is None) == (record.fault not in ("exact_duplicate", "near_duplicate"))
        assert record.original is None or by_id[record.original].fault == CLEAN
        assert all(string in record.text for string in record.planted)
        if record.fault == "exact_duplicate":
            assert record.text == by_id[record.original].text


def test_too_few_pages_for_the_clean_records_and_the_faults_are_an_error(sources):
    few = dataclasses.replace(sources, english=sources.english[:48])
    with pytest.raises(ValueError, match=r"^expected more than 48 English pages, found 48$"):
        corrupted(few, records=100, seed=1)


def test_a_copy_is_found_unless_both_are_kept_and_planted_strings_count_by_share():
    records = [
        Record(id="a", text="one"),
        Record(id="b", text="two"),
        Record(id="a2", text="one", fault="exact_duplicate", original="a"),
        Record(id="b2", text="two", fault="exact_duplicate", original="b"),
        Record(id="p", text="x 1 2 3 4", fault="personal_data", planted=("1", "2", "3", "4")),
        Record(id="w", text="quux", fault="wrong_language"),
    ]
    found = {each.kind: each for each in recall(records, {"a2": "one", "b": "two", "b2": "two", "p": "x 1 <P>"})}
    assert (found[CLEAN].found, found[CLEAN].stay) == (0, 2), "a stays as its copy"
    assert (found["exact_duplicate"].found, found["exact_duplicate"].records) == (1, 2)
    assert found["personal_data"].found == 0.75
    assert (found["wrong_language"].found, found["wrong_language"].stay) == (1, 0)


def test_a_held_out_document_goes_if_it_shares_thirteen_words_with_training():
    words = [f"w{number}" for number in range(40)]
    pages = [Page(id=str(size), source="s", text=" ".join(words[:size])) for size in (12, 13)]
    left = without_overlap(pages, ["Before, " + ", ".join(words).upper()])
    assert [page.id for page in left] == ["12"]


def test_an_interval_covers_its_mean_and_says_which_side_of_zero_it_is_on():
    generator = np.random.default_rng(7)
    other = generator.normal(100.0, 20.0, size=(10, 60))
    size = np.full(60, 50)
    better = difference(other - 5 + generator.normal(0, 1, other.shape), other, size)
    assert better.low < better.mean < better.high < 0
    assert math.isclose(better.mean, -0.1, abs_tol=0.01), "five bits of fifty bytes"
    assert (better.excludes_zero, better.seeds_below) == (True, 10)
    same = difference(other, other + generator.normal(0, 1, other.shape), size)
    assert not same.excludes_zero


def test_an_interval_widens_with_documents_that_disagree():
    other = np.zeros((3, 40))
    agree, disagree = np.full((3, 40), -1.0), np.tile([-9.0, 7.0], (3, 20))
    size = np.full(40, 10)
    narrow, wide = difference(agree, other, size), difference(disagree, other, size)
    assert math.isclose(narrow.mean, wide.mean)
    assert narrow.high - narrow.low < 1e-9 < wide.high - wide.low
    assert not wide.excludes_zero


def test_the_probabilities_of_the_five_gram_model_add_up_to_one():
    from infra.experiment import five_gram
    from infra.experiment.held_out import HeldOut

    vocab = 20
    documents = [np.array([1, 2, 3, 4, 1, 2, 3, 5]), np.array([2, 3, 4, 4, 9])]
    every = tuple(np.array([1, 2, 3, token]) for token in range(vocab))
    unseen = HeldOut(sources=("s",) * vocab, tokens=every, bytes_N=np.ones(vocab, dtype=np.int64))
    after_first = five_gram.bits(documents, unseen, vocab_size=vocab)
    prefix = HeldOut(sources=("s",), tokens=(np.array([1, 2, 3]),), bytes_N=np.ones(1, dtype=np.int64))
    before = five_gram.bits(documents, prefix, vocab_size=vocab)[0]
    assert math.isclose((2.0 ** (before - after_first)).sum(), 1.0, rel_tol=1e-5)


def test_documents_are_drawn_alike_whatever_else_a_pool_holds():
    from infra.experiment.arms import draw

    names = [f"d{number}" for number in range(50)]
    everything = draw(names, [10] * 50, budget=200, seed=3)
    assert len(everything) == 20
    half = names[::2]
    of_half = [half[place] for place in draw(half, [10] * 25, budget=100, seed=3)]
    shared = [names[place] for place in everything if names[place] in half]
    assert of_half[: len(shared)] == shared[:10]
    assert draw(names, [10] * 50, budget=205, seed=3) == everything, "what does not fit is passed over"
    assert len(draw(names, [10] * 50, budget=10**6, seed=3)) == 50


@pytest.mark.soak
def test_one_small_seed_goes_through_the_pipeline_both_tiers_and_differences(sources, tmp_path):
    pytest.importorskip("torch")
    from infra.experiment import measure
    from infra.experiment.arms import ARMS, Pool, pool_of, write_records
    from infra.experiment.held_out import held_out
    from infra.experiment.result import FAULTY, FIVE_GRAM, TRANSFORMER

    sizes = dataclasses.replace(
        measure.FULL, vocab_size=1024, five_gram_seeds=1, transformer_seeds=1, labels=4000, points=2
    )
    records = corrupted(sources, records=100, seed=0)
    raw = Pool(name="raw", path=tmp_path / "raw.parquet")
    columns = {"user_id": [record.id for record in records], "text": [record.text for record in records]}
    pq.write_table(pa.table(columns), raw.path)
    curated = pool_of("curated", [write_records(records, tmp_path / "raw.jsonl")], tmp_path)
    assert 20 < len(curated.names()) < 60, "about half of the records are clean"

    tokenizer = tmp_path / "tokenizer.json"
    batch = documents([page.text for page in sources.english])
    tokenizer.write_bytes(train_tokenizer(lambda: [batch], Training(vocab_size=sizes.vocab_size)))
    unseen = held_out(sources.held_out[:4], tokenizer)
    corpus = measure.corpus_of(FAULTY, tmp_path, {"raw": raw, "curated": curated}, tokenizer)
    corpus = dataclasses.replace(corpus, arms=[arm for arm in ARMS if arm.name == "reversed"])
    shared = measure.Shared(unseen=unseen, tokenizer=tokenizer, sizes=sizes)
    cells, again = measure.Cells(), measure.Cells()
    measure.compute(corpus, shared, measure.Store(folder=tmp_path / "cells"), cells)
    tiers = {(FIVE_GRAM, FAULTY, "raw", 0), (FIVE_GRAM, FAULTY, "curated", 0), (TRANSFORMER, FAULTY, "reversed", 0)}
    assert set(cells.bits) == tiers
    (curve,) = cells.curves
    assert abs(curve["tokens"][-1] - 4000) <= 256, "equal tokens to within half a step"
    assert curve["bits_per_byte"][1] < curve["bits_per_byte"][0], "the model learns"
    measure.compute(corpus, shared, measure.Store(folder=tmp_path / "cells", finished_only=True), again)
    assert again == cells, "a finished cell is read, not computed"
    found = measure.differences(cells.bits, unseen)
    assert list(found[FIVE_GRAM][FAULTY]) == ["curated - raw"], "only arms that are there are compared"


def test_cells_of_other_sizes_are_not_mixed(tmp_path):
    pytest.importorskip("torch")
    from infra.experiment.measure import FULL, check_sizes

    check_sizes(tmp_path / "sizes.json", FULL)
    check_sizes(tmp_path / "sizes.json", FULL)
    with pytest.raises(SystemExit, match="found other sizes; remove its folder"):
        check_sizes(tmp_path / "sizes.json", dataclasses.replace(FULL, labels=1))


def test_the_committed_page_and_its_pictures_are_those_of_the_committed_result(repository, tmp_path):
    from infra.experiment.page import write_page
    from infra.experiment.result import read_result

    write_page(read_result(), tmp_path)
    docs = repository / "docs"
    for made in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
        committed = docs / made.relative_to(tmp_path)
        assert committed.read_text() == made.read_text(), f"{committed.name}: python -m infra.experiment --page-only"


def test_the_committed_result_shows_that_curated_text_beats_raw():
    from infra.experiment.result import read_result

    result = read_result()
    assert result["sizes"]["five_gram_seeds"] >= 10
    assert result["sizes"]["transformer_seeds"] >= 3
    for tier, corpora in result["differences"].items():
        for corpus, found in corpora.items():
            assert found["curated - raw"]["high"] < 0, f"{tier}, {corpus}"
