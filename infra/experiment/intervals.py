"""Paired bootstrap intervals of differences of bits per byte (Efron and Tibshirani 1993, chapter 13: percentiles).

Both arms are measured on the same documents and paired by seed. Seeds and documents are drawn anew, each with
replacement: an interval covers what another seed and other documents of the same sources would have given.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000
LEVEL = 0.95

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Bits per byte of one arm less those of another: mean and 95% interval."""

    mean: float
    low: float
    high: float
    seeds: int
    seeds_below: int
    """Seeds whose difference is below zero."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def difference(arm_SN: Reals, other_SN: Reals, bytes_N: NDArray[np.int64], *, seed: int = 0) -> Difference:
    """Returns the difference of two arms, by bits of N documents under S seeds."""
    bits_SN = arm_SN - other_SN
    num_seeds, num_documents = bits_SN.shape
    generator = np.random.default_rng(seed)
    times_RS = generator.multinomial(num_seeds, np.full(num_seeds, 1 / num_seeds), size=RESAMPLES) / num_seeds
    times_RN = generator.multinomial(num_documents, np.full(num_documents, 1 / num_documents), size=RESAMPLES)
    found_R = ((times_RS @ bits_SN) * times_RN).sum(1) / (times_RN @ bytes_N)
    low, high = np.quantile(found_R, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    of_seed_S = bits_SN.sum(1) / bytes_N.sum()
    return Difference(
        mean=float(of_seed_S.mean()),
        low=float(low),
        high=float(high),
        seeds=num_seeds,
        seeds_below=int((of_seed_S < 0).sum()),
    )
