"""Whether an HTML table holds data, and in which column a cell stands (WHATWG HTML, 4.9.12, "forming a table").

A table of data has two rows and more with words in them, two cells with words in one of them, short ones, and in
its cells nothing that has lines of its own. Every other table is there for layout, and its cells are lines.
"""

import numpy as np

from curation.kernels import borrowing
from curation.kernels.html_attributes import attribute, is_space, number, word
from curation.kernels.html_names import codes
from curation.kernels.html_roles import CAPTION, CELL, HEADING, LIST, MATH, PRE, ROW, SCRIPT, TABLE, UNREAD
from curation.kernels.html_sheet import MAX_COLUMNS

MAX_CELL_BYTES = 1000
"""Longest text of a cell of data, white space not counted."""
MAX_SPAN = 1000
_COLSPAN, _ROWSPAN = word("colspan"), word("rowspan")
(_DL,) = codes("dl")
_LEAD, _NBSP = np.uint8(0xC2), np.uint8(0xA0)
_MAX_EMPTY = 4
_NOTHING, _FIRST_ROW = np.int64(0), np.int64(1)


@borrowing
def visible_bytes(text, begin, end):  # type: ignore[no-untyped-def]
    """Returns how many bytes of text[begin:end] are no white space."""
    count = np.int64(0)
    at = begin
    while at < end:
        if text[at] == _LEAD and at + 1 < end and text[at + 1] == _NBSP:
            at += 2
            continue
        count += not is_space(text[at])
        at += 1
    return count


@borrowing
def place(page, begin, end, until_C, row, column):  # type: ignore[no-untyped-def]
    """Returns the column of a cell with the attributes page[begin:end], at the earliest `column`, and the next one."""
    while column < MAX_COLUMNS and until_C[column] > row:
        column += 1
    width, height = _span(page, begin, end, _COLSPAN), _span(page, begin, end, _ROWSPAN)
    for at in range(column, min(column + width, MAX_COLUMNS)):
        until_C[at] = row + height
    return column, column + width


@borrowing
def _span(page, begin, end, name):  # type: ignore[no-untyped-def]
    start, stop = attribute(page, begin, end, name)
    return min(max(number(page, start, stop), 1), MAX_SPAN) if start >= 0 else np.int64(1)


@borrowing
def num_columns(page, tokens, keep_T, role_C, table, until_C):  # type: ignore[no-untyped-def]
    """Returns the columns of the table at token `table` if it holds data, else 0."""
    name_T, depth_T, begin_T, end_T, text = tokens
    until_C[:] = 0
    rows = most = cells = in_row = widest = row = column = size = _NOTHING
    cell_depth = caption_depth = np.int64(-1)
    at = table + 1
    while at < name_T.size and depth_T[at] > depth_T[table]:
        depth = depth_T[at]
        if cell_depth >= 0 and depth <= cell_depth:
            in_row += size > 0
            cell_depth, size = np.int64(-1), _NOTHING
        if depth <= caption_depth:
            caption_depth = np.int64(-1)
        if name_T[at] < 0:
            visible = visible_bytes(text, begin_T[at], end_T[at]) if keep_T[at] else _NOTHING
            size += visible
            if (visible and cell_depth < 0 and caption_depth < 0) or (cell_depth >= 0 and size > MAX_CELL_BYTES):
                return _NOTHING
            if cell_depth < 0:
                size = _NOTHING
            at += 1
            continue
        role = role_C[name_T[at]]
        if role in (UNREAD, SCRIPT, MATH):
            at = after(depth_T, at)
            continue
        if role in (TABLE, PRE, HEADING, LIST) or name_T[at] == _DL or (role in (ROW, CELL) and cell_depth >= 0):
            return _NOTHING
        if role == CAPTION:
            if row:
                return _NOTHING
            caption_depth = np.int64(depth)
        elif role == ROW:
            rows, cells, most = rows + (in_row > 0), cells + in_row, max(most, in_row)
            row, column, in_row = row + 1, _NOTHING, _NOTHING
        elif role == CELL:
            row = max(row, _FIRST_ROW)
            _, column = place(page, begin_T[at], end_T[at], until_C, row, column)
            cell_depth = np.int64(depth)
            widest = max(widest, column)
            if widest > MAX_COLUMNS:
                return _NOTHING
        at += 1
    in_row += size > 0
    rows, cells, most = rows + (in_row > 0), cells + in_row, max(most, in_row)
    if rows < 2 or most < 2 or widest * rows > _MAX_EMPTY * cells + MAX_COLUMNS:
        return _NOTHING
    return widest


@borrowing
def after(depth_T, at):  # type: ignore[no-untyped-def]
    """Returns the index of the first token after the element at `at` and all in it."""
    depth = depth_T[at]
    at += 1
    while at < depth_T.size and depth_T[at] > depth:
        at += 1
    return at
