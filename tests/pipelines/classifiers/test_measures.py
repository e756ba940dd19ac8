"""Measures against what is known: by hand, by brute force, and scikit-learn's and SciPy's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from pipelines.classifiers.fitting import fit_calibration
from pipelines.classifiers.measures import (
    Scored,
    Wanted,
    auc_of,
    ece_of,
    measure,
    share,
    threshold_for,
    threshold_table,
)

ROWS = st.lists(st.tuples(st.booleans(), st.integers(0, 10).map(lambda n: n / 10)), min_size=1, max_size=40)


def scored(rows):
    return Scored(
        is_positive_N=np.array([label for label, _ in rows]),
        score_N=np.array([score for _, score in rows]),
        group_N=np.arange(len(rows)).astype(np.uint64),
    )


@given(st.integers(0, 60), st.integers(1, 60))
def test_the_interval_of_a_share_is_wilson_s(hits, trials):
    hits = min(hits, trials)
    known = binomtest(hits, trials).proportion_ci(method="wilson")
    found = share(hits, trials)
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-6)


def test_a_share_of_nothing_has_no_value():
    assert share(0, 0).value is None


@given(ROWS, st.integers(1, 10).map(lambda n: n / 10))
def test_no_lower_threshold_gives_the_precision(rows, precision):
    found = threshold_for(scored(rows), Wanted(precision=precision))

    def precision_at(threshold):
        kept = [label for label, score in rows if score >= threshold]
        return sum(kept) / len(kept)

    good = [score for _, score in rows if precision_at(score) >= precision]
    assert found == (min(good) if good else None)


@given(ROWS, st.integers(1, 10).map(lambda n: n / 10))
def test_no_lower_threshold_keeps_at_most_the_share(rows, keep_share):
    found = threshold_for(scored(rows), Wanted(keep_share=keep_share))
    good = [score for _, score in rows if sum(other >= score for _, other in rows) <= keep_share * len(rows)]
    assert found == (min(good) if good else None)


def test_measures_of_ten_documents_by_hand():
    rows = [(True, 0.9)] * 4 + [(False, 0.9)] + [(True, 0.1)] + [(False, 0.1)] * 4
    found = measure(scored(rows), threshold=0.5)
    assert (found.documents, found.positives) == (10, 5)
    assert (found.precision.value, found.recall.value, found.accuracy.value) == (0.8, 0.8, 0.8)
    assert found.auc.value == pytest.approx((4 * 4 + (4 + 4) / 2) / 25)
    assert found.ece.value == pytest.approx(0.1)
    assert found.auc.low <= found.auc.value <= found.auc.high


@given(ROWS, st.data())
def test_the_area_under_the_curve_is_scikit_learn_s(rows, data):
    found = scored(rows)
    weight_N = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))), dtype=float)
    rank_N = np.unique(found.score_N, return_inverse=True)[1]
    value = auc_of(found.is_positive_N, rank_N, weight_N)
    if np.unique(found.is_positive_N[weight_N > 0]).size < 2:
        assert value is None
    else:
        known = roc_auc_score(found.is_positive_N, found.score_N, sample_weight=weight_N)
        assert value == pytest.approx(known, abs=1e-9)


def test_documents_of_one_label_have_no_auc():
    found = measure(scored([(True, 0.3), (True, 0.9)]), threshold=0.5)
    assert found.auc.value is None
    assert found.recall.value == 0.5


def test_intervals_are_wider_where_documents_come_from_few_sites():
    draw = np.random.default_rng(3)
    label_N = np.repeat(draw.random(20) < 0.5, 20)
    score_N = np.repeat(draw.random(20), 20)
    sites = Scored(is_positive_N=label_N, score_N=score_N, group_N=np.repeat(np.arange(20), 20).astype(np.uint64))
    alone = Scored(is_positive_N=label_N, score_N=score_N, group_N=np.arange(400).astype(np.uint64))
    width = [measure(each, threshold=0.5).auc for each in (sites, alone)]
    assert width[0].high - width[0].low > 2 * (width[1].high - width[1].low)


def test_a_wish_that_no_threshold_fulfils_is_in_the_table_without_one():
    rows = threshold_table(
        scored([(False, 0.2)]), scored([(True, 0.9)]), [Wanted(precision=0.9), Wanted(keep_share=1.0)]
    )
    assert [row["threshold"] for row in rows] == [None, 0.2]
    assert [row["wanted"] for row in rows] == ["precision 0.9", "keep share 1"]


@pytest.mark.parametrize("method", ["isotonic", "logistic"])
def test_calibrated_scores_are_probabilities(method):
    """Labels are drawn with probability score^2: after calibration scores should say so, and before they did not."""
    draw = np.random.default_rng(1)
    score_N = draw.random(4000)
    label_N = draw.random(4000) < score_N**2
    fitted = fit_calibration(score_N[:2000], label_N[:2000], method=method, model=b"", labels={})
    ones = np.ones(2000)
    before, after = (ece_of(label_N[2000:], values, ones) for values in (score_N[2000:], fitted.apply(score_N[2000:])))
    assert before > 0.15
    assert after < 0.05
    assert np.abs(fitted.apply(np.array([0.3, 0.9])) - [0.09, 0.81]).max() < 0.07
    assert 0 < fitted.probabilities[0] < fitted.probabilities[-1] < 1, "no number of documents shows a certainty"


def test_scores_that_differ_stay_different_so_that_any_share_can_be_kept():
    draw = np.random.default_rng(2)
    score_N = draw.random(500)
    fitted = fit_calibration(score_N, draw.random(500) < score_N, model=b"", labels={})
    assert np.unique(fitted.apply(score_N)).size == 500


def test_the_share_of_positives_that_will_be_scored_moves_the_probabilities():
    draw = np.random.default_rng(4)
    score_N = draw.random(4000)
    label_N = draw.random(4000) < score_N
    rare = fit_calibration(score_N, label_N, positive_share=0.1, model=b"", labels={})
    odds = (0.1 / 0.9) / (label_N.mean() / (1 - label_N.mean()))
    assert rare.apply(np.array([0.5]))[0] == pytest.approx(odds / (1 + odds), abs=0.04)


def test_bucket_edges_part_the_reference_evenly():
    score_M = np.random.default_rng(5).random(1000)
    fitted = fit_calibration(score_M, score_M > 0.5, model=b"", labels={}, reference_M=score_M)
    assert np.bincount(fitted.bucket(score_M).astype(int)).tolist() == pytest.approx([50] * 20, abs=1)
