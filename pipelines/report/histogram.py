"""Histograms of signals: fixed bin edges, counted by DuckDB, drawn as inline SVG.

Shares in [0, 1] get linear bins; counts and lengths, which spread over many powers of ten, get logarithmic ones. Zero
has a bin of its own, because most repetition signals are zero for most documents. Heights are on a square-root scale:
on a linear one, the few documents near a threshold, which are what a reader looks for, could not be seen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from pipelines.rundir import Run

WIDTH, HEIGHT = 320.0, 92.0
LINEAR_BINS = 40
MOST_LOG_BINS = 48
ZERO_WIDTH, ZERO_GAP = 7.0, 4.0
MOST_SIGNALS = 60
MOST_LINES = 6
LABEL_WIDTH = 7.0
TICK_ROOM = 60.0
LABEL_ROWS = (-3.0, -14.0)
MOST_LINEAR_SPAN = 40.0
"""A signal whose largest value is above this is drawn on a logarithmic axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A bound of a rule on a signal."""

    rule: str
    value: float
    is_min: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bin, in units of the drawing; `kept_height` is in front of `height`."""

    x: float
    width: float
    height: float
    kept_height: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A threshold line or an axis label."""

    x: float
    text: str
    anchor: str = "middle"
    y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A histogram that is ready to be drawn."""

    signal: str
    num_known: int
    num_null: int
    bars: tuple[Bar, ...]
    lines: tuple[Mark, ...]
    ticks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """Maps values to the drawing; `edges` are upper bounds of bins (inclusive), the first one is 0 or the minimum."""

    edges: tuple[float, ...]
    is_log: bool = False
    is_whole: bool = False  # one bin per whole number, from half a number below it to half a number above

    def x_of(self, value: float) -> float:
        """Returns where a value is, clamped to the drawing."""
        low, high = self.edges[0], self.edges[-1]
        if self.is_log:
            if value <= 0:
                return ZERO_WIDTH / 2
            start = math.log10(self.edges[1]) - self._step
            share = (math.log10(value) - start) / (math.log10(high) - start)
        else:
            share = (value - low) / (high - low)
        left = ZERO_WIDTH + ZERO_GAP
        return round(left + min(max(share, 0.0), 1.0) * (WIDTH - left), 2)

    @property
    def _step(self) -> float:
        return math.log10(self.edges[2] / self.edges[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is known of a signal before it is binned."""

    known: int
    null: int
    low: float
    high: float
    least_positive: float | None


def plots(run: Run, connection: duckdb.DuckDBPyConnection, thresholds: Mapping[str, Sequence[Threshold]]) -> list[Plot]:
    """Returns a plot per numeric signal that has values: those that rules judge first, then in column order."""
    names = [
        field.name.removeprefix("signal.")
        for field in run.measured.schema
        if field.name.startswith("signal.") and str(field.type) == "double"
    ]
    names = sorted(names, key=lambda name: name not in thresholds)[:MOST_SIGNALS]
    ranges = _ranges(connection, names)
    axes = {name: axis_of(name, found, thresholds.get(name, ())) for name, found in ranges.items() if found.known}
    read, kept = (_counts(connection, table, axes) for table in ("measured", "documents"))
    return [
        _plot(name, axis, ranges[name], (read[name], kept[name]), thresholds.get(name, ()))
        for name, axis in axes.items()
    ]


def _ranges(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> dict[str, Range]:
    if not names:
        return {}
    columns = [
        f"count({name}), count(*) - count({name}), min({name}), max({name}), min({name}) FILTER ({name} > 0)"
        for name in map(_quoted, names)
    ]
    row = connection.execute(f"SELECT {', '.join(columns)} FROM measured").fetchone()  # noqa: S608 - quoted columns
    assert row is not None, "an aggregate without GROUP BY has one row"
    width = len(Range.__dataclass_fields__)
    return {name: _range_of(*row[index * width : (index + 1) * width]) for index, name in enumerate(names)}


def _range_of(known: int, null: int, low: float, high: float, least_positive: float | None) -> Range:
    return Range(known=known, null=null, low=low, high=high, least_positive=least_positive)


def _quoted(signal: str) -> str:
    return '"signal.' + signal.replace('"', '""') + '"'


def axis_of(name: str, found: Range, thresholds: Sequence[Threshold]) -> Axis:
    """Returns bins for a signal: linear on [0, 1] or a small range, else logarithmic with a bin for zero.

    Counts (`num_`) of a small range get one bin per number.
    """
    bounds = [item.value for item in thresholds]
    low, high = min(found.low, *bounds, 0.0), max([found.high, *(item for item in bounds if item <= found.high * 4)])
    if low >= 0 and high > MOST_LINEAR_SPAN and found.least_positive is not None:
        return _log_axis(min([found.least_positive, *(item for item in bounds if item > 0)]), high)
    high = max(high, 1.0) if low >= 0 and high <= 1 else high
    span = (high - low) or 1.0
    if name.startswith("num_") and low >= 0:
        return Axis(edges=(0.0, *(value + 0.5 for value in range(1, math.ceil(max(high, 1.0)) + 1))), is_whole=True)
    return Axis(edges=tuple(low + span * index / LINEAR_BINS for index in range(LINEAR_BINS + 1)))


def _log_axis(least: float, high: float) -> Axis:
    first = math.floor(math.log10(max(least, 1e-3)))
    last = max(math.ceil(math.log10(high)), first + 1)
    per_decade = max(3, min(12, MOST_LOG_BINS // (last - first)))
    steps = range(1, (last - first) * per_decade + 1)
    return Axis(edges=(0.0, *(10.0 ** (first + step / per_decade) for step in steps)), is_log=True)


def _counts(connection: duckdb.DuckDBPyConnection, table: str, axes: Mapping[str, Axis]) -> dict[str, tuple[int, ...]]:
    """Returns documents per bin of each signal; values above the last edge are in the last bin."""
    if not axes:
        return {}
    columns = ", ".join(f"histogram({_quoted(name)}, ${index})" for index, name in enumerate(axes, start=1))
    query = f"SELECT {columns} FROM {table}"  # noqa: S608 - quoted columns
    row = connection.execute(query, [list(axis.edges) for axis in axes.values()]).fetchone()
    assert row is not None, "an aggregate without GROUP BY has one row"
    return {name: _binned(found or {}, axis.edges) for (name, axis), found in zip(axes.items(), row, strict=True)}


def _binned(found: Mapping[float, int], edges: Sequence[float]) -> tuple[int, ...]:
    above = sum(count for edge, count in found.items() if edge > edges[-1])
    counts = [int(found.get(edge, 0)) for edge in edges]
    return (*counts[:-1], counts[-1] + above)


def _plot(
    signal: str,
    axis: Axis,
    found: Range,
    counts: tuple[Sequence[int], Sequence[int]],
    thresholds: Sequence[Threshold],
) -> Plot:
    read, kept = counts
    tallest = math.sqrt(max(*read, 1))
    rights = [ZERO_WIDTH, *(axis.x_of(edge) for edge in axis.edges[1:])]
    lefts = [0.0, ZERO_WIDTH + ZERO_GAP, *rights[1:-1]]
    bars = tuple(
        Bar(
            x=left,
            width=round(max(right - left - 0.8, 0.8), 2),
            height=_height(num_read, tallest),
            kept_height=_height(num_kept, tallest),
            title=f"{_range(axis, index)}: {num_read:,} documents, {num_kept:,} kept",
        )
        for index, (left, right, num_read, num_kept) in enumerate(zip(lefts, rights, read, kept, strict=True))
        if num_read
    )
    return Plot(
        signal=signal,
        num_known=found.known,
        num_null=found.null,
        bars=bars,
        lines=_lines(axis, sorted({item.value for item in thresholds})),
        ticks=_ticks(axis),
    )


def _lines(axis: Axis, values: Sequence[float]) -> tuple[Mark, ...]:
    """Returns threshold lines; a label that would touch the one before it stands a row higher."""
    lines: list[Mark] = []
    for value in [value for value in values if value <= axis.edges[-1]][:MOST_LINES]:
        mark = Mark(x=axis.x_of(value), text=short(value))
        touches = bool(lines) and mark.x - lines[-1].x < LABEL_WIDTH * (len(mark.text) + len(lines[-1].text)) / 2
        lines.append(replace(mark, y=LABEL_ROWS[1] if touches and lines[-1].y == LABEL_ROWS[0] else LABEL_ROWS[0]))
    return tuple(lines)


def _height(count: int, tallest: float) -> float:
    return round(max(math.sqrt(count) / tallest * HEIGHT, 1.0), 2) if count else 0.0


def _range(axis: Axis, index: int) -> str:
    if index == 0:
        return short(axis.edges[0]) if axis.edges[0] == 0 else f"up to {short(axis.edges[0])}"
    if axis.is_whole:
        return short(axis.edges[index] - 0.5)
    return f"above {short(axis.edges[index - 1])}, up to {short(axis.edges[index])}"


def _ticks(axis: Axis) -> tuple[Mark, ...]:
    low, high = axis.edges[0], axis.edges[-1]
    middle = math.sqrt(axis.edges[1] * high) if axis.is_log else (low + high) / 2
    if axis.is_log:
        middle = 10.0 ** round(math.log10(middle))
    if axis.is_whole:
        middle, high = float(math.floor(middle)), high - 0.5
    ends = (Mark(x=0.0, text=short(low), anchor="start"), Mark(x=WIDTH, text=short(high), anchor="end"))
    between = Mark(x=axis.x_of(middle), text=short(middle))
    return (ends[0], between, ends[1]) if TICK_ROOM < between.x < WIDTH - TICK_ROOM else ends


def short(value: float) -> str:
    """Returns a number of at most about six characters: 1,200, 35k, 1.2M, 0.125."""
    if abs(value) >= 1e13:  # noqa: PLR2004 - shorter as a power of ten
        return f"{value:.0e}"
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scale = limit if suffix != "k" else 1e3
            return f"{value / scale:.3g}{suffix}"
    if value and abs(value) < 1e-4:  # noqa: PLR2004 - shorter as a power of ten
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
