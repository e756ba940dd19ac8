"""Shares and differences of shares with 95% intervals.

Wilson's interval holds at 0 and 1 too (Brown, Cai, DasGupta 2001, section 3.1.1); that of a difference is Newcombe's
(1998, Statistics in Medicine 17, 873-890, method 10), which is made of two of Wilson's.
"""

import math
from dataclasses import dataclass

DEVIATIONS = 1.959963985
"""Of the normal distribution: an interval of 95%."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share with its 95% interval."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share; 0 of nothing."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval; all of [0, 1] for nothing."""
        if not self.of:
            return 0.0, 1.0
        square = DEVIATIONS**2 / self.of
        middle = (self.value + square / 2) / (1 + square)
        half = math.sqrt(self.value * (1 - self.value) * square + square**2 / 4) / (1 + square)
        return max(middle - half, 0.0), min(middle + half, 1.0)


def difference(first: Share, second: Share) -> tuple[float, float]:
    """Returns Newcombe's interval of the first share less the second."""
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    middle = first.value - second.value
    below = math.hypot(first.value - low_1, high_2 - second.value)
    above = math.hypot(high_1 - first.value, second.value - low_2)
    return middle - below, middle + above
