import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.curriculum.order import ANNEAL_LR_FACTOR, Candidates, OrderName, Schedule, copies_of, order_documents
from curation.identity import doc_id, type_of_id

SCORES = {"compression_ratio": 1.0}
ORDERS = ("random", "warmup", "anneal", "warmup+anneal", "interleaved", "quality-ascending", "length-grow")


def candidates(num: int, *, seed: int = 0, weight: float = 1.0, num_sources: int = 2) -> Candidates:
    draw = np.random.default_rng(seed)
    return Candidates(
        ids=pa.array([doc_id("s", "p", row) for row in range(num)], type_of_id),
        source_N=draw.integers(0, num_sources, num),
        language_N=draw.integers(-1, 2, num),
        num_tokens_N=draw.integers(0, 500, num),
        score_SN={"compression_ratio": np.where(draw.random(num) < 0.1, np.nan, draw.random(num).round(2))},
        quality_N=np.where(draw.random(num) < 0.1, np.nan, draw.random(num).round(2)),
        weight_N=np.full(num, weight),
    )


def reordered(documents: Candidates, rows: np.ndarray) -> Candidates:
    return Candidates(
        ids=documents.ids.take(pa.array(rows)),
        source_N=documents.source_N[rows],
        language_N=documents.language_N[rows],
        num_tokens_N=documents.num_tokens_N[rows],
        score_SN={name: score[rows] for name, score in documents.score_SN.items()},
        quality_N=documents.quality_N[rows],
        weight_N=documents.weight_N[rows],
    )


def schedule(order: OrderName, **others: object) -> Schedule:
    return Schedule(order=order, difficulty=SCORES, **others)


def names(documents: Candidates, rows: np.ndarray) -> list[bytes]:
    return documents.ids.take(pa.array(rows)).to_pylist()


def tokens_of(documents: Candidates, rows: np.ndarray) -> int:
    return int((documents.num_tokens_N[rows] + 1).sum())


@given(st.integers(0, 300), st.sampled_from(ORDERS), st.floats(0, 1), st.floats(0, 0.9), st.integers(0, 5))
def test_every_document_is_emitted_once_whatever_the_order(
    num: int, order: OrderName, fraction: float, replay: float, seed: int
):
    documents = candidates(num, seed=seed)
    wanted = schedule(order, warmup_fraction=fraction, anneal_fraction=fraction / 2, replay_fraction=replay, seed=seed)
    stages = order_documents(documents, wanted).stages
    assert sorted(row for stage in stages for row in stage.document_E) == list(range(num))


