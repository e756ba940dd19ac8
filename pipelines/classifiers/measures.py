"""How good a score is, with 95% intervals, and which threshold gives what.

Precision and recall have Wilson's interval (1927), which holds near 0 and 1; area under the ROC curve and expected
calibration error (10 bins of equal width: Guo et al. 2017, arXiv 1706.04599) are resampled 200 times by site, since
documents of one site are alike (bootstrap percentiles).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Measure, share

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]
Ranks = NDArray[np.int64]

NUM_BINS = 10
NUM_RESAMPLES = 200
SEED = 0
PRECISIONS = (0.8, 0.9, 0.95, 0.99)
KEEP_SHARES = (0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """N documents with labels, scores (of which a higher one is more positive), and hashes of their sites."""

    is_positive_N: Mask
    score_N: Floats
    group_N: Words

    def where(self, chosen_N: Mask) -> "Scored":
        """Returns some of the documents."""
        return Scored(
            is_positive_N=self.is_positive_N[chosen_N], score_N=self.score_N[chosen_N], group_N=self.group_N[chosen_N]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Of some documents, at one threshold."""

    documents: int
    positives: int
    accuracy: Measure
    precision: Measure
    recall: Measure
    keep_share: Measure
    auc: Measure
    ece: Measure


def measure(scored: Scored, *, threshold: float) -> Measures:
    """Returns the measures of documents of which those at or above `threshold` are kept."""
    kept_N = scored.score_N >= threshold
    hits = int((kept_N & scored.is_positive_N).sum())
    kept, positives, documents = int(kept_N.sum()), int(scored.is_positive_N.sum()), scored.score_N.size
    auc, ece = _auc_and_ece(scored)
    return Measures(
        documents=documents,
        positives=positives,
        accuracy=share(int((kept_N == scored.is_positive_N).sum()), documents),
        precision=share(hits, kept),
        recall=share(hits, positives),
        keep_share=share(kept, documents),
        auc=auc,
        ece=ece,
    )


def auc_of(is_positive_N: Mask, rank_N: Ranks, weight_N: Floats) -> float | None:
    """Returns the share of pairs of a positive and a negative in which the positive ranks higher; ties count half."""
    positive_R = np.bincount(rank_N, weights=weight_N * is_positive_N)
    negative_R = np.bincount(rank_N, weights=weight_N * ~is_positive_N)
    pairs = float(positive_R.sum() * negative_R.sum())
    if not pairs:
        return None
    return float((positive_R * (np.cumsum(negative_R) - negative_R / 2)).sum()) / pairs


def ece_of(is_positive_N: Mask, score_N: Floats, weight_N: Floats) -> float | None:
    """Returns the mean distance, over bins of scores, of their mean score and their share of positives."""
    total = float(weight_N.sum())
    if not total:
        return None
    bin_N = np.clip((score_N * NUM_BINS).astype(np.int64), 0, NUM_BINS - 1)
    score_B = np.bincount(bin_N, weights=weight_N * score_N, minlength=NUM_BINS)
    positive_B = np.bincount(bin_N, weights=weight_N * is_positive_N, minlength=NUM_BINS)
    return float(np.abs(score_B - positive_B).sum()) / total


def _auc_and_ece(scored: Scored) -> tuple[Measure, Measure]:
    if not scored.score_N.size:
        return Measure(value=None), Measure(value=None)
    draw = np.random.default_rng(SEED)
    groups, group_N = np.unique(scored.group_N, return_inverse=True)
    rank_N = np.unique(scored.score_N, return_inverse=True)[1]
    values = []
    for number in range(NUM_RESAMPLES + 1):  # the first is the sample itself
        drawn_G = np.bincount(draw.integers(groups.size, size=groups.size), minlength=groups.size)
        weight_N = drawn_G[group_N].astype(np.float64) if number else np.ones(group_N.size)
        values.append(
            (
                auc_of(scored.is_positive_N, rank_N, weight_N),
                ece_of(scored.is_positive_N, scored.score_N, weight_N),
            )
        )
    auc, ece = (_with_interval(found) for found in zip(*values, strict=True))
    return auc, ece


def _with_interval(values: Sequence[float | None]) -> Measure:
    """Returns the first value with the percentiles of the others; a resample of one label has none."""
    known = [value for value in values[1:] if value is not None]
    if values[0] is None or not known:
        return Measure(value=values[0])
    low, high = np.quantile(known, (0.025, 0.975)).tolist()
    return Measure(value=values[0], low=low, high=high)


def measures_by(scored: Scored, names: Sequence[str | None], *, threshold: float) -> Iterator[tuple[str, Measures]]:
    """Yields (name, measures of the documents of that name), the name with most documents first; null is `unknown`."""
    named_N = np.array([name or "unknown" for name in names], dtype=object)
    counts = {name: int((named_N == name).sum()) for name in set(named_N.tolist())}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        yield name, measure(scored.where(named_N == name), threshold=threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a threshold is asked for."""

    precision: float | None = None
    keep_share: float | None = None

    def __str__(self) -> str:
        """Returns it in words."""
        return f"precision {self.precision:g}" if self.precision is not None else f"keep share {self.keep_share:g}"


ALL_WANTED = (
    *(Wanted(precision=value) for value in PRECISIONS),
    *(Wanted(keep_share=value) for value in KEEP_SHARES),
)


def threshold_for(scored: Scored, wanted: Wanted) -> float | None:
    """Returns the lowest score that, as the smallest one kept, gives at least the precision, or at most the share.

    None where no score does.
    """
    order_N = np.argsort(-scored.score_N, kind="stable")
    score_N = scored.score_N[order_N]
    last_N = np.append(score_N[1:] != score_N[:-1], True) if score_N.size else np.zeros(0, dtype=np.bool_)
    kept_N = np.arange(1, score_N.size + 1)
    if wanted.precision is not None:
        good_N = np.cumsum(scored.is_positive_N[order_N]) / kept_N >= wanted.precision
    else:
        assert wanted.keep_share is not None, "one of the two is asked for"
        good_N = kept_N <= wanted.keep_share * score_N.size
    found = np.flatnonzero(good_N & last_N)
    return float(score_N[found[-1]]) if found.size else None


def threshold_table(fitted: Scored, tested: Scored, asked: Sequence[Wanted]) -> list[Mapping[str, object]]:
    """Returns a row per wish: the threshold that meets it on `fitted`, and what it gives on `tested`."""
    rows: list[Mapping[str, object]] = []
    for wanted in asked:
        threshold = threshold_for(fitted, wanted)
        if threshold is None:
            rows.append({"wanted": str(wanted), "threshold": None})
            continue
        kept_N = tested.score_N >= threshold
        hits = int((kept_N & tested.is_positive_N).sum())
        rows.append(
            {
                "wanted": str(wanted),
                "threshold": threshold,
                "precision": share(hits, int(kept_N.sum())),
                "recall": share(hits, int(tested.is_positive_N.sum())),
                "keep_share": share(int(kept_N.sum()), kept_N.size),
            }
        )
    return rows
