"""The law of input, by its definition: the extents of a file tile `[0, total)` without gap or overlap."""

from collections.abc import Iterable


def untiled(extents: Iterable[tuple[int, int]], total: int) -> list[str]:
    """Returns what is wrong with `(offset, length)` extents as a tiling of `[0, total)`; empty if nothing.

    Extents of length 0 report on a place in the file; they must lie in `[0, total]` and take no part in the tiling.
    """
    wrong = []
    position = 0
    for offset, length in sorted(extents):
        if length < 0 or not 0 <= offset <= offset + length <= total:
            wrong.append(f"[{offset}, {offset + length}) is not in [0, {total})")
        elif length and offset != position:
            wrong.append(f"{'gap' if offset > position else 'overlap'} at {min(offset, position)}")
        position = max(position, offset + length)
    if position != total:
        wrong.append(f"covered up to {position} of {total}")
    return wrong
