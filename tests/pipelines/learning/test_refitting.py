"""A classifier after 500 answers of a reviewer who errs, measured on documents with true labels that nobody showed it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from curation.identity import secure_hash, type_of_id
from curation.review.rule_estimates import precision
from infra.benchmarks.simulated_reviewers import Audit, Reviewer, audits, coverage, gold, improved, read_texts, ruled
from pipelines.classifiers.examples import EXAMPLE, Found
from pipelines.learning.refitting import FEWEST, Labelled, precision_at, refit

ERRS = Reviewer(detection=0.9, false_alarm=0.1)


@pytest.mark.slow
def test_after_500_answers_more_of_what_the_classifier_keeps_is_good(corpora: Path):
    found = improved(read_texts(corpora, "tweets"), ERRS, seed=0)
    assert found.num_labels == 500
    assert found.after > found.before + 0.05, "at the same keep share, by the true labels of 2,500 other tweets"


def test_on_labelled_tweets_and_rules_that_overlap_the_intervals_hold_the_truth(corpora: Path):
    tweets = ruled(read_texts(corpora, "tweets"))
    audit = Audit(num_kept=400, num_each_rule=200, num_draws=1000, reviewer=Reviewer(), seed=1)
    exact = coverage(precision(audits(tweets, audit)), tweets.precision_R)
    assert np.all((exact >= 0.93) & (exact <= 0.97)), exact
    erring = replace(audit, reviewer=ERRS)
    assert coverage(precision(audits(tweets, erring), gold(60, 60, erring)), tweets.precision_R).min() >= 0.9


def test_the_precision_at_a_share_counts_each_document_as_many_as_it_stands_for():
    score, is_keep = np.array([0.9, 0.5, 0.1]), np.array([True, False, True])
    weights = np.array([[1.0, 1.0, 1.0], [1.0, 3.0, 1.0]])
    assert precision_at(score, is_keep, weights, 1 / 3).tolist() == [1, pytest.approx(1 / (5 / 3))]
    assert precision_at(score, is_keep, weights, 1.0).tolist() == [pytest.approx(2 / 3), pytest.approx(2 / 5)]


def test_of_too_few_decisions_of_one_kind_no_model_is_made():
    texts = [f"text number {number}" for number in range(4 * FEWEST)]
    is_keep = [number >= FEWEST - 1 for number in range(len(texts))]
    ids = [secure_hash(text.encode()) for text in texts]
    nothing = pa.nulls(len(texts), pa.string())
    columns = [pa.array(ids, type_of_id), pa.array(["web"] * len(texts)), nothing, nothing, nothing, pa.array(texts)]
    table = pa.table([*columns, pa.array(is_keep)], schema=EXAMPLE)
    labelled = Labelled(found=Found(tables=(table,)), score=dict.fromkeys(ids, 0.5), weight={})
    assert refit(labelled, threshold=0.5) is None
