"""Single characters of UTF-8 inside kernels: what they are, and sets of them as tables.

A set is a bool per code point of planes 0 and 1; no mark that ends a sentence lies above them.
"""

import functools

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing
from curation.kernels.unicode import CODE_POINTS

Marks = NDArray[np.bool_]

ONE, TWO, THREE, FOUR, SIX = (np.uint64(n) for n in (1, 2, 3, 4, 6))
LOW_SIX = np.uint64(0x3F)


@functools.cache
def marks_table(characters: str) -> Marks:
    """Returns bool (CODE_POINTS,), read-only: which characters are in `characters`.

    Raises:
        ValueError: one lies above plane 1.
    """
    if any(ord(character) >= CODE_POINTS for character in characters):
        raise ValueError(f"marks: expected characters below U+{CODE_POINTS:X}, found {characters!r}")
    table = np.zeros(CODE_POINTS, dtype=np.bool_)
    table[[ord(character) for character in characters]] = True
    table.setflags(write=False)
    return table


@borrowing
def character_size(lead):  # type: ignore[no-untyped-def]
    """Returns the bytes of the character that begins with `lead`; 1 for what begins none."""
    if lead < np.uint8(0xC0):
        return ONE
    if lead < np.uint8(0xE0):
        return TWO
    return THREE if lead < np.uint8(0xF0) else FOUR


@borrowing
def character(values, begin, end):  # type: ignore[no-untyped-def]
    """Returns the code point at `begin`, 0 where its bytes pass `end`."""
    lead = np.uint64(values[begin])
    size = character_size(values[begin])
    if size == ONE:
        return lead
    if begin + size > end:
        return np.uint64(0)
    point = lead & (np.uint64(0x7F) >> size)
    for i in range(begin + ONE, begin + size):
        point = point << SIX | np.uint64(values[i]) & LOW_SIX
    return point


@borrowing
def last_character_at(values, begin, end):  # type: ignore[no-untyped-def]
    """Returns where the last character of values[begin:end] begins (the range is not empty)."""
    at = end - ONE
    while at > begin and end - at < FOUR and values[at] & np.uint8(0xC0) == np.uint8(0x80):
        at -= ONE
    return at


@borrowing
def is_in(marks_T, point):  # type: ignore[no-untyped-def]
    """Returns whether a code point is in a set."""
    return point < np.uint64(marks_T.size) and marks_T[point]
