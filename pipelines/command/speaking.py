"""What the command says: data on stdout, talk on stderr, and nothing from data without `visible`."""

import json
from collections.abc import Sequence

import click

from curation.text.safe import visible

NUMERIC = frozenset("0123456789,.%+-")


def say(text: str) -> None:
    """Writes talk to stderr, made safe for a terminal."""
    click.echo(visible(text, keep_newlines=True), err=True)


def show(text: str) -> None:
    """Writes data to stdout, made safe for a terminal."""
    click.echo(visible(text, keep_newlines=True))


def show_json(value: object) -> None:
    """Writes one JSON value to stdout; all but ASCII is escaped, so no control or bidi character can pass."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=True, default=_plain))


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Returns rows (each of as many cells) as columns two spaces apart.

    A column whose cells below the first are all numbers is aligned right.
    """
    columns = [_aligned(column) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(row).rstrip() for row in zip(*columns, strict=True))


def _aligned(cells: tuple[str, ...]) -> list[str]:
    width = max(map(len, cells))
    is_numeric = all(cell and NUMERIC.issuperset(cell) for cell in cells[1:])
    return [cell.rjust(width) if is_numeric else cell.ljust(width) for cell in cells]
