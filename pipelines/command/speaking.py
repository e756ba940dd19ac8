"""What the command says: data on stdout, talk on stderr, and nothing from data without `visible`."""

import json

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


def table(rows: list[tuple[str, ...]]) -> str:
    """Returns rows (each of as many cells) as columns two spaces apart; numbers are aligned right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(_cell(cell, width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _cell(cell: str, width: int) -> str:
    return cell.rjust(width) if cell and NUMERIC.issuperset(cell) else cell.ljust(width)
