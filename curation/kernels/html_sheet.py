"""A text that is written piece by piece: what stands before the next word is held back until there is a next word.

So nothing is written for what is empty: no marker of a list item, no `#`, no row of a table. Line breaks are
those of the standard's "rendered text" (WHATWG HTML, 3.2.7): one around a block, two around a paragraph, however many
elements begin or end there. White space is one space; where it has a line end and stands between wide characters of
East Asia it is none (CSS Text 3, section 4.1.3).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing
from curation.kernels.html_attributes import is_space
from curation.kernels.html_tree import MAX_DEPTH

MAX_COLUMNS = 64
"""Widest table that is written as one."""
MAX_INDENT = 32
"""Spaces before a line in nested list items, at most."""
MARGIN = 2048
"""Bytes that may be written without asking for room: before a word, and where elements end."""
SIZE, BREAKS, SPACE, OPEN, LISTS, ITEMS, FULL = range(7)
HEADING, IN_HEADING, CODE, CODE_BEGIN, IN_PRE, PRE_BEGIN, FENCE, SAVED, AFTER_MATH = range(7, 16)
IN_TABLE, COLUMNS, ROW, NEXT_COLUMN, COLUMN, ROW_BEGUN, CELL_OPEN, OPEN_COLUMN, CLOSED, IS_FIRST = range(16, 26)
"""Places in `Sheet.state_S`."""
SCRATCH, INDENT = 26, 27
NUM_STATES = 28
MAX_FORMULA = 10_000
"""Bytes of the longest formula that is written."""
NO_SPACE, ONE_SPACE, LINE_END = range(3)
WANTED, BEGUN = 1, 2
"""Of inline code: its first backtick is to be written, or is written."""
_BULLET = -1
_NEWLINE, _SPACE, _TICK, _PIPE, _BACKSLASH, _DASH, _DOT, _HASH, _ZERO = (np.uint8(ord(mark)) for mark in "\n `|\\-.#0")
_NBSP_LEAD, _NBSP = np.uint8(0xC2), np.uint8(0xA0)
_WIDE, _LAST_WIDE = np.uint8(0xE3), np.uint8(0xE9)
_BREAK = np.frombuffer(b"<br>", np.uint8)
_RULE = np.frombuffer(b" --- |", np.uint8)
_DIGITS = 10


class Sheet(NamedTuple):
    """A text in the making."""

    out: NDArray[np.uint8]
    state_S: NDArray[np.int64]
    role_O: NDArray[np.uint8]
    """Of the open elements that matter: what they are, and their depth."""
    depth_O: NDArray[np.int16]
    number_L: NDArray[np.int64]
    """Of the open lists: the number of the next item, -1 for bullets; whether an item was written."""
    has_item_L: NDArray[np.bool_]
    marker_I: NDArray[np.int64]
    """Of the open items: number or -1, and the width of the marker, 0 until it is written."""
    width_I: NDArray[np.int64]
    until_C: NDArray[np.int64]
    """Of a table's columns: the first row in which no cell from above lies there."""
    scratch: NDArray[np.uint8]
    """A formula in the making."""


def new_sheet(capacity: int) -> Sheet:
    """Returns an empty text of at most `capacity` bytes; `state_S[FULL]` is set where it would be longer."""
    return Sheet(
        out=np.empty(capacity + MARGIN, np.uint8),
        state_S=np.zeros(NUM_STATES, np.int64),
        role_O=np.empty(MAX_DEPTH + 1, np.uint8),
        depth_O=np.empty(MAX_DEPTH + 1, np.int16),
        number_L=np.empty(MAX_DEPTH + 1, np.int64),
        has_item_L=np.empty(MAX_DEPTH + 1, np.bool_),
        marker_I=np.empty(MAX_DEPTH + 1, np.int64),
        width_I=np.empty(MAX_DEPTH + 1, np.int64),
        until_C=np.zeros(MAX_COLUMNS, np.int64),
        scratch=np.empty(MAX_FORMULA + MARGIN, np.uint8),
    )


