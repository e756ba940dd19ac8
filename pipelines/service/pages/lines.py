"""What charts draw, as the columns and rows of the tables that stand beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.service import answers

MAX_STAGES = 12
MILLISECONDS = 1000
PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A table to draw: the first column is x, every other one a line; null: the line has no point there."""

    columns: tuple[str, ...]
    rows: tuple[tuple[float | None, ...], ...]


def of_losses(points: Sequence[answers.Point]) -> Lines:
    """Returns the loss of a training by step: of the step itself, then by stage in the order in which they come."""
    stages = tuple(dict.fromkeys(name for point in points for name in point.losses))[:MAX_STAGES]
    rows = tuple((point.step, point.loss, *(point.losses.get(name) for name in stages)) for point in points)
    return Lines(columns=("Step", "Loss", *stages), rows=rows)


def of_progress(progress: answers.Progress) -> Lines:
    """Returns how far each stage of a job was, in percent, by the seconds since the first one began."""
    named = [(stage.stage, stage.total, stage.points) for stage in progress.ended]
    if progress.stage is not None:
        named.append((progress.stage, progress.total, progress.points))
    known = [(name, total, points) for name, total, points in named if total and points][:MAX_STAGES]
    start = min((points[0][0] for _, _, points in known), default=0)
    rows: list[tuple[float, tuple[float | None, ...]]] = []
    for place, (_, total, points) in enumerate(known):
        for time_ms, done in points:
            share = round(PERCENT * min(done / total, 1), 1)
            cells = tuple(share if column == place else None for column in range(len(known)))
            rows.append((round((time_ms - start) / MILLISECONDS, 1), cells))
    rows.sort(key=lambda row: row[0])
    return Lines(
        columns=("Seconds", *(name for name, _, _ in known)), rows=tuple((time, *cells) for time, cells in rows)
    )
