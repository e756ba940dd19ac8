"""Precision and recall of rules: right on average, and their intervals hold the truth as often as they say."""

from dataclasses import replace

import numpy as np
import pytest

from curation.intervals import share
from curation.review.reviewer_errors import ErrorRates, GoldAnswer, accuracies, error_rates
from curation.review.rule_estimates import Counts, counts_of, precision, recall
from infra.benchmarks.simulated_reviewers import Audit, Reviewer, Ruled, audits, coverage, gold

RULES = ((0.35, 0.02), (0.3, 0.05), (0.25, 0.01), (0.15, 0.08))
"""Of documents to be dropped, and of those to be kept, the share that each rule takes."""
AUDIT = Audit(num_kept=300, num_each_rule=150, num_draws=1000, reviewer=Reviewer(), seed=11)


@pytest.fixture(scope="module")
def corpus() -> Ruled:
    """8,000 documents; the first rule that takes one is its stratum, as in a run."""
    draw = np.random.default_rng(3)
    is_drop_N = draw.random(8000) < 0.4
    fired_RN = np.stack([draw.random(8000) < np.where(is_drop_N, bad, good) for bad, good in RULES])
    return Ruled(is_drop_N=is_drop_N, fired_RN=fired_RN)


@pytest.mark.parametrize("only", [False, True])
def test_with_an_exact_reviewer_the_interval_of_a_precision_holds_it_in_93_to_97_of_100_draws(corpus, only):
    of = corpus.only() if only else corpus
    found = precision(audits(of, AUDIT))
    held = coverage(found, of.precision_R)
    assert np.all((held >= 0.93) & (held <= 0.97)), held
    assert np.abs(found.value.mean(0) - of.precision_R).max() < 0.01


@pytest.mark.parametrize(("detection", "false_alarm"), [(0.9, 0.1), (0.8, 0.15), (0.95, 0.02)])
def test_with_a_reviewer_who_errs_the_corrected_interval_holds_it_in_at_least_90(corpus, detection, false_alarm):
    audit = replace(AUDIT, reviewer=Reviewer(detection=detection, false_alarm=false_alarm))
    counts = audits(corpus, audit)
    held = coverage(precision(counts, gold(40, 60, audit)), corpus.precision_R)
    assert np.all(held >= 0.9), held
    assert coverage(precision(counts), corpus.precision_R).min() < 0.7, "uncorrected, it would not"


@pytest.mark.parametrize("detection", [1.0, 0.9])
def test_the_interval_of_a_recall_holds_it_in_at_least_90(corpus, detection):
    audit = replace(AUDIT, reviewer=Reviewer(detection=detection, false_alarm=1 - detection))
    found = recall(audits(corpus, audit), gold(40, 60, audit) if detection < 1 else None)
    assert np.all(coverage(found, corpus.recall_R) >= 0.9)
    assert np.abs(np.nanmedian(found.value, axis=0) - corpus.recall_R).max() < 0.03


def one(population: list[float], sampled: list[float], fired: list[float], said: list[float]) -> Counts:
    """One experiment with one rule, which took all that it could and of which people said so often drop."""
    return Counts(
        population_S=np.array(population),
        sampled_S=np.array(sampled),
        fired_S=np.array(fired),
        fired_said_S=np.array(said),
        said_S=np.array(said),
        taken_S=np.array(population) * np.array(fired) / np.array(sampled),
    )


def test_of_one_stratum_of_a_large_corpus_the_interval_is_wilsons():
    found = precision(one([1e9], [50], [50], [45]))
    wilson = share(45, 50)
    assert found.value == pytest.approx(0.9)
    assert (found.low, found.high) == (pytest.approx(wilson.low, abs=0.01), pytest.approx(wilson.high, abs=0.01))


def test_a_document_stands_for_its_stratum():
    found = precision(one([100, 900], [10, 10], [10, 10], [10, 0]))
    assert found.value == pytest.approx(0.1), "100 of 1,000, though half of the sample"


def test_a_sample_in_which_all_agree_is_not_sure():
    found = precision(one([10_000], [20], [20], [20]))
    assert found.value == 1
    assert found.low < 0.9


def test_where_every_document_was_judged_almost_nothing_is_uncertain():
    found = precision(one([50], [50], [50], [45]))
    assert found.high - found.low < 1e-3


def test_what_nobody_judged_may_be_all_right_or_all_wrong():
    counts = Counts(
        population_S=np.array([1000.0, 1000.0]),
        sampled_S=np.array([50.0, 50.0]),
        fired_S=np.array([50.0, 0.0]),
        fired_said_S=np.array([45.0, 0.0]),
        said_S=np.array([45.0, 10.0]),
        taken_S=np.array([500.0, 500.0]),
    )
    found = precision(counts)
    assert found.value == pytest.approx(0.9), "the rest is taken to be alike"
    assert found.low < 0.5, "but half of what the rule took was not looked at"


def test_a_rule_that_took_no_sampled_document_has_no_precision():
    found = precision(one([10], [5], [0], [0]))
    assert np.isnan([found.value, found.low, found.high]).all()


def test_of_reviewers_no_better_than_chance_nothing_is_learnt():
    errors = error_rates([GoldAnswer("a", says, is_drop) for says in (True, False) for is_drop in (True, False)] * 10)
    found = precision(one([1e6], [50], [50], [45]), errors)
    assert np.isnan(found.value)
    assert (found.low, found.high) == (0, 1)


def test_errors_are_taken_out_of_what_people_say():
    errors = ErrorRates(
        num_drop=np.float64(1e9), said_of_drop=np.float64(8e8), num_keep=np.float64(1e9), said_of_keep=np.float64(1e8)
    )
    found = precision(one([1e6], [1000], [1000], [450]), errors)
    assert found.value == pytest.approx((0.45 - 0.1) / 0.7), "Rogan and Gladen"


def test_counts_of_documents_are_what_a_loop_counts():
    draw = np.random.default_rng(5)
    stratum_M, fired_RM, said_M = draw.integers(0, 3, 40), draw.random((2, 40)) < 0.5, draw.integers(0, 3, 40) / 2
    found = counts_of(stratum_M, fired_RM, said_M, np.array([100.0, 50.0, 20.0]))
    for stratum in range(3):
        rows = [row for row in range(40) if stratum_M[row] == stratum]
        assert found.sampled_S[stratum] == len(rows)
        assert found.said_S[stratum] == pytest.approx(sum(said_M[row] for row in rows))
        for rule in range(2):
            fired = [row for row in rows if fired_RM[rule, row]]
            assert found.fired_S[rule, stratum] == len(fired)
            assert found.fired_said_S[rule, stratum] == pytest.approx(sum(said_M[row] for row in fired))


def test_reviewers_are_measured_on_gold():
    answers = [GoldAnswer("anna", True, True), GoldAnswer("anna", False, True), GoldAnswer("ben", False, False)]
    anna, ben = accuracies(answers)
    assert (anna.reviewer, anna.num_gold, anna.accuracy.value, anna.detection.value) == ("anna", 2, 0.5, 0.5)
    assert anna.false_alarm.value is None, "no gold document that she judged is to be kept"
    assert (ben.accuracy.value, ben.false_alarm.value) == (1, 0)
    rates = error_rates(answers)
    assert (rates.detection, rates.false_alarm) == (0.5, 0)


def test_without_gold_of_both_kinds_nothing_is_corrected():
    assert error_rates([GoldAnswer("anna", True, True)]) is None