@borrowing
def has_room(sheet, size):  # type: ignore[no-untyped-def]
    """Returns whether `size` more bytes and what may stand before them fit; else the sheet is full."""
    if sheet.state_S[SIZE] + size + MARGIN <= sheet.out.size:
        return True
    sheet.state_S[FULL] = 1
    return False


@borrowing
def put(sheet, byte):  # type: ignore[no-untyped-def]
    """Writes a byte."""
    sheet.out[sheet.state_S[SIZE]] = byte
    sheet.state_S[SIZE] += 1


@borrowing
def put_bytes(sheet, bytes_B):  # type: ignore[no-untyped-def]
    """Writes bytes."""
    for i in range(bytes_B.size):
        put(sheet, bytes_B[i])


@borrowing
def part(sheet, breaks):  # type: ignore[no-untyped-def]
    """Something new begins: on a new line (1), or after an empty one (2) unless a list item has just begun."""
    state_S = sheet.state_S
    if state_S[IN_PRE]:
        if sheet.out[state_S[SIZE] - 1] != _NEWLINE:
            put(sheet, _NEWLINE)
    elif state_S[ITEMS] and sheet.width_I[state_S[ITEMS] - 1] == 0:
        state_S[BREAKS] = max(state_S[BREAKS], 1)
    else:
        state_S[BREAKS] = max(state_S[BREAKS], breaks)


@borrowing
def indent(sheet):  # type: ignore[no-untyped-def]
    """Writes the spaces that a line inside list items begins with."""
    for _ in range(min(sheet.state_S[INDENT], np.int64(MAX_INDENT))):
        put(sheet, _SPACE)


@borrowing
def begin(sheet, byte):  # type: ignore[no-untyped-def]
    """Writes what stands before a word that begins with `byte`: line breaks, markers or a space."""
    state_S = sheet.state_S
    if state_S[IN_TABLE]:
        _begin_cell(sheet, byte)
    elif (state_S[BREAKS] or state_S[SIZE] == 0) and not (state_S[IN_HEADING] and state_S[SIZE]):
        _begin_line(sheet)
    elif state_S[BREAKS] or state_S[SPACE]:
        _put_space(sheet, byte)
    state_S[BREAKS], state_S[SPACE] = 0, NO_SPACE
    if state_S[CODE] == WANTED:
        put(sheet, _TICK)
        state_S[CODE], state_S[CODE_BEGIN] = BEGUN, state_S[SIZE]


@borrowing
def _put_space(sheet, byte):  # type: ignore[no-untyped-def]
    state_S = sheet.state_S
    if state_S[SPACE] == LINE_END and state_S[BREAKS] == 0 and _WIDE <= byte <= _LAST_WIDE:
        last = state_S[SIZE] - 1
        while last > 0 and sheet.out[last] & np.uint8(0xC0) == np.uint8(0x80):
            last -= 1
        if _WIDE <= sheet.out[last] <= _LAST_WIDE:
            return
    put(sheet, _SPACE)


@borrowing
def _begin_line(sheet):  # type: ignore[no-untyped-def]
    state_S = sheet.state_S
    end_code(sheet)
    if state_S[SIZE]:
        for _ in range(state_S[BREAKS]):
            put(sheet, _NEWLINE)
    indent(sheet)
    item = state_S[ITEMS] - 1
    if item >= 0 and sheet.width_I[item] == 0:
        before = state_S[SIZE]
        _put_marker(sheet, sheet.marker_I[item])
        sheet.width_I[item] = state_S[SIZE] - before
        state_S[INDENT] += sheet.width_I[item]
        if state_S[LISTS]:
            sheet.has_item_L[state_S[LISTS] - 1] = True
    if state_S[HEADING]:
        for _ in range(state_S[HEADING]):
            put(sheet, _HASH)
        put(sheet, _SPACE)
        state_S[IN_HEADING] = 1