@given(st.integers(2, 200), st.sampled_from(ORDERS), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_documents_arrive(num: int, order: OrderName, shuffle):
    documents = candidates(num, weight=1.5)
    rows = list(range(num))
    shuffle.shuffle(rows)
    other = reordered(documents, np.array(rows))
    wanted = schedule(order, warmup_fraction=0.3, replay_fraction=0.2, seed=3)
    expected = [(s.name, names(documents, s.document_E)) for s in order_documents(documents, wanted).stages]
    assert [(s.name, names(other, s.document_E)) for s in order_documents(other, wanted).stages] == expected


@pytest.mark.parametrize("order", ORDERS)
def test_what_a_weight_leaves_out_has_no_part_in_the_order(order: OrderName):
    documents = candidates(300, weight=0.5)
    wanted = schedule(order, warmup_fraction=0.3, anneal_fraction=0.3)
    left = reordered(documents, np.flatnonzero(copies_of(documents.ids, documents.weight_N, seed=wanted.seed)))
    assert 0 < len(left.ids) < 300
    whole, part = (order_documents(given, wanted) for given in (documents, left))
    for stage, other in zip(whole.stages, part.stages, strict=True):
        rows, rows_left = stage.document_E, other.document_E
        assert names(documents, rows) == names(left, rows_left)
        for scale, scale_left in ((whole.difficulty, part.difficulty), (whole.quality, part.quality)):
            np.testing.assert_array_equal(scale.value_N[rows], scale_left.value_N[rows_left])


def test_another_seed_gives_another_order():
    documents = candidates(100)
    first, second = (order_documents(documents, schedule("random", seed=seed)).stages[0].document_E for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_warmup_takes_the_easiest_documents_in_order_up_to_its_share_of_the_tokens():
    documents = candidates(3000)
    order = order_documents(documents, schedule("warmup", warmup_fraction=0.2))
    warmup, rest = order.stages
    difficulty = order.difficulty.value_N[warmup.document_E]
    budget = 0.2 * tokens_of(documents, np.arange(3000))
    assert (np.diff(difficulty) >= 0).all()
    assert budget - 501 < tokens_of(documents, warmup.document_E) <= budget
    assert np.nanmin(order.difficulty.value_N[rest.document_E]) >= difficulty[-1]
    unknown = np.isnan(documents.score_SN["compression_ratio"]).sum()
    assert np.isnan(order.difficulty.value_N[rest.document_E]).sum() == unknown, "no score: at random"


def test_a_document_that_compresses_well_is_easy():
    documents = candidates(1000)
    order = order_documents(documents, schedule("warmup", warmup_fraction=0.1))
    easy, rest = (documents.score_SN["compression_ratio"][stage.document_E] for stage in order.stages)
    assert np.nanmean(easy) < np.nanmean(rest) / 2


def test_anneal_takes_the_best_last_and_before_the_warmup_takes_the_easiest():
    documents = candidates(3000)
    order = order_documents(documents, schedule("warmup+anneal", warmup_fraction=0.3, anneal_fraction=0.2))
    warmup, rest, anneal = order.stages
    assert [stage.name for stage in order.stages] == ["warmup", "random", "anneal"]
    others = np.concatenate((warmup.document_E, rest.document_E))
    quality = order.quality.value_N
    assert quality[anneal.document_E].min() >= np.nanmax(quality[others]), "none of the best went elsewhere"
    budget = 0.2 * tokens_of(documents, np.arange(3000))
    assert budget - 501 < tokens_of(documents, anneal.document_E) <= budget
    assert (np.diff(quality[anneal.document_E]) < 0).any(), "shuffled within"
    assert [stage.lr_factor for stage in order.stages] == [1.0, 1.0, ANNEAL_LR_FACTOR]
    assert [stage.is_sorted for stage in order.stages] == [True, False, False]


def test_replay_is_a_share_of_a_stages_tokens_drawn_from_what_is_not_placed():
    documents = candidates(3000)
    order = order_documents(
        documents, schedule("warmup+anneal", warmup_fraction=0.2, anneal_fraction=0.2, replay_fraction=0.25)
    )
    warmup, _, anneal = order.stages
    quality, difficulty = order.quality.value_N, order.difficulty.value_N
    best = np.nanmax(quality[warmup.document_E])
    replayed = anneal.document_E[~(quality[anneal.document_E] >= best)]
    share = tokens_of(documents, replayed) / tokens_of(documents, anneal.document_E)
    assert share == pytest.approx(0.25, abs=0.02)
    assert 0.3 < np.nanmean(difficulty[replayed]) < 0.75, "neither the easy nor the hard ones"
    steps = np.diff(difficulty[warmup.document_E])
    assert (steps < 0).any(), "replayed documents stand between the sorted ones"


def test_cycles_each_go_from_easy_to_hard_over_the_same_range():
    documents = candidates(2000)
    order = order_documents(documents, schedule("interleaved", cycles=3))
    assert [stage.name for stage in order.stages] == ["cycle-1", "cycle-2", "cycle-3"]
    for stage in order.stages:
        difficulty = order.difficulty.value_N[stage.document_E]
        known = difficulty[~np.isnan(difficulty)]
        assert (np.diff(known) >= 0).all()
        assert known[0] < 0.02
        assert known[-1] > 0.98


def test_ascending_quality_places_documents_without_one_at_random():
    documents = candidates(2000)
    (stage,) = order_documents(documents, schedule("quality-ascending")).stages
    quality = documents.quality_N[stage.document_E]
    unknown = np.flatnonzero(np.isnan(quality))
    assert 800 < unknown.mean() < 1200, "spread over the whole stage"
    scale = order_documents(documents, schedule("quality-ascending")).quality.value_N[stage.document_E]
    assert (np.diff(scale[~np.isnan(scale)]) >= 0).all()


def test_length_grows_by_stages_of_equal_tokens_that_are_shuffled():
    documents = candidates(2000)
    order = order_documents(documents, schedule("length-grow", cycles=4))
    lengths = [documents.num_tokens_N[stage.document_E] for stage in order.stages]
    assert all(one.max() <= other.min() for one, other in itertools.pairwise(lengths))
    tokens = [tokens_of(documents, stage.document_E) for stage in order.stages]
    assert max(tokens) - min(tokens) < 1100, "cut by tokens"
    assert all((np.diff(length) < 0).any() for length in lengths)


@given(st.floats(0, 16))
def test_a_weight_is_the_mean_number_of_emissions(weight: float):
    documents = candidates(400)
    copies = copies_of(documents.ids, np.full(400, weight), seed=1)
    assert set(copies.tolist()) <= {int(weight), int(weight) + 1}
    assert copies.mean() == pytest.approx(weight, abs=0.15)


def test_further_copies_stand_in_the_random_stage_and_not_beside_the_first():
    documents = candidates(500, weight=2.0)
    order = order_documents(documents, schedule("warmup", warmup_fraction=0.2))
    warmup, rest = order.stages
    assert np.unique(warmup.document_E).size == warmup.document_E.size
    assert np.bincount(np.concatenate([warmup.document_E, rest.document_E])).tolist() == [2] * 500
    assert (rest.document_E[1:] == rest.document_E[:-1]).sum() < 10


def test_weight_zero_leaves_documents_out():
    assert order_documents(candidates(10, weight=0.0), schedule("random")).stages == ()
