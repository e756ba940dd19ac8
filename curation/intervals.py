"""A figure with its 95% interval, and the interval of a share of trials: Wilson's (1927), which holds near 0 and 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z = 1.959964

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A value with its interval; all null where it cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


def wilson(value: Floats, trials: Floats) -> tuple[Floats, Floats]:
    """Returns the bounds of shares of as many trials, which need not be whole; (0, 1) of none."""
    squared = Z * Z / np.maximum(trials, 1e-12)
    centre = (value + squared / 2) / (1 + squared)
    half = Z * np.sqrt(value * (1 - value) / np.maximum(trials, 1e-12) + (squared / Z) ** 2 / 4) / (1 + squared)
    is_known = trials > 0
    return np.where(is_known, np.maximum(centre - half, 0), 0.0), np.where(is_known, np.minimum(centre + half, 1), 1.0)


def share(hits: float, trials: float) -> Measure:
    """Returns hits / trials with Wilson's interval; null of no trials."""
    if not trials:
        return Measure(value=None)
    value = hits / trials
    low, high = wilson(np.asarray(value), np.asarray(float(trials)))
    return Measure(value=value, low=float(low), high=float(high))
