"""How often a rule is right, from random documents that people judged: precision and recall with 95% intervals.

Each stratum (kept documents; those dropped by each rule) is a simple random sample, so a document stands for N/n of its
stratum (Horvitz and Thompson 1952), and precision and recall are ratios of such sums. Reviewers' errors are taken out
as Rogan and Gladen 1978 (Am J Epidemiol 107:71) do for a test's: what people say is a mix of what they rightly and
wrongly drop. The interval of a precision inverts the test of each possible value, as Wilson's does, with the sample's
effective size and the uncertainty of the error rates in its variance; that of a recall inverts the test of a ratio
(Fieller 1954). Rates enter variances with half an answer of each kind added: no sample is so uniform that it is sure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Z
from curation.review.reviewer_errors import ErrorRates

Floats = NDArray[np.float64]
Z2 = Z * Z


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was found in samples of S strata; arrays (..., S) that broadcast, the leading axes being experiments.

    A document "fired" where the rule took it; "said" counts those of which people say that they are to be dropped (a
    document that several people answered counts by the share of them who say so).
    """

    population_S: Floats
    sampled_S: Floats
    fired_S: Floats
    fired_said_S: Floats
    said_S: Floats

    @property
    def weight_S(self) -> Floats:
        """Documents that each sampled one stands for; 0 where none was sampled."""
        sampled_S = np.broadcast_to(self.sampled_S, np.broadcast_shapes(self.population_S.shape, self.sampled_S.shape))
        return np.divide(self.population_S, sampled_S, out=np.zeros(sampled_S.shape), where=sampled_S > 0)

    @property
    def variance_factor_S(self) -> Floats:
        """What the variance of one document is multiplied by for that of a stratum's sum: N^2 (1 - n/N) / n."""
        left_S = np.maximum(1 - self.sampled_S / np.maximum(self.population_S, 1), 0)
        return self.weight_S * self.population_S * left_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Values with their 95% intervals, of as many experiments as the counts have; NaN where nothing can be said."""

    value: Floats
    low: Floats
    high: Floats


def precision(counts: Counts, errors: ErrorRates | None = None) -> Estimates:
    """Returns the share of documents taken by the rule that are to be dropped.

    Args:
        counts: of the samples.
        errors: of the reviewers; None: they are taken at their word.
    """
    said, size = _said_of_fired(counts)
    return _inverted(said, size, errors)


def _said_of_fired(counts: Counts) -> tuple[Floats, Floats]:
    """Returns the share of fired documents that people would drop, and how many drawn singly would tell as much."""
    weight_S, fired_S = counts.weight_S, counts.fired_S
    fired = (weight_S * fired_S).sum(-1)
    said = _divided((weight_S * counts.fired_said_S).sum(-1), fired)
    num_fired = fired_S.sum(-1, keepdims=True)
    added_S = _divided(fired_S, num_fired)  # one answer in all, half of each kind
    rate_S = _divided(counts.fired_said_S + added_S / 2, fired_S + added_S, otherwise=0.0)
    rate = _divided((weight_S * fired_S * rate_S).sum(-1), fired)[..., None]
    rate_S = (fired_S * rate_S + rate) / (fired_S + 1)  # a small stratum is never sure of its own rate
    fired_fraction_S = _divided(fired_S, counts.sampled_S, otherwise=0.0)
    spread_S = fired_fraction_S * (rate_S * (1 - rate_S) + (1 - fired_fraction_S) * (rate_S - rate) ** 2)
    variance = _divided((counts.variance_factor_S * spread_S).sum(-1), fired**2)
    rate = rate[..., 0]
    return said, _divided(rate * (1 - rate), variance, otherwise=np.inf)


def _inverted(said: Floats, size: Floats, errors: ErrorRates | None) -> Estimates:
    """Returns the shares that a test does not refuse: the roots of a quadratic in them.

    With `a` false alarms, `d` = detection - `a`, and a true share P, people say drop of a + dP: |said - a - dP| is
    within Z standard deviations. Where reviewers are hardly better than chance nothing is refused.
    """
    if errors is None:
        alarm, gain, alarm_variance, found_variance = np.zeros(()), np.ones(()), np.zeros(()), np.zeros(())
    else:
        alarm, gain = errors.false_alarm, errors.detection - errors.false_alarm
        found_variance, alarm_variance = errors.variances
    known = np.isfinite(said)
    square = gain**2 * (1 + Z2 / size) - Z2 * (alarm_variance + found_variance)
    linear = -2 * gain * (said - alarm) - Z2 * gain * (1 - 2 * alarm) / size + 2 * Z2 * alarm_variance
    constant = (said - alarm) ** 2 - Z2 * (alarm * (1 - alarm) / size + alarm_variance)
    low, high = _roots(square, linear, constant)
    can_tell = (square > 0) & (gain > 0)
    value = np.where(can_tell, np.clip(_divided(said - alarm, gain), 0, 1), np.nan)
    return Estimates(
        value=np.where(known, value, np.nan),
        low=np.where(known, np.where(can_tell, low, 0.0), np.nan),
        high=np.where(known, np.where(can_tell, high, 1.0), np.nan),
    )


def recall(counts: Counts, errors: ErrorRates | None = None) -> Estimates:
    """Returns the share of documents to be dropped that the rule takes; arguments as of `precision`."""
    alarm = np.zeros(()) if errors is None else errors.false_alarm
    alarm_variance = np.zeros(()) if errors is None else errors.variances[1]
    weight_S, alarm_S = counts.weight_S, alarm[..., None]
    fired = (weight_S * counts.fired_S).sum(-1)
    whole = (weight_S * counts.sampled_S).sum(-1)
    hits = (weight_S * counts.fired_said_S).sum(-1) - alarm * fired
    total = (weight_S * counts.said_S).sum(-1) - alarm * whole
    spread = _spread_of_sums(counts, alarm_S)
    square = total**2 - Z2 * (spread.total + whole**2 * alarm_variance)
    linear = -2 * (hits * total - Z2 * (spread.both + whole * fired * alarm_variance))
    constant = hits**2 - Z2 * (spread.hits + fired**2 * alarm_variance)
    low, high = _roots(square, linear, constant)
    can_tell = (square > 0) & (total > 0)
    return Estimates(
        value=np.where(can_tell, np.clip(_divided(hits, total), 0, 1), np.nan),
        low=np.where(can_tell, low, 0.0),
        high=np.where(can_tell, high, 1.0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """Variances of the two sums of a recall, and their covariance."""

    hits: Floats
    total: Floats
    both: Floats


def _spread_of_sums(counts: Counts, alarm_S: Floats) -> _Spread:
    other_S, other_said_S = counts.sampled_S - counts.fired_S, counts.said_S - counts.fired_said_S
    fired_fraction_S = _divided(counts.fired_S, counts.sampled_S, otherwise=0.0)
    hit_S = fired_fraction_S * (counts.fired_said_S + 0.5) / (counts.fired_S + 1)
    said_S = hit_S + (1 - fired_fraction_S) * (other_said_S + 0.5) / (other_S + 1)
    mean_hits_S, mean_total_S = hit_S - alarm_S * fired_fraction_S, said_S - alarm_S
    squares_hits_S = hit_S * (1 - alarm_S) ** 2 + (fired_fraction_S - hit_S) * alarm_S**2
    squares_total_S = said_S * (1 - alarm_S) ** 2 + (1 - said_S) * alarm_S**2
    factor_S = counts.variance_factor_S
    return _Spread(
        hits=(factor_S * (squares_hits_S - mean_hits_S**2)).sum(-1),
        total=(factor_S * (squares_total_S - mean_total_S**2)).sum(-1),
        both=(factor_S * (squares_hits_S - mean_hits_S * mean_total_S)).sum(-1),
    )


def _roots(square: Floats, linear: Floats, constant: Floats) -> tuple[Floats, Floats]:
    """Returns the roots of an upward parabola, in [0, 1]."""
    root = np.sqrt(np.maximum(linear**2 - 4 * square * constant, 0))
    twice = np.where(square > 0, 2 * square, 1.0)
    return np.clip((-linear - root) / twice, 0, 1), np.clip((-linear + root) / twice, 0, 1)


def _divided(numerator: Floats, denominator: Floats, *, otherwise: float = np.nan) -> Floats:
    """Returns the quotient, `otherwise` where the denominator is not above 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    found = np.full(numerator.shape, otherwise)
    np.divide(numerator, denominator, out=found, where=denominator > 0)
    return found


def counts_of(
    stratum_M: NDArray[np.int64], fired_RM: NDArray[np.bool_], said_M: Floats, population_S: Floats
) -> Counts:
    """Returns what was found in M sampled documents about R rules: arrays (R, S).

    Args:
        stratum_M: of each document.
        fired_RM: whether each rule took it.
        said_M: share of its reviewers who say that it is to be dropped.
        population_S: documents of each stratum.
    """
    in_MS = (stratum_M[:, None] == np.arange(population_S.size)).astype(np.float64)
    fired = fired_RM.astype(np.float64)
    return Counts(
        population_S=population_S,
        sampled_S=in_MS.sum(0),
        fired_S=fired @ in_MS,
        fired_said_S=(fired * said_M) @ in_MS,
        said_S=said_M @ in_MS,
    )
