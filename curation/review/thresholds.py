"""Where a threshold would be right most often, by documents that people judged.

Of the documents whose fate one threshold alone decides, those on its far side are dropped: it is best where the
weighted number of right decisions is largest. What such a choice is worth is measured on documents it was not made
from (cross-validation: Stone 1974), since of many thresholds one always looks good by chance.
"""

import math

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Measure, Z

Floats = NDArray[np.float64]
MOST_DIGITS = 12


def best_threshold(value_M: Floats, gain_M: Floats, *, is_min: bool, current: float) -> float:
    """Returns the threshold with the largest gain; `current` where no other has a larger one.

    It lies between judged values and is as short a number as fits there: nothing is said beyond them.

    Args:
        value_M: of documents whose fate it decides.
        gain_M: what dropping each is better than keeping it, in documents; negative where keeping is better.
        is_min: values below it are dropped; else those above it.
        current: the threshold there is.
    """
    if not is_min:
        return -best_threshold(-value_M, gain_M, is_min=True, current=-current)
    values_K, place_M = np.unique(value_M, return_inverse=True)
    gain_K = np.bincount(place_M, weights=gain_M, minlength=values_K.size)
    below_K = np.concatenate(([0.0], np.cumsum(gain_K)))[:-1]  # of dropping all below each value
    at_current = float(gain_M[value_M < current].sum())
    if not values_K.size or below_K.max() <= at_current + 1e-9:
        return current
    best_J = np.flatnonzero(below_K >= below_K.max() - 1e-9)
    place = int(best_J[np.argmin(np.abs(values_K[best_J] - current))])
    return _shortest(float(values_K[place - 1]) if place else -math.inf, float(values_K[place]))


def _shortest(low: float, high: float) -> float:
    """Returns a short decimal in (low, high]; `high` where `low` is infinite."""
    if not math.isfinite(low):
        return high
    for digits in range(-MOST_DIGITS, MOST_DIGITS + 1):
        found = math.floor(high * 10.0**digits) / 10.0**digits
        if low < found <= high:
            return round(found, max(digits, 0))
    return high


def change_in_all(change_M: Floats, stratum_M: NDArray[np.int64], population_S: Floats) -> Measure:
    """Returns the sum of a quantity over all documents, from a random sample of each stratum.

    Args:
        change_M: of each sampled document.
        stratum_M: where each is from.
        population_S: documents of each stratum.
    """
    sampled_S = np.bincount(stratum_M, minlength=population_S.size).astype(np.float64)
    sum_S = np.bincount(stratum_M, weights=change_M, minlength=population_S.size)
    squares_S = np.bincount(stratum_M, weights=change_M**2, minlength=population_S.size)
    safe_S = np.maximum(sampled_S, 1)
    spread_S = np.maximum(squares_S - sum_S**2 / safe_S, 0) / np.maximum(sampled_S - 1, 1)
    factor_S = population_S * np.maximum(population_S - sampled_S, 0) / safe_S
    value = float((population_S * sum_S / safe_S).sum())
    half = Z * math.sqrt(float((factor_S * spread_S).sum()))
    return Measure(value=value, low=value - half, high=value + half)
