"""A figure with its 95% interval, and the interval of a share of trials: Wilson's (1927), which holds near 0 and 1."""

import math
from dataclasses import dataclass

Z = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A value with its interval; all null where it cannot be told."""

    value: float | None
    low: float | None = None
    high: float | None = None


def share(hits: float, trials: float) -> Measure:
    """Returns hits / trials with Wilson's interval; null of no trials."""
    if not trials:
        return Measure(value=None)
    value, squared = hits / trials, Z * Z / trials
    centre = (value + squared / 2) / (1 + squared)
    half = Z * math.sqrt(value * (1 - value) / trials + squared / (4 * trials)) / (1 + squared)
    return Measure(value=value, low=max(0.0, centre - half), high=min(1.0, centre + half))
