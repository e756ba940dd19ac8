import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.curriculum.order import LEVELS, Candidates, Schedule, copies_of, difficulty_of, order_documents
from curation.identity import doc_id, type_of_id


def candidates(num: int, *, seed: int = 0, weight: float = 1.0, num_sources: int = 2) -> Candidates:
    draw = np.random.default_rng(seed)
    return Candidates(
        ids=pa.array([doc_id("s", "p", row) for row in range(num)], type_of_id),
        source_N=draw.integers(0, num_sources, num),
        language_N=draw.integers(-1, 2, num),
        num_tokens_N=draw.integers(0, 500, num),
        ratio_N=np.where(draw.random(num) < 0.1, np.nan, draw.random(num).round(2)),
        weight_N=np.full(num, weight),
    )


def reordered(documents: Candidates, rows: np.ndarray) -> Candidates:
    fields = {name: getattr(documents, name)[rows] for name in documents.__dataclass_fields__ if name != "ids"}
    return Candidates(ids=documents.ids.take(pa.array(rows)), **fields)


def names(documents: Candidates, rows: np.ndarray) -> list[bytes]:
    return documents.ids.take(pa.array(rows)).to_pylist()


@given(st.integers(0, 300), st.sampled_from(["random", "warmup"]), st.floats(0, 1), st.integers(0, 5))
def test_every_document_is_emitted_once_whatever_the_order(num: int, order: str, fraction: float, seed: int):
    documents = candidates(num, seed=seed)
    stages = order_documents(documents, Schedule(order=order, warmup_fraction=fraction, seed=seed)).stages
    assert sorted(row for stage in stages for row in stage.document_E) == list(range(num))


@given(st.integers(2, 300), st.sampled_from(["random", "warmup"]), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_documents_arrive(num: int, order: str, shuffle):
    documents = candidates(num, weight=1.5)
    rows = list(range(num))
    shuffle.shuffle(rows)
    other = reordered(documents, np.array(rows))
    schedule = Schedule(order=order, warmup_fraction=0.3, seed=3)
    expected = [(s.name, names(documents, s.document_E)) for s in order_documents(documents, schedule).stages]
    assert [(s.name, names(other, s.document_E)) for s in order_documents(other, schedule).stages] == expected


def test_another_seed_gives_another_order():
    documents = candidates(100)
    first, second = (order_documents(documents, Schedule(seed=seed)).stages[0].document_E for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_warmup_takes_the_easiest_documents_in_order_up_to_its_share_of_the_tokens():
    documents = candidates(3000)
    order = order_documents(documents, Schedule(order="warmup", warmup_fraction=0.2))
    warmup, rest = order.stages
    tokens = documents.num_tokens_N + 1
    difficulty = order.difficulty_N[warmup.document_E]
    budget = 0.2 * tokens.sum()
    assert (np.diff(difficulty) >= 0).all()
    assert budget - tokens.max() < tokens[warmup.document_E].sum() <= budget
    assert np.nanmin(order.difficulty_N[rest.document_E]) >= difficulty[-1]
    assert np.isnan(order.difficulty_N[rest.document_E]).sum() == np.isnan(documents.ratio_N).sum(), (
        "no ratio: at random"
    )


def test_a_document_that_compresses_well_is_easy():
    documents = candidates(1000)
    order = order_documents(documents, Schedule(order="warmup", warmup_fraction=0.1))
    easy, rest = (documents.ratio_N[stage.document_E] for stage in order.stages)
    assert np.nanmean(easy) < np.nanmean(rest) / 2


def test_percentiles_are_mid_ranks_within_the_narrowest_group_that_is_large_enough():
    ratios = np.concatenate([np.arange(200) / 200, np.array([0.5] * 10), np.full(5, 2.0)])
    language = np.concatenate([np.zeros(210), np.ones(5)]).astype(int)
    source = np.concatenate([np.zeros(200), np.ones(10), np.zeros(5)]).astype(int)
    documents = Candidates(
        ids=pa.array([doc_id("s", "p", row) for row in range(215)], type_of_id),
        source_N=source,
        language_N=language,
        num_tokens_N=np.ones(215, dtype=np.int64),
        ratio_N=ratios,
        weight_N=np.ones(215),
    )
    difficulty, level = difficulty_of(documents)
    assert [LEVELS[level[row]] for row in (0, 205, 212)] == ["language_source", "language", "all"]
    assert difficulty[0] == pytest.approx(0.5 / 200)
    assert difficulty[205] == pytest.approx((100 + 11 / 2) / 210), "tied with ten others of its language"
    assert difficulty[212] == pytest.approx((210 + 5 / 2) / 215)


@given(st.floats(0, 16))
def test_a_weight_is_the_mean_number_of_emissions(weight: float):
    documents = candidates(400)
    copies = copies_of(documents.ids, np.full(400, weight), seed=1)
    assert set(copies.tolist()) <= {int(weight), int(weight) + 1}
    assert copies.mean() == pytest.approx(weight, abs=0.15)


def test_further_copies_stand_in_the_random_stage_and_not_beside_the_first():
    documents = candidates(500, weight=2.0)
    order = order_documents(documents, Schedule(order="warmup", warmup_fraction=0.2))
    warmup, rest = order.stages
    assert np.unique(warmup.document_E).size == warmup.document_E.size
    assert np.bincount(np.concatenate([warmup.document_E, rest.document_E])).tolist() == [2] * 500
    assert (rest.document_E[1:] == rest.document_E[:-1]).sum() < 10


def test_weight_zero_leaves_documents_out():
    assert order_documents(candidates(10, weight=0.0), Schedule()).stages == ()
