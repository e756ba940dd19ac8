"""Work units: what one worker reads at a time. They follow from input sizes and the spec, never from workers.

A large uncompressed file of lines is cut by byte range (a line belongs to the range it starts in), a large Parquet
file between row groups; small files are grouped, compressed ones and WARC files are read whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.inputs.files import InputFile
from pipelines.inputs.parquet import row_group_starts
from pipelines.spec import InputSpec, Limits

__all__ = ["InputFile", "Piece", "WorkUnit", "plan_units"]

PACKED_WEIGHT = 4
"""A compressed byte counts as this many: text packs 3 to 5 times."""
MIN_FILE_WEIGHT = 1 << 14
"""Opening a file costs as much as reading this many bytes, roughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Part of a file: `[start, end)` in bytes (Parquet: rows); `end` None is the file's end, whatever it is."""

    file: InputFile
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkUnit:
    """Pieces that one worker reads in order; `limit` keeps only the first records of the unit (a sample)."""

    index: int
    source: str
    pieces: tuple[Piece, ...]
    limit: int | None = None


def plan_units(
    files: Sequence[InputFile], limits: Limits, *, source: str, given: InputSpec, first_index: int = 0
) -> list[WorkUnit]:
    """Returns the work units of one input, in file order; together they cover every byte of every file once.

    Args:
        files: looked at by `inspect_file`.
        limits: `unit_bytes` is the aim for a unit's size.
        source: the input's name.
        given: the input.
        first_index: index of the first unit; the others count on.
    """
    units: list[tuple[Piece, ...]] = []
    group: list[Piece] = []
    weight = 0
    for file in files:
        pieces = _pieces(file, limits, given)
        own = _weight(file)
        if group and (len(pieces) > 1 or weight + own > limits.unit_bytes):
            units.append(tuple(group))
            group, weight = [], 0
        if len(pieces) > 1:
            units.extend((piece,) for piece in pieces)
            continue
        group.extend(pieces)
        weight += own
    if group:
        units.append(tuple(group))
    return [WorkUnit(index=first_index + index, source=source, pieces=pieces) for index, pieces in enumerate(units)]


def _weight(file: InputFile) -> int:
    return max(MIN_FILE_WEIGHT, file.bytes * (1 if file.compression == "none" else PACKED_WEIGHT))


def _pieces(file: InputFile, limits: Limits, given: InputSpec) -> list[Piece]:
    if file.problem is not None or file.bytes <= limits.unit_bytes:
        return [Piece(file=file)]
    if file.format == "parquet":
        return _cut(file, row_group_starts(file, aim_bytes=limits.unit_bytes, limits=limits))
    by_line = file.format == "jsonl" or (file.format == "text" and given.document == "line")
    if by_line and file.compression == "none":
        num_pieces = -(-file.bytes // limits.unit_bytes)
        return _cut(file, [file.bytes * index // num_pieces for index in range(num_pieces)])
    return [Piece(file=file)]


def _cut(file: InputFile, starts: Sequence[int]) -> list[Piece]:
    """Returns pieces that start at `starts`; the last one reaches to the file's end."""
    ends = [*starts[1:], None]
    return [Piece(file=file, start=start, end=end) for start, end in zip(starts, ends, strict=True)]
