"""What deduplication finds of near-copies of known similarity, beside what theory says: the chart of canaries.

Theory is the chance that two documents of similarity s share one of b bands of r rows, 1 - (1 - s^r)^b (Leskovec,
Rajaraman, Ullman, Mining of Massive Datasets, section 3.4.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.report.histogram import HEIGHT, WIDTH, Mark
from pipelines.report.shares import Share
from pipelines.rundir import Run
from pipelines.spec import NearSpec

LEAST, MOST = 0.45, 1.0
"""Similarities at the left and right edge."""

CURVE_STEPS = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The canaries of one level; positions in units of the drawing."""

    similarity: float  # mean of the exact ones
    expected: float  # mean chance
    candidates: Share  # compared with the document they copy
    cut: int  # share a band with it, but the cap on comparisons parts them
    links: Share

    @property
    def x(self) -> float:
        """Where its similarity is."""
        return x_of(self.similarity)

    @property
    def y(self) -> float:
        """Where its recall is."""
        return y_of(self.candidates.value)

    @property
    def whisker(self) -> tuple[float, float]:
        """Top and bottom of its interval."""
        low, high = self.candidates.interval
        return y_of(high), y_of(low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """The chart, and what is said beside it."""

    levels: tuple[Level, ...]
    curve: str  # points of a polyline
    threshold: Mark
    ticks: tuple[Mark, ...]
    found: Share  # links among canaries at or above the threshold
    false: Share  # links among canaries below it
    unverified: Share  # candidates among canaries below it: what would be linked without verification


def recall_of(run: Run, near: NearSpec | None) -> Recall | None:
    """Returns the chart of a run's canaries; None where it has none."""
    if near is None or not near.canaries:
        return None
    canaries = run.dataset("canaries").to_table()
    if not canaries.num_rows:
        return None
    is_alike = pc.greater_equal(canaries["jaccard"], near.min_jaccard)
    alike, unlike = canaries.filter(is_alike), canaries.filter(pc.invert(is_alike))
    levels = sorted(set(canaries["level"].to_pylist()))
    return Recall(
        levels=tuple(_level(canaries.filter(pc.equal(canaries["level"], level)), near) for level in levels),
        curve=" ".join(f"{x_of(s):.1f},{y_of(chance(s, near)):.1f}" for s in _steps()),
        threshold=Mark(x=x_of(near.min_jaccard), text=f"{near.min_jaccard:g}"),
        ticks=tuple(Mark(x=x_of(s), text=f"{s:g}") for s in (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)),
        found=_share(alike, "is_linked"),
        false=_share(unlike, "is_linked"),
        unverified=_share(unlike, "is_candidate"),
    )


def chance(similarity: float, near: NearSpec) -> float:
    """Returns the chance that two documents of this similarity share a band."""
    return float(1 - (1 - similarity**near.signing.rows) ** near.signing.bands)


def x_of(similarity: float) -> float:
    """Returns where a similarity is, clamped to the drawing."""
    return round(min(max((similarity - LEAST) / (MOST - LEAST), 0.0), 1.0) * WIDTH, 2)


def y_of(share: float) -> float:
    """Returns where a share is: 1 on top."""
    return round((1 - share) * HEIGHT, 2)


def _steps() -> Sequence[float]:
    return [LEAST + (MOST - LEAST) * step / CURVE_STEPS for step in range(CURVE_STEPS + 1)]


def _level(canaries: pa.Table, near: NearSpec) -> Level:
    similarities = canaries["jaccard"].to_pylist()
    candidates = _share(canaries, "is_candidate")
    return Level(
        similarity=math.fsum(similarities) / len(similarities),
        expected=math.fsum(chance(value, near) for value in similarities) / len(similarities),
        candidates=candidates,
        cut=_share(canaries, "shares_band").count - candidates.count,
        links=_share(canaries, "is_linked"),
    )


def _share(canaries: pa.Table, column: str) -> Share:
    return Share(count=pc.sum(canaries[column]).as_py() or 0, of=canaries.num_rows)
