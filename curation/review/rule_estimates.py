"""How often a rule is right, from random documents that people judged: precision and recall with 95% intervals.

Each stratum (kept documents; those dropped by each rule) is a simple random sample, so a document stands for N/n of its
stratum (Horvitz and Thompson 1952). How many documents of a stratum a rule took is known, so the judged ones that it
took stand for those, and the others for the others (post-stratification: Holt and Smith 1979). Reviewers' errors are
taken out as Rogan and Gladen 1978 (Am J Epidemiol 107:71) do for a test's: what people say is a mix of what they
rightly and wrongly drop. Intervals put Wilson's of each part together by how far each of their ends is from its
middle (Zou and Donner 2008, doi 10.1002/sim.3095): no part is sure because all agree, and ends are as skew as they are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.intervals import Z, wilson
from curation.review.reviewer_errors import ErrorRates

Floats = NDArray[np.float64]
ZERO, ONE = np.zeros(()), np.ones(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was found in samples of S strata; arrays (..., S) that broadcast, the leading axes being experiments.

    A document "fired" where the rule took it; "said" counts those of which people say that they are to be dropped (a
    document that several people answered counts by the share of them who say so). `taken_S` is how many documents of
    each stratum the rule took, None where only the sample tells.
    """

    population_S: Floats
    sampled_S: Floats
    fired_S: Floats
    fired_said_S: Floats
    said_S: Floats
    taken_S: Floats | None = None


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
    taken, trust = _taken(counts), _Trust.of(errors)
    size = taken.size_C.sum(-1)
    said = _divided(taken.said, size)
    below, above = (_divided(square, size**2) for square in taken.squared_ends(trust))
    unknown = _of_unknown_sizes(counts, taken, said, size)
    found = _corrected(said, below + unknown, above + unknown, trust)
    known = (taken.judged_C > 0).any(-1)
    value, low, high = (np.where(known, item, np.nan) for item in (found.value, found.low, found.high))
    return Estimates(value=value, low=low, high=high)


