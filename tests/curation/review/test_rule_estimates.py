"""Precision and recall of rules: right on average, and their intervals hold the truth as often as they say."""

from dataclasses import dataclass

import numpy as np
import pytest

from curation.intervals import share
from curation.review.reviewer_errors import ErrorRates, GoldAnswer, accuracies, error_rates
from curation.review.rule_estimates import Counts, Estimates, counts_of, precision, recall

NUM_DRAWS = 1000
RULES = ((0.35, 0.02), (0.3, 0.05), (0.25, 0.01), (0.15, 0.08))
"""Of documents to be dropped, and of those to be kept, the share that each rule takes."""
KEPT, EACH_RULE = 300, 150


@dataclass(frozen=True)
class Corpus:
    """20,000 documents; the first rule that takes one is its stratum, as in a run."""

    is_drop_N: np.ndarray
    fired_RN: np.ndarray
    stratum_N: np.ndarray

    @property
    def population_S(self) -> np.ndarray:
        return np.bincount(self.stratum_N).astype(np.float64)

    def only(self) -> "Corpus":
        """The same, of which each rule is asked only for what no other takes."""
        return Corpus(self.is_drop_N, self.fired_RN & (self.fired_RN.sum(0) == 1), self.stratum_N)


def corpus(seed: int = 3, size: int = 20_000) -> Corpus:
    draw = np.random.default_rng(seed)
    is_drop_N = draw.random(size) < 0.4
    fired_RN = np.stack([draw.random(size) < np.where(is_drop_N, bad, good) for bad, good in RULES])
    return Corpus(is_drop_N, fired_RN, np.where(fired_RN.any(0), fired_RN.argmax(0) + 1, 0))


def drawn(of: Corpus, *, detection: float, false_alarm: float, seed: int) -> Counts:
    """NUM_DRAWS audits at once: arrays (draws, rules, strata)."""
    draw = np.random.default_rng(seed)
    population_S = of.population_S
    sampled_S = np.minimum(np.array([KEPT, *[EACH_RULE] * len(RULES)]), population_S)
    fired, fired_said, said = [], [], []
    for stratum, size in enumerate(sampled_S.astype(int)):
        rows = np.flatnonzero(of.stratum_N == stratum)
        keys = draw.random((NUM_DRAWS, rows.size), dtype=np.float32)
        chosen_DM = rows[np.argpartition(keys, size - 1, axis=1)[:, :size]]
        said_DM = draw.random(chosen_DM.shape) < np.where(of.is_drop_N[chosen_DM], detection, false_alarm)
        fired_RDM = of.fired_RN[:, chosen_DM]
        fired.append(fired_RDM.sum(2).T)
        fired_said.append((fired_RDM & said_DM).sum(2).T)
        said.append(said_DM.sum(1))
    return Counts(
        population_S=population_S,
        sampled_S=sampled_S,
        fired_S=np.stack(fired, axis=-1).astype(np.float64),
        fired_said_S=np.stack(fired_said, axis=-1).astype(np.float64),
        said_S=np.stack(said, axis=-1)[:, None, :].astype(np.float64),
    )


def gold(num_drop: int, num_keep: int, *, detection: float, false_alarm: float, seed: int) -> ErrorRates:
    draw = np.random.default_rng(seed)
    return ErrorRates(
        num_drop=np.float64(num_drop),
        said_of_drop=draw.binomial(num_drop, detection, (NUM_DRAWS, 1)).astype(np.float64),
        num_keep=np.float64(num_keep),
        said_of_keep=draw.binomial(num_keep, false_alarm, (NUM_DRAWS, 1)).astype(np.float64),
    )


def coverage(found: Estimates, truth_R: np.ndarray) -> np.ndarray:
    return ((found.low <= truth_R) & (truth_R <= found.high)).mean(0)


def precisions(of: Corpus) -> np.ndarray:
    return np.array([of.is_drop_N[fired].mean() for fired in of.fired_RN])


def recalls(of: Corpus) -> np.ndarray:
    return np.array([fired[of.is_drop_N].mean() for fired in of.fired_RN])


@pytest.mark.parametrize("only", [False, True])
def test_with_an_exact_reviewer_the_interval_of_a_precision_holds_it_in_93_to_97_of_100_draws(only):
    of = corpus().only() if only else corpus()
    found = precision(drawn(of, detection=1, false_alarm=0, seed=11))
    held = coverage(found, precisions(of))
    assert np.all((held >= 0.93) & (held <= 0.97)), held
    assert np.abs(found.value.mean(0) - precisions(of)).max() < 0.01


@pytest.mark.parametrize(("detection", "false_alarm"), [(0.9, 0.1), (0.8, 0.15), (0.95, 0.02)])
def test_with_a_reviewer_who_errs_the_corrected_interval_holds_it_in_at_least_90(detection, false_alarm):
    of = corpus()
    counts = drawn(of, detection=detection, false_alarm=false_alarm, seed=12)
    errors = gold(40, 60, detection=detection, false_alarm=false_alarm, seed=13)
    held = coverage(precision(counts, errors), precisions(of))
    assert np.all(held >= 0.9), held
    assert coverage(precision(counts), precisions(of)).min() < 0.6, "uncorrected, it would not"


@pytest.mark.parametrize("detection", [1.0, 0.9])
def test_the_interval_of_a_recall_holds_it_in_at_least_90(detection):
    of, false_alarm = corpus(), 1 - detection
    counts = drawn(of, detection=detection, false_alarm=false_alarm, seed=14)
    errors = gold(40, 60, detection=detection, false_alarm=false_alarm, seed=15) if false_alarm else None
    found = recall(counts, errors)
    assert np.all(coverage(found, recalls(of)) >= 0.9)
    assert np.abs(np.nanmedian(found.value, axis=0) - recalls(of)).max() < 0.03


def one(population: list[float], sampled: list[float], fired: list[float], said: list[float]) -> Counts:
    """One experiment with one rule, which took all that it could and of which people said so often drop."""
    return Counts(
        population_S=np.array(population),
        sampled_S=np.array(sampled),
        fired_S=np.array(fired),
        fired_said_S=np.array(said),
        said_S=np.array(said),
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
