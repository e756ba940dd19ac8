"""Shares and differences of shares with 95% intervals.

Wilson's interval holds at 0 and 1 too (Brown, Cai, DasGupta 2001, section 3.1.1); that of a difference is Newcombe's
(1998, Statistics in Medicine 17, 873-890, method 10), which is made of two of Wilson's.
"""

import math
from dataclasses import dataclass

import numpy as np

from curation.intervals import wilson


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
        low, high = wilson(np.asarray(self.value), np.asarray(float(self.of)))
        return float(low), float(high)


def difference(first: Share, second: Share) -> tuple[float, float]:
    """Returns Newcombe's interval of the first share less the second."""
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    middle = first.value - second.value
    below = math.hypot(first.value - low_1, high_2 - second.value)
    above = math.hypot(high_1 - first.value, second.value - low_2)
    return middle - below, middle + above
