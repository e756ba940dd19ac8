r"""Lines of a byte stream in blocks, without a Python step per byte; a giant line is streamed past.

Lines end with `\n`. A byte range owns the lines that *start* in it, so ranges that tile a file tile its lines.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

_SEEK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    r"""Consecutive lines without their `\n`; the first starts at `offset`; each but a cut last one had a `\n`."""

    offset: int
    lines: list[bytes]
    last_is_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Oversized:
    r"""A line above the limit: its extent, `\n` included."""

    offset: int
    length: int


def first_line_start(raw: BinaryIO, start: int) -> int:
    """Returns where the first line that starts at or after `start` does (the size, if none); moves `raw` there."""
    if start == 0:
        return raw.seek(0)
    position = raw.seek(start - 1)
    while data := raw.read(_SEEK_BYTES):
        found = data.find(b"\n")
        if found >= 0:
            return raw.seek(position + found + 1)
        position += len(data)
    return raw.seek(0, os.SEEK_END)


def read_lines(
    pieces: Iterable[bytes], *, offset: int, stop: int | None, max_bytes: int
) -> Iterator[Lines | Oversized]:
    r"""Yields the lines that start in `[offset, stop)`, in order, without gaps.

    Args:
        pieces: the stream from `offset` on, which starts a line.
        offset: position of the first piece.
        stop: position that a line must start before; None: the end.
        max_bytes: length (without `\n`) above which a line is streamed past, not held.
    """
    tail = bytearray()  # the unfinished line; dropped once it is too long, then only `tail_bytes` counts
    tail_bytes = 0
    for piece in pieces:
        if stop is not None and offset >= stop:
            return
        cut = piece.rfind(b"\n")
        if cut < 0:
            tail_bytes += len(piece)
            if tail_bytes <= max_bytes:
                tail += piece
            else:
                tail.clear()
            continue
        first = piece.find(b"\n")
        if tail_bytes + first > max_bytes:
            yield Oversized(offset=offset, length=tail_bytes + first + 1)
            offset += tail_bytes + first + 1
            body = piece[first + 1 : cut] if cut > first else None
        else:
            body = bytes(tail) + piece[:cut] if tail else piece[:cut]
        if body is not None:
            yield from _block(body.split(b"\n"), offset, stop, max_bytes)
            offset += len(body) + 1
        tail = bytearray(piece[cut + 1 :])
        tail_bytes = len(piece) - cut - 1
    if tail_bytes and (stop is None or offset < stop):
        if tail_bytes > max_bytes:
            yield Oversized(offset=offset, length=tail_bytes)
        else:
            yield Lines(offset=offset, lines=[bytes(tail)], last_is_cut=True)


def _block(lines: list[bytes], offset: int, stop: int | None, max_bytes: int) -> Iterator[Lines | Oversized]:
    """Yields whole lines, those that start at or after `stop` left out and those above `max_bytes` apart."""
    end = offset + sum(map(len, lines)) + len(lines)
    if (stop is None or end - len(lines[-1]) - 1 < stop) and max(map(len, lines)) <= max_bytes:
        yield Lines(offset=offset, lines=lines)
        return
    first, position = 0, offset
    for index, line in enumerate(lines):
        if stop is not None and position >= stop:
            lines = lines[:index]
            break
        position += len(line) + 1
        if len(line) > max_bytes:
            if index > first:
                yield Lines(offset=offset, lines=lines[first:index])
            yield Oversized(offset=position - len(line) - 1, length=len(line) + 1)
            first, offset = index + 1, position
    if len(lines) > first:
        yield Lines(offset=offset, lines=lines[first:])
