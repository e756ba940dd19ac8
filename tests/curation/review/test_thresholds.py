"""The best threshold by judged documents: between them, short, and never for nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.review.thresholds import best_threshold, change_in_all

judged = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([-2.0, -1.0, 1.0, 2.0])), min_size=1, max_size=20)


def gain_at(threshold: float, values: np.ndarray, gains: np.ndarray, *, is_min: bool) -> float:
    return float(gains[values < threshold if is_min else values > threshold].sum())


@given(judged, st.booleans(), st.integers(0, 12))
def test_no_threshold_between_judged_values_gains_more(rows, is_min, current):
    values, gains = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    found = best_threshold(values, gains, is_min=is_min, current=current)
    tried = {gain_at(float(value), values, gains, is_min=is_min) for value in values}
    assert (
        gain_at(found, values, gains, is_min=is_min)
        >= max(*tried, gain_at(current, values, gains, is_min=is_min), -1e9) - 1e-9
    )


def test_of_equally_good_thresholds_the_one_that_is_there_stays():
    assert best_threshold(np.array([10.0, 20.0]), np.array([1.0, -1.0]), is_min=True, current=14) == 14


def test_a_threshold_is_a_short_number_between_the_documents_it_parts():
    found = best_threshold(np.array([0.1234567, 0.2987654]), np.array([1.0, -1.0]), is_min=True, current=0.0)
    assert found == 0.2
    found = best_threshold(np.array([0.1234567, 0.2987654]), np.array([-1.0, 1.0]), is_min=False, current=1.0)
    assert found == 0.2


def test_nothing_is_said_of_what_nobody_judged():
    values = np.array([10.0, 11.0])
    assert best_threshold(values, np.array([-1.0, -1.0]), is_min=True, current=50) == 10, "keeps all that was judged"
    assert best_threshold(values, np.array([1.0, 1.0]), is_min=True, current=5) == 11, "never drops all"


def test_the_sum_over_all_documents_weighs_each_stratum():
    found = change_in_all(np.array([1.0, 0.0, 1.0]), np.array([0, 0, 1]), np.array([100.0, 10.0]))
    assert found.value == 60
    assert found.low < found.value < found.high


def test_the_interval_of_a_sum_holds_it_in_about_95_of_100_draws():
    draw = np.random.default_rng(4)
    strata = [
        draw.choice([-1.0, 0.0, 1.0], size, p=chances)
        for size, chances in ((2000, [0.1, 0.7, 0.2]), (300, [0.3, 0.3, 0.4]))
    ]
    truth, hits = sum(stratum.sum() for stratum in strata), 0
    for _ in range(500):
        chosen = [draw.choice(stratum, 80, replace=False) for stratum in strata]
        found = change_in_all(np.concatenate(chosen), np.repeat([0, 1], 80), np.array([2000.0, 300.0]))
        hits += found.low <= truth <= found.high
    assert hits / 500 == pytest.approx(0.95, abs=0.03)
