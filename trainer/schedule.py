"""Learning rates as a pure function of the step, so that a resumed run needs no scheduler state.

`wsd`: warm up, stay, decay linearly in the last part (MiniCPM, arXiv 2404.06395, section 4: about 10% of the steps are
enough). `moderate`: a cosine from the peak to a rate that is still of use (Luo et al., arXiv 2511.18903: where the best
data come last, a decay to near zero wastes them; decay moderately and average the last checkpoints).
"""

import math
from dataclasses import dataclass

KINDS = frozenset({"wsd", "moderate"})
NEAR_ZERO = 0.1
"""A last rate below this share of the peak counts as a decay to zero (this project's choice)."""
BEST_LAST = frozenset({"anneal", "quality"})
"""Stages whose best documents come at the end, as `curation.curriculum.order` names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How the learning rate goes; steps count from 0.

    `final_fraction` of the peak is reached after the last step: None is 0 for `wsd` and 0.3 for `moderate` (this
    project's choice).

    Raises:
        ValueError: no such kind, or shares that cannot be.
    """

    peak: float
    total_steps: int
    kind: str = "wsd"
    warmup_steps: int = 0
    decay_fraction: float = 0.1
    final_fraction: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"schedule: expected {' or '.join(sorted(KINDS))}, found {self.kind!r}")
        if not 0 <= self.last_fraction <= 1 or not 0 < self.decay_fraction <= 1 or self.total_steps < 1:
            raise ValueError(
                "schedule: expected shares from 0 to 1 and at least one step, found "
                f"{self.last_fraction}, {self.decay_fraction} and {self.total_steps}"
            )

    @property
    def last_fraction(self) -> float:
        """The share of the peak at the end."""
        if self.final_fraction is not None:
            return self.final_fraction
        return 0.3 if self.kind == "moderate" else 0.0

    def rate(self, step: int) -> float:
        """Returns the learning rate of `step`, before a stage's factor."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        if self.kind == "moderate":
            done = (step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1)
            share = (1 + math.cos(math.pi * min(done, 1))) / 2
        else:
            decay_steps = max(round(self.total_steps * self.decay_fraction), 1)
            share = min((self.total_steps - step) / decay_steps, 1)
        return self.peak * (self.last_fraction + (1 - self.last_fraction) * max(share, 0))


def advice(schedule: Schedule, *, last_stage: str, average_last: int) -> str | None:
    """Returns a warning where a rate near zero would meet the best data, or checkpoints to average; else None."""
    if schedule.last_fraction >= NEAR_ZERO:
        return None
    ends = f"the learning rate ends at {schedule.last_fraction:g} of its peak"
    if last_stage in BEST_LAST:
        averaging = "" if average_last > 1 else " --average-last 4"
        return (
            f"the last stage, {last_stage!r}, holds the best documents, and {ends}, so they change little "
            f"(arXiv 2511.18903). Try --schedule moderate{averaging}"
        )
    if average_last > 1:
        return (
            f"the last {average_last} checkpoints are averaged, and {ends}, so they hardly differ: averaging takes the "
            "place of a decay (arXiv 2511.18903). Try --schedule moderate"
        )
    return None
