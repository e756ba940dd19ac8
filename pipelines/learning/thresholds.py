"""Other thresholds for the rules of a run, where people's answers show that they would be right more often."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.intervals import Measure
from curation.review.reviewer_errors import ErrorRates
from curation.review.rule_estimates import counts_of, precision
from curation.review.thresholds import best_threshold, change_in_all
from pipelines.judging import gate_of
from pipelines.learning.rules import measure_at
from pipelines.learning.sampled import NUM_FOLDS, Sample
from pipelines.rule_settings import changed_spec
from pipelines.spec import JobSpec

EXTREME = 1e300
FEWEST = 20
"""Judged documents whose fate a threshold decides, below which nothing is said about it."""

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One threshold of a spec."""

    gate: str
    rule: str
    signal: str
    key: str  # min | max
    value: float

    def setting(self, value: float) -> str:
        """Returns the setting that moves it, as `whatif --set` takes it."""
        return f"{self.gate}.{self.rule}.{self.key}={value!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A threshold, and the one proposed in its place.

    `change` is in right decisions over all documents, measured on documents that the choice was not made from.
    """

    rule: str
    key: str
    before: float
    after: float
    num_judged: int  # whose fate it alone decides
    change: Measure
    is_proposed: bool  # the whole interval of the change is above 0


def bounds_of(spec: JobSpec) -> Iterator[Bound]:
    """Yields every numeric bound of every rule that drops."""
    for name, given in spec.gates.items():
        for rule in gate_of(name, given).rules:
            for key in ("min", "max"):
                value = getattr(rule, key)
                if value is not None and rule.action == "drop":
                    yield Bound(gate=name, rule=rule.label, signal=rule.signal, key=key, value=float(value))


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The best place for a bound, by all judged documents, and by those outside each fold."""

    bound: Bound
    value_M: Floats
    movable_M: Mask  # fate hangs on this bound alone
    overall: float
    by_fold: tuple[float, ...]


def fit_thresholds(spec: JobSpec, sample: Sample) -> list[Fitted]:
    """Returns the best place of each bound about which enough is known."""
    found = []
    for bound in bounds_of(spec):
        value_M, movable_M = _movable(spec, bound, sample)
        if movable_M.sum() >= FEWEST:
            found.append(_fitted(bound, value_M, movable_M, sample))
    return found


def _movable(spec: JobSpec, bound: Bound, sample: Sample) -> tuple[Floats, Mask]:
    """Returns values and whether a document's fate hangs on this bound alone: it passes all else.

    A bound that nothing passes finds them: they have its entry and no other.
    """
    extreme = EXTREME if bound.key == "min" else -EXTREME
    settings = (bound.setting(extreme), f"{bound.gate}.{bound.rule}.review_within=0.0")
    entries = sample.verdicts(changed_spec(spec, settings))["entries"]
    only_M = np.asarray(pc.equal(pc.list_value_length(entries), 1).to_numpy(zero_copy_only=False), dtype=bool)
    value_M = np.full(only_M.size, np.nan)
    flat = entries.filter(pa.array(only_M)).flatten()
    is_ours = pc.and_(
        pc.equal(flat.field("rule"), f"{bound.gate}/{bound.rule}"), pc.equal(flat.field("threshold"), extreme)
    )
    values = pc.if_else(pc.fill_null(is_ours, False), flat.field("value"), None)
    value_M[only_M] = values.to_numpy(zero_copy_only=False).astype(np.float64)
    return value_M, ~np.isnan(value_M)


def _fitted(bound: Bound, value_M: Floats, movable_M: Mask, sample: Sample) -> Fitted:
    gain_M = sample.weight_M * (2 * sample.drop_M - 1)

    def best(chosen_M: Mask) -> float:
        return best_threshold(value_M[chosen_M], gain_M[chosen_M], is_min=bound.key == "min", current=bound.value)

    by_fold = tuple(best(movable_M & (sample.fold_M != fold)) for fold in range(NUM_FOLDS))
    return Fitted(bound=bound, value_M=value_M, movable_M=movable_M, overall=best(movable_M), by_fold=by_fold)


def threshold_of(fitted: Fitted, sample: Sample) -> Threshold:
    """Returns what a fitted bound is worth: each document is judged by a threshold that was chosen without it."""
    bound, chosen_M = fitted.bound, np.array(fitted.by_fold)[sample.fold_M]
    moved_M = _beyond(fitted.value_M, bound, chosen_M) - _beyond(fitted.value_M, bound, bound.value)
    change_M = np.where(fitted.movable_M, moved_M * (2 * sample.drop_M - 1), 0.0)
    change = change_in_all(change_M, sample.stratum_M, sample.population_S)
    return Threshold(
        rule=f"{bound.gate}/{bound.rule}",
        key=bound.key,
        before=bound.value,
        after=fitted.overall,
        num_judged=int(fitted.movable_M.sum()),
        change=change,
        is_proposed=fitted.overall != bound.value and change.low is not None and change.low > 0,
    )


def _beyond(value_M: Floats, bound: Bound, threshold: Floats | float) -> Floats:
    """Returns 1.0 where a value is dropped, else 0.0."""
    return (value_M < threshold if bound.key == "min" else value_M > threshold).astype(np.float64)


def kept_precision(
    before: JobSpec, by_fold: Sequence[JobSpec], sample: Sample, errors: ErrorRates | None
) -> tuple[Measure, Measure]:
    """Returns the share of kept documents that people would keep, by the gates of `before` and of the others.

    Args:
        before: the spec of the run.
        by_fold: a spec for each fold, made without its documents.
        sample: judged documents.
        errors: of reviewers.
    """
    kept_M = [_is_kept(sample, spec) for spec in (before, *by_fold)]
    after_M = np.choose(sample.fold_M, kept_M[1:]).astype(bool)
    counts = counts_of(sample.stratum_M, np.array([kept_M[0], after_M]), sample.said_M, sample.population_S)
    wrong = precision(counts, errors)
    return _complement(measure_at(wrong, 0)), _complement(measure_at(wrong, 1))


def _is_kept(sample: Sample, spec: JobSpec) -> Mask:
    states = sample.verdicts(spec)["state"]
    return np.asarray(pc.equal(states, "kept").to_numpy(zero_copy_only=False), dtype=bool)


def _complement(found: Measure) -> Measure:
    if found.low is None or found.high is None:
        return found
    return Measure(value=None if found.value is None else 1 - found.value, low=1 - found.high, high=1 - found.low)
