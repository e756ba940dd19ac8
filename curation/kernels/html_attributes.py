"""Attributes of an HTML tag, found in the page's bytes when they are asked for (WHATWG HTML, 13.2.5.32 to 39)."""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing

_SLASH, _EQUALS, _GREATER, _QUOTE, _APOSTROPHE = (np.uint8(ord(mark)) for mark in "/=>\"'")
_CASE = np.uint8(32)
_MAX_DIGITS = 9
NOWHERE = np.int64(-1)


def word(name: str) -> NDArray[np.uint8]:
    """Returns a name in lower case as bytes, for the functions below."""
    bytes_B = np.frombuffer(name.encode(), np.uint8)
    bytes_B.setflags(write=False)
    return bytes_B


@borrowing
def is_space(byte):  # type: ignore[no-untyped-def]
    """Returns whether a byte is ASCII white space as HTML has it."""
    return byte in (32, 9, 10, 12, 13)


@borrowing
def lower(byte):  # type: ignore[no-untyped-def]
    """Returns a byte, a capital letter in lower case."""
    return byte | _CASE if np.uint8(65) <= byte <= np.uint8(90) else byte


@borrowing
def equals(page, begin, end, name):  # type: ignore[no-untyped-def]
    """Returns whether page[begin:end] is `name`, whatever its case."""
    if end - begin != name.size:
        return False
    for i in range(name.size):  # noqa: SIM110 - a kernel makes no generator
        if lower(page[begin + i]) != name[i]:
            return False
    return True


@borrowing
def attribute(page, begin, end, name):  # type: ignore[no-untyped-def]
    """Returns the range of the value of attribute `name` in the tag page[begin:end], (-1, -1) where it has none.

    Of two of one name the first counts.
    """
    at = begin
    while at < end:
        if is_space(page[at]) or page[at] == _SLASH:
            at += 1
            continue
        start = at
        at += 1  # a first "=" belongs to the name
        while at < end and not (is_space(page[at]) or page[at] in (_SLASH, _EQUALS, _GREATER)):
            at += 1
        name_end = at
        value = value_end = at
        after = _after_spaces(page, at, end)
        if after < end and page[after] == _EQUALS:
            value, value_end, at = _value(page, _after_spaces(page, after + 1, end), end)
        if equals(page, start, name_end, name):
            return value, value_end
    return NOWHERE, NOWHERE


@borrowing
def _after_spaces(page, at, end):  # type: ignore[no-untyped-def]
    while at < end and is_space(page[at]):
        at += 1
    return at


@borrowing
def _value(page, at, end):  # type: ignore[no-untyped-def]
    """Returns (begin, end) of the value at `at`, and the index after it."""
    if at < end and (page[at] == _QUOTE or page[at] == _APOSTROPHE):
        quote, begin = page[at], at + 1
        at = begin
        while at < end and page[at] != quote:
            at += 1
        return begin, at, at + 1
    begin = at
    while at < end and not is_space(page[at]) and page[at] != _GREATER:
        at += 1
    return begin, at, at


@borrowing
def number(page, begin, end):  # type: ignore[no-untyped-def]
    """Returns the number of up to nine digits that page[begin:end] begins with, -1 where it begins with none."""
    at = begin
    while at < end and is_space(page[at]):
        at += 1
    value, digits = np.int64(0), 0
    while at < end and digits < _MAX_DIGITS and np.uint8(48) <= page[at] <= np.uint8(57):
        value = value * 10 + np.int64(page[at]) - 48
        digits += 1
        at += 1
    return value if digits else NOWHERE


@borrowing
def contains(page, begin, end, part):  # type: ignore[no-untyped-def]
    """Returns whether `part` stands in page[begin:end], whatever its case."""
    for at in range(begin, end - part.size + 1):
        same = 0
        while same < part.size and lower(page[at + same]) == part[same]:
            same += 1
        if same == part.size:
            return True
    return False


@borrowing
def next_word(page, at, end):  # type: ignore[no-untyped-def]
    """Returns the range of the next word, between white space, of page[at:end]; an empty one at the end."""
    begin = _after_spaces(page, at, end)
    stop = begin
    while stop < end and not is_space(page[stop]):
        stop += 1
    return begin, stop
