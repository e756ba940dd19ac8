"""The classifier of a run trained anew on what reviewers decided, and measured on decisions that it did not see.

A reviewer's day gives hundreds of decisions, not the thousands that words alone need: the model also reads runs of
letters, which recur sooner (subword features: Bojanowski et al. 2017, arXiv 1607.04606). Folds are dealt by site, so
that no site is trained and measured on; the calibration is fitted on the same held-out scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Measure
from curation.quality.calibration import Calibration
from curation.quality.scores import scorer_of
from pipelines.classifiers.evaluation import raw_scores
from pipelines.classifiers.examples import (
    TEST,
    TRAIN,
    Examples,
    Found,
    Splitting,
    examples_of,
    lines_for_training,
    texts_of,
)
from pipelines.classifiers.fitting import Training, fit_calibration, train_fasttext
from pipelines.classifiers.training import LABELS
from pipelines.learning.sampled import NUM_FOLDS

FEW = Training(epochs=10, word_ngrams=2, buckets=20_000, min_count=1, min_chars=2, max_chars=5, quantize=False)
"""For hundreds of documents; what it makes of 500 answers is in infra/benchmarks/results/learning.json."""
FEWEST = 50
"""Labels of either kind, below which no model is trained."""
NUM_RESAMPLES = 1000

Floats = NDArray[np.float64]
Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refit:
    """A model, and how right it is beside the one before it where both keep the same share.

    Precision is of kept documents, those that reviewers keep; documents count as many as they stand for.
    """

    model: bytes
    calibration: Calibration
    num_labels: int
    num_positive: int
    keep_share: float
    before: Measure
    after: Measure
    change: Measure

    @property
    def is_better(self) -> bool:
        """Whether the whole interval of the change is above 0."""
        return self.change.low is not None and self.change.low > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Documents with labels, by id: what the old score is, and how many documents each stands for."""

    found: Found
    score: Mapping[bytes, float]
    weight: Mapping[bytes, float]


def refit(labelled: Labelled, *, threshold: float, seed: int = 0) -> Refit | None:
    """Returns a model trained on reviewers' decisions; None of too few.

    Args:
        labelled: documents that reviewers decided on, without gold.
        threshold: of the old score: its keep share is the one at which both are measured.
        seed: of training and of the intervals.
    """
    examples = examples_of([labelled.found], Splitting(validation_fraction=0, test_fraction=0, seed=seed))
    is_keep_N = examples.is_positive_N
    if min(is_keep_N.sum(), (~is_keep_N).sum()) < FEWEST:
        return None
    fold_N = _folds(examples, seed=seed)
    score_N = held_out_scores(examples, fold_N, seed=seed)
    model = train_fasttext(lines_for_training(examples), replace(FEW, seed=seed))
    calibration = fit_calibration(score_N, is_keep_N, method="logistic", model=model, labels=LABELS)
    ids = examples.table["doc_id"].to_pylist()
    old_N = np.array([labelled.score.get(identifier, np.nan) for identifier in ids])
    weight_N = np.array([labelled.weight.get(identifier, 1.0) for identifier in ids])
    scored_N = ~np.isnan(old_N)
    weight_N = weight_N * scored_N
    keep_share = float((weight_N * (np.nan_to_num(old_N, nan=-np.inf) >= threshold)).sum() / weight_N.sum())
    before, after, change = _compared(
        (np.nan_to_num(old_N), _ranks(score_N, fold_N)), is_keep_N, weight_N, keep_share=keep_share, seed=seed
    )
    return Refit(
        model=model,
        calibration=calibration,
        num_labels=is_keep_N.size,
        num_positive=int(is_keep_N.sum()),
        keep_share=keep_share,
        before=before,
        after=after,
        change=change,
    )


def _folds(examples: Examples, *, seed: int) -> Int64Array:
    groups, group_N = np.unique(examples.group_N, return_inverse=True)
    fold_N: Int64Array = (np.random.default_rng(seed).permutation(groups.size) % NUM_FOLDS)[group_N]
    return fold_N


def held_out_scores(examples: Examples, fold_N: Int64Array, *, seed: int) -> Floats:
    """Returns the score of each document by a model that saw none of its fold, float64 (N,)."""
    score_N = np.zeros(fold_N.size)
    for fold in range(NUM_FOLDS):
        split_N = np.where(fold_N == fold, TEST, TRAIN).astype(np.int8)
        part = replace(examples, split_N=split_N)
        model = train_fasttext(lines_for_training(part), replace(FEW, seed=seed))
        scorer = scorer_of(model, name="fold", labels=LABELS, calibration=None)
        score_N[split_N == TEST] = raw_scores(scorer, texts_of(part, part.of(TEST)))
    return score_N


def _ranks(score_N: Floats, fold_N: Int64Array) -> Floats:
    """Returns the rank of each score in its fold, in (0, 1): scores of different models do not compare."""
    rank_N = np.zeros(score_N.size)
    for fold in range(NUM_FOLDS):
        own_N = fold_N == fold
        places = np.argsort(np.argsort(score_N[own_N], kind="stable"), kind="stable")
        rank_N[own_N] = (places + 0.5) / max(int(own_N.sum()), 1)
    return rank_N


def precision_at(score_N: Floats, is_keep_N: NDArray[np.bool_], weight_BN: Floats, keep_share: float) -> Floats:
    """Returns, for each of B weightings, the share to be kept among the best-scored documents of that share, (B,)."""
    order_N = np.argsort(-score_N, kind="stable")
    weight_BN = weight_BN[:, order_N]
    before_BN = np.cumsum(weight_BN, axis=1) - weight_BN
    wanted_B = keep_share * weight_BN.sum(axis=1, keepdims=True)
    kept_BN = np.clip(wanted_B - before_BN, 0, weight_BN)  # the last one in part
    total_B = kept_BN.sum(axis=1)
    found: Floats = (kept_BN * is_keep_N[order_N]).sum(axis=1) / np.maximum(total_B, 1e-300)
    return found


def _compared(
    scores: Sequence[Floats], is_keep_N: NDArray[np.bool_], weight_N: Floats, *, keep_share: float, seed: int
) -> tuple[Measure, Measure, Measure]:
    """Returns precision by two scores and its change, with intervals from documents drawn anew."""
    draw = np.random.default_rng(seed)
    drawn_BN = draw.multinomial(weight_N.size, np.full(weight_N.size, 1 / weight_N.size), size=NUM_RESAMPLES)
    weight_BN = np.concatenate((weight_N[None], drawn_BN * weight_N))
    before_B, after_B = (precision_at(score_N, is_keep_N, weight_BN, keep_share) for score_N in scores)
    return _measure(before_B), _measure(after_B), _measure(after_B - before_B)


def _measure(value_B: Floats) -> Measure:
    low, high = np.quantile(value_B[1:], (0.025, 0.975)).tolist()
    return Measure(value=float(value_B[0]), low=low, high=high)