def recall(counts: Counts, errors: ErrorRates | None = None) -> Estimates:
    """Returns the share of documents to be dropped that the rule takes; arguments as of `precision`.

    Of how many documents the rule took in each stratum the counts must tell.
    """
    assert counts.taken_S is not None, "a recall is over all documents"
    taken, trust = _taken(counts), _Trust.of(errors)
    left = _left(counts, taken)
    fired, whole = taken.size_C.sum(-1), counts.population_S.sum(-1)
    hits, total = taken.said - trust.alarm * fired, taken.said + left.said - trust.alarm * whole
    (fewer, more), (fewer_left, more_left) = taken.squared_ends(trust), left.squared_ends(trust)
    alarm = np.maximum(trust.alarm_below, trust.alarm_above) ** 2
    low, _ = _roots(
        total**2 - fewer - more_left - whole**2 * alarm,
        -2 * (hits * total - fewer - whole * fired * alarm),
        hits**2 - fewer - fired**2 * alarm,
    )
    _, high = _roots(
        total**2 - more - fewer_left - whole**2 * alarm,
        -2 * (hits * total - more - whole * fired * alarm),
        hits**2 - more - fired**2 * alarm,
    )
    can_tell = total > 0
    return Estimates(
        value=np.where(can_tell, np.clip(_divided(hits, total), 0, 1), np.nan),
        low=np.where(can_tell, low, 0.0),
        high=np.where(can_tell, high, 1.0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trust:
    """Probabilities of a false alarm and of a detection, and how far their bounds are below and above."""

    alarm: Floats
    alarm_below: Floats
    alarm_above: Floats
    detection: Floats
    detection_below: Floats
    detection_above: Floats

    @classmethod
    def of(cls, errors: ErrorRates | None) -> "_Trust":
        if errors is None:
            return cls(
                alarm=ZERO,
                alarm_below=ZERO,
                alarm_above=ZERO,
                detection=ONE,
                detection_below=ZERO,
                detection_above=ZERO,
            )
        (alarm_low, alarm_high), (low, high) = errors.false_alarm_bounds, errors.detection_bounds
        return cls(
            alarm=errors.false_alarm,
            alarm_below=errors.false_alarm - alarm_low,
            alarm_above=alarm_high - errors.false_alarm,
            detection=errors.detection,
            detection_below=errors.detection - low,
            detection_above=high - errors.detection,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """Documents of C strata that are alike to a rule: how many there are, were judged, and are said to be dropped."""

    size_C: Floats
    judged_C: Floats
    said_C: Floats

    @property
    def share_C(self) -> Floats:
        """Share said to be dropped; of a cell that nobody judged, that of the others."""
        share_C = _divided(self.said_C, self.judged_C, otherwise=0.0)
        seen_C = np.where(self.judged_C > 0, self.size_C, 0.0)
        mean = _divided((seen_C * share_C).sum(-1, keepdims=True), seen_C.sum(-1, keepdims=True), otherwise=0.5)
        return np.where(self.judged_C > 0, share_C, mean)

    @property
    def said(self) -> Floats:
        """Documents to be dropped, by what people say."""
        found: Floats = (self.size_C * self.share_C).sum(-1)
        return found

    def squared_ends(self, trust: _Trust) -> tuple[Floats, Floats]:
        """Returns the squares of how far the bounds of `said` are below and above it."""
        share_C = self.share_C
        low_C, high_C = wilson(share_C, self._trials(trust))
        below_C, above_C = self.size_C * (share_C - low_C), self.size_C * (high_C - share_C)
        return (below_C**2).sum(-1), (above_C**2).sum(-1)

    def _trials(self, trust: _Trust) -> Floats:
        """Returns how many documents of an endless cell would tell as much.

        That a good part of a cell was judged makes the truth about it surer, but not what erring reviewers say: of the
        variance p (1 - p) of an answer, (p - alarm) (detection - p) is that of the truth.
        """
        share_C = (self.said_C + 0.5) / (self.judged_C + 1)
        whole_C = share_C * (1 - share_C)
        of_truth_C = np.maximum((share_C - trust.alarm[..., None]) * (trust.detection[..., None] - share_C), 0)
        done_C = np.minimum(_divided(self.judged_C, self.size_C, otherwise=0.0), 1)
        return self.judged_C * _divided(whole_C, whole_C - done_C * of_truth_C, otherwise=1e12)


def _taken(counts: Counts) -> _Cells:
    fraction_S = _divided(counts.fired_S, counts.sampled_S, otherwise=0.0)
    taken_S = counts.population_S * fraction_S if counts.taken_S is None else counts.taken_S
    return _Cells(size_C=taken_S, judged_C=counts.fired_S, said_C=counts.fired_said_S)


def _left(counts: Counts, taken: _Cells) -> _Cells:
    return _Cells(
        size_C=counts.population_S - taken.size_C,
        judged_C=counts.sampled_S - counts.fired_S,
        said_C=counts.said_S - counts.fired_said_S,
    )


def _of_unknown_sizes(counts: Counts, taken: _Cells, mean: Floats, size: Floats) -> Floats:
    """Returns the squared error of a mean that comes from not knowing how many documents of each stratum it is over."""
    if counts.taken_S is not None:
        return ZERO
    fraction_S = _divided(counts.fired_S, counts.sampled_S, otherwise=0.0)
    spread_S = fraction_S * (1 - fraction_S) * (taken.share_C - np.nan_to_num(mean)[..., None]) ** 2
    left_S = np.maximum(counts.population_S - counts.sampled_S, 0)
    total = (counts.population_S * left_S * _divided(spread_S, counts.sampled_S, otherwise=0.0)).sum(-1)
    return Z * Z * _divided(total, size**2)


def _corrected(said: Floats, below: Floats, above: Floats, trust: _Trust) -> Estimates:
    """Returns the true share P from the share that people say, which is a + (d - a) P.

    The bounds are where what is said, less a (1 - P) and d P, is as far from 0 as its parts' ends together: roots of a
    quadratic in P. Of reviewers who may be no better than chance nothing is learnt.
    """
    gain = trust.detection - trust.alarm
    over = said - trust.alarm
    low, _ = _roots(*_quadratic(over, gain, below, (trust.alarm_above, trust.detection_above)))
    _, high = _roots(*_quadratic(over, gain, above, (trust.alarm_below, trust.detection_below)))
    value = np.where(gain > 0, np.clip(_divided(over, gain), 0, 1), np.nan)
    return Estimates(value=value, low=np.where(gain > 0, low, 0.0), high=np.where(gain > 0, high, 1.0))


def _quadratic(over: Floats, gain: Floats, ends: Floats, rates: tuple[Floats, Floats]) -> tuple[Floats, Floats, Floats]:
    alarm, detection = (rate**2 for rate in rates)
    return gain**2 - alarm - detection, -2 * (over * gain - alarm), over**2 - ends - alarm


def _roots(square: Floats, linear: Floats, constant: Floats) -> tuple[Floats, Floats]:
    """Returns the roots of an upward parabola, in [0, 1]; (0, 1) where it is not upward: nothing is refused."""
    root = np.sqrt(np.maximum(linear**2 - 4 * square * constant, 0))
    is_upward = square > 0
    twice = np.where(is_upward, 2 * square, 1.0)
    low, high = np.clip((-linear - root) / twice, 0, 1), np.clip((-linear + root) / twice, 0, 1)
    return np.where(is_upward, low, 0.0), np.where(is_upward, high, 1.0)


def _divided(numerator: Floats, denominator: Floats, *, otherwise: float = np.nan) -> Floats:
    """Returns the quotient, `otherwise` where the denominator is not above 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    found = np.full(numerator.shape, otherwise)
    np.divide(numerator, denominator, out=found, where=denominator > 0)
    return found


def counts_of(
    stratum_M: NDArray[np.int64],
    fired_RM: NDArray[np.bool_],
    said_M: Floats,
    population_S: Floats,
    taken_RS: Floats | None = None,
) -> Counts:
    """Returns what was found in M sampled documents about R rules: arrays (R, S).

    Args:
        stratum_M: of each document.
        fired_RM: whether each rule took it.
        said_M: share of its reviewers who say that it is to be dropped.
        population_S: documents of each stratum.
        taken_RS: of these, those that each rule took; None: not known.
    """
    in_MS = (stratum_M[:, None] == np.arange(population_S.size)).astype(np.float64)
    fired = fired_RM.astype(np.float64)
    return Counts(
        population_S=population_S,
        sampled_S=in_MS.sum(0),
        fired_S=fired @ in_MS,
        fired_said_S=(fired * said_M) @ in_MS,
        said_S=said_M @ in_MS,
        taken_S=taken_RS,
    )
