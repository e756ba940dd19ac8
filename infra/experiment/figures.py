"""Three pictures of a result as SVG: intervals, learning curves, recall. No script, and white behind them."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

INK, FAINT, GOOD, OTHER = "#1b1b18", "#d8d8d0", "#1c6b8a", "#b4552d"
COLOURS = ("#777777", "#1c6b8a", "#b4552d", "#3f8f4f", "#8a5fb0", "#c29a1b")
WIDTH, LEFT, RIGHT, LINE = 760, 280, 40, 26
SIZE = 13


class Row(NamedTuple):
    """A line of a picture: what it is about, and up to three numbers."""

    label: str
    values: tuple[float, ...]
    colour: str = GOOD


def intervals(rows: Sequence[Row], title: str) -> str:
    """Returns means as dots with their intervals as lines; `values` are mean, low, high."""
    low, high = min(0.0, *(row.values[1] for row in rows)), max(0.0, *(row.values[2] for row in rows))
    margin = 0.05 * (high - low) or 1.0
    at = _scale(low - margin, high + margin)
    parts = [_line(at(0), 40, at(0), 40 + LINE * len(rows), INK, dashed=True)]
    for number, row in enumerate(rows):
        y = 53 + LINE * number
        mean, first, last = (at(value) for value in row.values)
        parts += [_text(LEFT - 12, y + 4, row.label, "end"), _line(first, y, last, y, row.colour, width=3)]
        parts.append(f'<circle cx="{mean:.1f}" cy="{y}" r="5" fill="{row.colour}"/>')
    bottom = 40 + LINE * len(rows)
    return _svg(title, bottom + 40, [*parts, *_axis(at, low, high, bottom)])


def bars(rows: Sequence[Row], title: str, names: tuple[str, str]) -> str:
    """Returns two bars a line, of shares from 0 to 1."""
    at = _scale(0.0, 1.0)
    parts = []
    for number, row in enumerate(rows):
        y = 62 + (LINE + 4) * number
        parts.append(_text(LEFT - 12, y + 12, row.label, "end"))
        for place, (value, colour) in enumerate(zip(row.values, (GOOD, OTHER), strict=True)):
            parts.append(_box(LEFT, y + 11 * place, at(value) - LEFT, 9, colour))
    bottom = 58 + (LINE + 4) * len(rows)
    return _svg(title, bottom + 40, [*_legend(names, (GOOD, OTHER)), *parts, *_axis(at, 0.0, 1.0, bottom)])


def curves(lines: Sequence[tuple[str, Sequence[float], Sequence[float]]], title: str) -> str:
    """Returns a line per arm: name, training tokens, bits per byte."""
    xs = [x for _, tokens, _ in lines for x in tokens]
    ys = [y for _, _, values in lines for y in values]
    at = _scale(min(xs), max(xs))
    height, top = 320, 70
    span = max(ys) - min(ys) or 1.0

    def down(value: float) -> float:
        return top + height * (max(ys) - value) / span

    parts = []
    for (_, tokens, values), colour in zip(lines, COLOURS, strict=False):
        points = " ".join(f"{at(x):.1f},{down(y):.1f}" for x, y in zip(tokens, values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        value = min(ys) + share * span
        parts.insert(0, _line(LEFT, down(value), WIDTH - RIGHT, down(value), FAINT))
        parts.append(_text(LEFT - 12, down(value) + 4, f"{value:.2f}", "end"))
    parts.append(_text(12, top + height / 2, "bits per byte, held out", "start"))
    ticks = [_text(at(x), top + height + 22, f"{x / 1000:.0f}k", "middle") for x in sorted(set(lines[0][1]))]
    names = [name for name, _, _ in lines]
    parts.append(_text(LEFT, top + height + 44, "training tokens", "start"))
    return _svg(title, top + height + 60, [*_legend(names, COLOURS), *parts, *ticks])


def _scale(low: float, high: float):  # type: ignore[no-untyped-def]
    return lambda value: LEFT + (value - low) / ((high - low) or 1.0) * (WIDTH - LEFT - RIGHT)


def _axis(at, low: float, high: float, y: float) -> list[str]:  # type: ignore[no-untyped-def]
    places = [low, 0.0, high] if low < 0 < high else [low, (low + high) / 2, high]
    shown = "+.3f" if low < 0 else ".2f"
    return [_text(at(place), y + 20, f"{place:{shown}}" if place else "0", "middle") for place in places]


def _legend(names: Sequence[str], colours: Sequence[str]) -> list[str]:
    parts, x = [], 12.0
    for name, colour in zip(names, colours, strict=False):
        parts += [_box(x, 38, 12, 12, colour), _text(x + 17, 48, name, "start")]
        x += 32 + 7.2 * len(name)
    return parts


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height}" fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: int = 1, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width}"{dash}/>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img"'
    style = f'font-family="system-ui,sans-serif" font-size="{SIZE}" fill="{INK}"'
    name = f'<title>{escape(title)}</title><text x="12" y="22" font-weight="bold">{escape(title)}</text>'
    return "\n".join([f"{head} {style}>", _box(0, 0, WIDTH, height, "#ffffff"), name, *parts, "</svg>"]) + "\n"
