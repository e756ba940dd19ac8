"""How far reviewers agree: Krippendorff's alpha, with an interval by resampling the units.

Alpha is 1 where all agree and 0 where they agree as often as by chance; it takes any number of reviewers, of whom each
may have answered some units only (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability). Units are drawn anew
1,000 times for the interval, as Zapf et al. 2016 (doi 10.1186/s12874-016-0200-9) advise. The one library for it is
under the GPL, which this one is not.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Measure

Level = Literal["nominal", "ordinal"]
Int64Array = NDArray[np.int64]
Floats = NDArray[np.float64]

NUM_RESAMPLES = 1000
FEWEST_VALUES = 2
"""Answers to a unit that can be compared, and kinds of answers without which agreement has no meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Alpha, the share of pairs of answers to one unit that are equal, and of how many units with several answers."""

    alpha: Measure
    equal_fraction: float | None
    num_units: int


def agreement(unit_A: Int64Array, value_A: Int64Array, *, level: Level = "nominal", seed: int = 0) -> Agreement:
    """Returns how far A answers to units agree.

    Args:
        unit_A: what each answer is about.
        value_A: what it says, from 0 on; with `ordinal` in the order of their ranks.
        level: nominal: different is different; ordinal: by how many ranks.
        seed: of the interval.
    """
    pattern_PV, size_P = _patterns(unit_A, value_A)
    num_units = int(size_P.sum())
    if not num_units:
        return Agreement(alpha=Measure(value=None), equal_fraction=None, num_units=0)
    coincidence_PVV = _coincidences(pattern_PV)
    draw = np.random.default_rng(seed)
    drawn_BP = draw.multinomial(num_units, size_P / num_units, size=NUM_RESAMPLES).astype(np.float64)
    value = _alpha(size_P[None], coincidence_PVV, level)[0]
    resampled_B = _alpha(drawn_BP, coincidence_PVV, level)
    known_B = resampled_B[~np.isnan(resampled_B)]
    return Agreement(
        alpha=_measure(float(value), known_B),
        equal_fraction=_equal_fraction(pattern_PV, size_P),
        num_units=num_units,
    )


def _measure(value: float, known_B: Floats) -> Measure:
    if np.isnan(value) or not known_B.size:
        return Measure(value=None)
    low, high = np.quantile(known_B, (0.025, 0.975)).tolist()
    return Measure(value=value, low=low, high=high)


def _patterns(unit_A: Int64Array, value_A: Int64Array) -> tuple[Floats, Floats]:
    """Returns (how often each value was given, float64 (P, V); how many units (P,) have it so), of several answers.

    Units with equal answers count alike: drawing patterns by their sizes is drawing units.
    """
    units, unit_A = np.unique(unit_A, return_inverse=True)
    counts_UV = np.zeros((units.size, int(value_A.max(initial=-1)) + 1))
    np.add.at(counts_UV, (unit_A, value_A), 1)
    counts_UV = counts_UV[counts_UV.sum(1) >= FEWEST_VALUES]
    pattern_PV, size_P = np.unique(counts_UV, axis=0, return_counts=True)
    return pattern_PV, size_P.astype(np.float64)


def _coincidences(pattern_PV: Floats) -> Floats:
    """Returns what one unit of each pattern adds to the matrix of coincidences, (P, V, V)."""
    pairs_PVV = pattern_PV[:, :, None] * pattern_PV[:, None, :]
    pairs_PVV -= pattern_PV[:, :, None] * np.eye(pattern_PV.shape[1])
    found: Floats = pairs_PVV / (pattern_PV.sum(1) - 1)[:, None, None]
    return found


def _alpha(weight_BP: Floats, coincidence_PVV: Floats, level: Level) -> Floats:
    """Returns alpha of B weightings of the patterns, NaN where all answers are the same."""
    observed_BVV = np.einsum("bp,pvw->bvw", weight_BP, coincidence_PVV)
    count_BV = observed_BVV.sum(2)
    total_B = count_BV.sum(1)
    distance_BVV = _distance(count_BV, level)
    expected_BVV = count_BV[:, :, None] * count_BV[:, None, :]  # the diagonal has distance 0
    observed_B = (observed_BVV * distance_BVV).sum((1, 2))
    expected_B = (expected_BVV * distance_BVV).sum((1, 2)) / np.maximum(total_B - 1, 1)
    ratio_B = np.full(total_B.size, np.nan)
    np.divide(observed_B, expected_B, out=ratio_B, where=expected_B > 0)
    return 1 - ratio_B


def _distance(count_BV: Floats, level: Level) -> Floats:
    """Returns the squared distance of each pair of values, (B, V, V); of ranks, by how many answers lie between."""
    if level == "nominal":
        return np.broadcast_to(1 - np.eye(count_BV.shape[1]), (*count_BV.shape, count_BV.shape[1]))
    middle_BV = np.cumsum(count_BV, axis=1) - count_BV / 2
    squared: Floats = (middle_BV[:, :, None] - middle_BV[:, None, :]) ** 2
    return squared


def _equal_fraction(pattern_PV: Floats, size_P: Floats) -> float:
    pairs_P = pattern_PV.sum(1) * (pattern_PV.sum(1) - 1)
    equal_P = (pattern_PV * (pattern_PV - 1)).sum(1)
    return float((size_P * equal_P).sum() / (size_P * pairs_P).sum())
