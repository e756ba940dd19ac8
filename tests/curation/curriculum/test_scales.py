import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.curriculum.scales import LEVELS, difficulty_of, quality_of, spearman


def zeros(num: int) -> np.ndarray:
    return np.zeros(num, dtype=np.int64)


def test_percentiles_are_mid_ranks_within_the_narrowest_group_that_is_large_enough():
    ratios = np.concatenate([np.arange(200) / 200, np.array([0.5] * 10), np.full(5, 2.0)])
    language = np.concatenate([np.zeros(210), np.ones(5)]).astype(int)
    source = np.concatenate([np.zeros(200), np.ones(10), np.zeros(5)]).astype(int)
    scale = difficulty_of({"x": ratios}, {"x": 1.0}, language_N=language, source_N=source)
    assert [LEVELS[scale.level_N[row]] for row in (0, 205, 212)] == ["language_source", "language", "all"]
    assert scale.value_N[0] == pytest.approx(0.5 / 200)
    assert scale.value_N[205] == pytest.approx((100 + 11 / 2) / 210), "tied with ten others of its language"
    assert scale.value_N[212] == pytest.approx((210 + 5 / 2) / 215)


def test_quality_is_compared_within_the_language_only_since_the_best_of_a_bad_source_is_not_good():
    source = np.repeat([0, 1], 300)
    quality = np.where(source == 0, 0.1, 0.9) + np.tile(np.arange(300) / 10_000, 2)
    good = quality_of(quality, language_N=zeros(600))
    assert good.value_N[source == 0].max() < 0.5 < good.value_N[source == 1].min()
    as_difficulty = difficulty_of({"x": quality}, {"x": 1.0}, language_N=zeros(600), source_N=source)
    assert as_difficulty.value_N[299] == as_difficulty.value_N[599], "difficulty is within the source"
    assert {LEVELS[level] for level in good.level_N} == {"language"}


def test_scores_are_averaged_by_weight_over_those_that_are_known_and_a_negative_weight_turns_one_round():
    rising, falling = np.arange(400.0), np.arange(400.0)[::-1].copy()
    falling[0] = np.nan
    rising[1] = np.nan
    rising[2] = falling[2] = np.nan
    scale = difficulty_of(
        {"a": rising, "b": falling}, {"a": 3.0, "b": -1.0}, language_N=zeros(400), source_N=zeros(400)
    )
    by_a = (np.arange(398) + 0.5) / 398
    assert scale.value_N[0] == pytest.approx(by_a[0]), "only a is known"
    assert scale.value_N[1] == pytest.approx(1 - 397.5 / 398), "only b, the highest, so easiest"
    assert np.isnan(scale.value_N[2])
    assert scale.level_N[2] == -1
    assert (np.diff(scale.value_N[3:]) > 0).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=60))
def test_spearman_is_the_correlation_of_ranks(pairs: list[tuple[int, int]]):
    one, other = np.array(pairs, dtype=np.float64).T
    ranks = []
    for values in (one, other):
        order = sorted(values.tolist())
        ranks.append([(2 * order.index(v) + order.count(v) - 1) / 2 for v in values.tolist()])
    (first, found), (again, _) = spearman([one, other])
    assert found == again
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert first == 1.0
        assert found == pytest.approx(np.corrcoef(ranks)[0, 1], abs=1e-5)


def test_documents_that_lack_one_of_two_scores_do_not_count_for_their_correlation():
    one, other = np.array([1.0, 2, 3, np.nan, 9]), np.array([1.0, 2, 3, -5, np.nan])
    assert spearman([one, other])[0][1] == 1.0
    assert spearman([one, np.full(5, np.nan)])[0][1] is None
