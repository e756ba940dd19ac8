import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.curriculum.mixture import MixtureStage, Share, groups_of, mix_documents, shares_of
from curation.curriculum.order import Candidates, Order
from curation.identity import doc_id, type_of_id

SOURCES, LANGUAGES, DOMAINS = ("web", "law", "code"), ("en", "de"), (None, "law", None)
NAMES = [("web", "en", None), ("law", "de", "law"), ("code", None, None)]


def candidates(num: int = 600) -> Candidates:
    draw = np.random.default_rng(3)
    return Candidates(
        ids=pa.array([doc_id("s", "p", row) for row in range(num)], type_of_id),
        source_N=draw.integers(0, 3, num),
        language_N=draw.integers(-1, 2, num),
        num_tokens_N=draw.integers(0, 60, num),
        score_SN={"length": draw.random(num)},
        quality_N=np.where(draw.random(num) < 0.1, np.nan, draw.random(num)),
        weight_N=np.ones(num),
    )


def mixed(*stages: MixtureStage, documents: Candidates | None = None, seed: int = 1) -> Order:
    documents = documents or candidates()
    groups = groups_of(documents, sources=SOURCES, languages=LANGUAGES, domains=DOMAINS)
    return mix_documents(documents, stages, groups, difficulty={"length": 1.0}, seed=seed)


def tokens_by_source(rows: np.ndarray, documents: Candidates) -> dict[str, int]:
    lengths = documents.num_tokens_N[rows] + 1
    return {name: int(lengths[documents.source_N[rows] == code].sum()) for code, name in enumerate(SOURCES)}


@given(st.integers(1, 60_000), st.floats(0.5, 3), st.floats(0, 3), st.integers(0, 3))
def test_a_budget_is_never_exceeded_and_missed_by_less_than_a_document_where_there_is_enough(
    budget: int, temperature: float, epochs: float, seed: int
):
    documents = candidates()
    stage = MixtureStage(name="a", tokens=budget, temperature=temperature, max_epochs=epochs)
    found = mixed(stage, seed=seed).stages
    tokens = sum(int((documents.num_tokens_N[s.document_E] + 1).sum()) for s in found)
    enough = epochs * int((documents.num_tokens_N + 1).sum()) * 0.8
    assert tokens <= budget
    assert tokens > budget - 61 or budget > enough


def test_shares_are_tokens_to_the_power_of_one_over_the_temperature_times_weights():
    stage = MixtureStage(name="a", tokens=1000, temperature=2.0, shares=(Share(source="law", weight=3.0),))
    plenty = np.full(3, 1e9)
    found = shares_of(stage, NAMES, tokens_G=np.array([400.0, 100.0, 900.0]), left_G=plenty)
    assert found.tolist() == pytest.approx([1000 * w / 80 for w in (20, 30, 30)])


def test_what_a_cap_or_an_epoch_limit_takes_goes_to_the_others_in_proportion():
    stage = MixtureStage(name="a", tokens=1000, shares=(Share(language="en", max_fraction=0.1),))
    found = shares_of(stage, NAMES, tokens_G=np.array([800.0, 100.0, 100.0]), left_G=np.array([1e9, 300.0, 1e9]))
    assert found.tolist() == pytest.approx([100, 300, 600])
    less = shares_of(stage, NAMES, tokens_G=np.array([800.0, 100.0, 100.0]), left_G=np.array([1e9, 300.0, 50.0]))
    assert less.tolist() == pytest.approx([100, 300, 50]), "all are full: the stage stays short"


def test_every_key_of_a_share_must_fit_and_a_weight_of_nothing_leaves_documents_out():
    documents = candidates()
    stage = MixtureStage(
        name="a", tokens=3000, shares=(Share(domain="law", weight=0.0), Share(source="web", language="en", weight=0.0))
    )
    (found,) = mixed(stage).stages
    rows = found.document_E
    assert not (documents.source_N[rows] == 1).any()
    assert not ((documents.source_N[rows] == 0) & (documents.language_N[rows] == 0)).any()
    assert ((documents.source_N[rows] == 0) & (documents.language_N[rows] == 1)).any()


def test_a_source_goes_on_over_the_stages_and_starts_a_second_epoch_only_when_all_were_seen():
    documents = candidates()
    total = int((documents.num_tokens_N + 1).sum())
    only = Share(source="web", weight=1.0)
    others = (Share(source="law", weight=0.0), Share(source="code", weight=0.0), only)
    web = tokens_by_source(np.arange(600), documents)["web"]
    first, second = mixed(
        MixtureStage(name="a", tokens=web // 2, shares=others),
        MixtureStage(name="b", tokens=total, shares=others, max_epochs=1.5),
    ).stages
    emitted = np.bincount(np.concatenate((first.document_E, second.document_E)), minlength=600)
    assert set(emitted[documents.source_N == 0].tolist()) == {1, 2}, "each once before any twice"
    assert np.unique(first.document_E).size == first.document_E.size
    tokens = tokens_by_source(np.concatenate((first.document_E, second.document_E)), documents)["web"]
    assert 1.5 * web - 6 * 61 < tokens <= 1.5 * web


def test_stages_carry_their_order_budget_and_learning_rate_factor():
    order = mixed(
        MixtureStage(name="a", tokens=5000, order="quality", lr_factor=0.5), MixtureStage(name="b", tokens=900)
    )
    first, second = order.stages
    quality = order.quality.value_N[first.document_E]
    assert (np.diff(quality[~np.isnan(quality)]) >= 0).all()
    assert (first.is_sorted, first.lr_factor, first.budget) == (True, 0.5, 5000)
    assert (second.is_sorted, second.lr_factor, second.budget) == (False, 1.0, 900)


def test_a_mixture_does_not_depend_on_how_documents_arrive():
    documents = candidates()
    rows = np.random.default_rng(0).permutation(600)
    other = Candidates(
        ids=documents.ids.take(pa.array(rows)),
        source_N=documents.source_N[rows],
        language_N=documents.language_N[rows],
        num_tokens_N=documents.num_tokens_N[rows],
        score_SN={"length": documents.score_SN["length"][rows]},
        quality_N=documents.quality_N[rows],
        weight_N=documents.weight_N[rows],
    )
    stage = MixtureStage(name="a", tokens=7000, max_epochs=2, order="difficulty")
    (one,), (two,) = (mixed(stage, documents=of).stages for of in (documents, other))
    assert documents.ids.take(pa.array(one.document_E)).equals(other.ids.take(pa.array(two.document_E)))