@borrowing
def _put_marker(sheet, marker):  # type: ignore[no-untyped-def]
    if marker == _BULLET:
        put(sheet, _DASH)
    else:
        unit = np.int64(1)
        while marker // unit >= _DIGITS:
            unit *= _DIGITS
        while unit:
            put(sheet, _ZERO + np.uint8(marker // unit % _DIGITS))
            unit //= _DIGITS
        put(sheet, _DOT)
    put(sheet, _SPACE)


@borrowing
def _begin_cell(sheet, byte):  # type: ignore[no-untyped-def]
    state_S = sheet.state_S
    if not state_S[ROW_BEGUN]:
        state_S[BREAKS] = 2 if state_S[IS_FIRST] else 1
        _begin_line(sheet)
        put(sheet, _PIPE)
        state_S[ROW_BEGUN], state_S[CLOSED], state_S[CELL_OPEN] = 1, 0, 0
    if state_S[CELL_OPEN] and state_S[OPEN_COLUMN] != state_S[COLUMN]:
        end_cell(sheet)
    while state_S[CLOSED] < state_S[COLUMN]:
        _put_empty_cell(sheet)
    if not state_S[CELL_OPEN]:
        put(sheet, _SPACE)
        state_S[CELL_OPEN], state_S[OPEN_COLUMN] = 1, state_S[COLUMN]
    elif state_S[BREAKS]:
        end_code(sheet)
        put_bytes(sheet, _BREAK)
    elif state_S[SPACE]:
        _put_space(sheet, byte)


@borrowing
def end_cell(sheet):  # type: ignore[no-untyped-def]
    """Ends the open cell of a row."""
    end_code(sheet)
    put(sheet, _SPACE)
    put(sheet, _PIPE)
    sheet.state_S[CLOSED] += 1
    sheet.state_S[CELL_OPEN] = 0


@borrowing
def _put_empty_cell(sheet):  # type: ignore[no-untyped-def]
    put(sheet, _SPACE)
    put(sheet, _SPACE)
    put(sheet, _PIPE)
    sheet.state_S[CLOSED] += 1


@borrowing
def end_row(sheet):  # type: ignore[no-untyped-def]
    """Ends a row if one was begun; the first is the table's header."""
    state_S = sheet.state_S
    if not state_S[ROW_BEGUN]:
        return
    if state_S[CELL_OPEN]:
        end_cell(sheet)
    while state_S[CLOSED] < state_S[COLUMNS]:
        _put_empty_cell(sheet)
    if state_S[IS_FIRST]:
        put(sheet, _NEWLINE)
        indent(sheet)
        put(sheet, _PIPE)
        for _ in range(state_S[COLUMNS]):
            put_bytes(sheet, _RULE)
    state_S[IS_FIRST] = state_S[ROW_BEGUN] = state_S[CELL_OPEN] = 0
    state_S[BREAKS], state_S[SPACE] = 1, NO_SPACE


@borrowing
def longest_run(bytes_B, begin, end, longest):  # type: ignore[no-untyped-def]
    """Returns the longest run of backticks in bytes_B[begin:end], at least `longest`."""
    run = np.int64(0)
    for at in range(begin, end):
        run = run + 1 if bytes_B[at] == _TICK else np.int64(0)
        longest = max(longest, run)
    return longest


@borrowing
def end_code(sheet):  # type: ignore[no-untyped-def]
    """Ends inline code where it was begun: by more backticks than it has in a row (CommonMark 0.31, section 6.1)."""
    state_S, out = sheet.state_S, sheet.out
    if state_S[CODE] != BEGUN:
        return
    start, stop = state_S[CODE_BEGIN], state_S[SIZE]
    run = longest_run(out, start, stop, np.int64(0))
    ticks = run + 1
    pad = 1 if out[start] == _TICK or out[stop - 1] == _TICK else 0
    state_S[CODE] = WANTED
    if run and not has_room(sheet, 2 * (ticks + pad)):
        return
    shift = ticks - 1 + pad
    if shift:
        for at in range(stop - 1, start - 1, -1):
            out[at + shift] = out[at]
        for at in range(start, start + ticks - 1):
            out[at] = _TICK
        if pad:
            out[start + ticks - 1] = out[stop + shift] = _SPACE
    for at in range(stop + shift + pad, stop + shift + pad + ticks):
        out[at] = _TICK
    state_S[SIZE] = stop + shift + pad + ticks


@borrowing
def write(sheet, source, start, stop):  # type: ignore[no-untyped-def]
    """Writes source[start:stop] as inline text."""
    state_S, out = sheet.state_S, sheet.out
    if not has_room(sheet, 2 * (stop - start)):
        return
    at = start
    while at < stop:
        byte = source[at]
        if is_space(byte):
            state_S[SPACE] = max(state_S[SPACE], LINE_END if byte == _NEWLINE else ONE_SPACE)
            at += 1
            continue
        if byte == _NBSP_LEAD and at + 1 < stop and source[at + 1] == _NBSP:
            state_S[SPACE] = max(state_S[SPACE], ONE_SPACE)
            at += 2
            continue
        begin(sheet, byte)
        size = state_S[SIZE]
        while at < stop:
            byte = source[at]
            if is_space(byte) or (byte == _NBSP_LEAD and at + 1 < stop and source[at + 1] == _NBSP):
                break
            if byte == _PIPE and state_S[IN_TABLE]:
                out[size] = _BACKSLASH
                size += 1
            out[size] = byte
            size += 1
            at += 1
        state_S[SIZE] = size


@borrowing
def write_pre(sheet, source, start, stop):  # type: ignore[no-untyped-def]
    """Writes source[start:stop] with its white space; empty lines at the beginning are left out."""
    state_S, out = sheet.state_S, sheet.out
    for at in range(start, stop):
        byte = source[at]
        if byte == _NEWLINE and state_S[SIZE] == state_S[PRE_BEGIN]:
            continue
        if not has_room(sheet, 1):
            return
        if byte != _NEWLINE and out[state_S[SIZE] - 1] == _NEWLINE:
            indent(sheet)
        put(sheet, byte)


@borrowing
def begin_pre(sheet, fence):  # type: ignore[no-untyped-def]
    """Begins a block of code; what is put next is its language, and `open_pre` ends that line."""
    state_S = sheet.state_S
    if not has_room(sheet, fence):
        return
    state_S[HEADING] = state_S[IN_HEADING] = 0
    end_code(sheet)
    state_S[SAVED], state_S[CODE], state_S[FENCE] = state_S[CODE], 0, fence
    part(sheet, 2)
    begin(sheet, _TICK)
    for _ in range(fence):
        put(sheet, _TICK)


@borrowing
def open_pre(sheet):  # type: ignore[no-untyped-def]
    """Ends the line of the fence."""
    put(sheet, _NEWLINE)
    sheet.state_S[IN_PRE], sheet.state_S[PRE_BEGIN] = 1, sheet.state_S[SIZE]


@borrowing
def end_pre(sheet):  # type: ignore[no-untyped-def]
    """Ends a block of code, less the white space at its end."""
    state_S, out = sheet.state_S, sheet.out
    while state_S[SIZE] > state_S[PRE_BEGIN] and is_space(out[state_S[SIZE] - 1]):
        state_S[SIZE] -= 1
    if has_room(sheet, state_S[FENCE]):
        put(sheet, _NEWLINE)
        indent(sheet)
        for _ in range(state_S[FENCE]):
            put(sheet, _TICK)
    state_S[IN_PRE], state_S[CODE] = 0, state_S[SAVED]
    part(sheet, 2)
