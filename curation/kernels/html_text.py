"""The text of a page, from its tokens: Markdown for what plain text cannot say, and nothing else added.

Headings, lists, tables of data, code and formulas are Markdown (CommonMark 0.31 and GitHub's tables); emphasis, links
and images are not written. Nothing is escaped but `|` in a table: a `#` that the page has stands as it is.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.html_attributes import NOWHERE, attribute, equals, lower, next_word, number, word
from curation.kernels.html_entities import NAME_BYTES, NAMES_S4, WINDOWS_32
from curation.kernels.html_formulas import is_formula, is_picture_of_formula, put_image, put_math, put_script
from curation.kernels.html_grid import after, num_columns, place, visible_bytes
from curation.kernels.html_names import codes
from curation.kernels.html_raised import put_raised
from curation.kernels.html_roles import (
    BR,
    CAPTION,
    CELL,
    HEADING,
    IMAGE,
    INLINE,
    INLINE_CODE,
    ITEM,
    LINE,
    LIST,
    MATH,
    PARAGRAPH,
    PRE,
    ROLE_C,
    ROW,
    SCRIPT,
    SPAN,
    SUBSCRIPT,
    SUPERSCRIPT,
    TABLE,
    UNREAD,
)
from curation.kernels.html_sheet import (
    AFTER_MATH,
    BREAKS,
    CODE,
    COLUMN,
    COLUMNS,
    FULL,
    IN_HEADING,
    IN_PRE,
    IN_TABLE,
    INDENT,
    IS_FIRST,
    ITEMS,
    LISTS,
    MARGIN,
    NEXT_COLUMN,
    NO_SPACE,
    OPEN,
    SIZE,
    SPACE,
    WANTED,
    begin_pre,
    end_code,
    end_pre,
    end_row,
    has_room,
    new_sheet,
    open_pre,
    part,
    put,
    write,
    write_pre,
)
from curation.kernels.html_sheet import HEADING as HEADING_LEVEL
from curation.kernels.html_sheet import ROW as TABLE_ROW
from curation.kernels.html_tokens import Tokens

_START, _VALUE, _CLASS, _LANG, _LANGUAGE = (word(name) for name in ("start", "value", "class", "lang-", "language-"))
(_H1, _OL) = codes("h1 ol")
_TICK, _NEWLINE = np.uint8(ord("`")), np.frombuffer(b"\n", np.uint8)
_BULLET = np.int64(-1)
_MIN_FENCE = np.int64(3)
_MAX_LANGUAGE = 20
_BYTES_PER_TOKEN, _BYTES_PER_TABLE, _GROWTH = 80, 1024, 4


def html_text(page: NDArray[np.uint8], tokens: Tokens, keep_T: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Returns uint8 (U,): the text of the chosen tokens, UTF-8, without white space at either end.

    Args:
        page: uint8 (B,), the page that the tokens are of.
        tokens: T of them.
        keep_T: bool (T,), of each text whether it is chosen; of an element, whether it lies in what is chosen: an
            image or script is a formula only there.

    Raises:
        TypeError: another dtype.
        ValueError: another shape, or a text that is out of all proportion to the page.
    """
    if page.dtype != np.uint8 or keep_T.dtype != np.bool_:
        raise TypeError(f"html_text: expected uint8 (B,) and bool (T,), found {page.dtype} and {keep_T.dtype}")
    if page.ndim != 1 or keep_T.shape != tokens.name_T.shape:
        raise ValueError(f"html_text: expected (B,) and ({tokens.name_T.size},), found {page.shape} and {keep_T.shape}")
    arrays = (tokens.name_T, tokens.depth_T, tokens.begin_T, tokens.end_T, tokens.text)
    num_tables = int((tokens.name_T == _TABLE).sum())
    capacity = _GROWTH * tokens.text.size + page.size
    capacity += _BYTES_PER_TOKEN * tokens.name_T.size + _BYTES_PER_TABLE * num_tables + MARGIN
    sheet = new_sheet(capacity)
    _html_text(page, arrays, keep_T, ROLE_C, sheet, NAMES_S4, NAME_BYTES, WINDOWS_32)
    if sheet.state_S[FULL]:
        raise ValueError(f"html_text: expected a text of at most {capacity} bytes")
    return sheet.out[: sheet.state_S[SIZE]].copy()


(_TABLE,) = codes("table")


@kernel
def _html_text(page, tokens, keep_T, role_C, sheet, names_S4, name_bytes, windows_32):  # type: ignore[no-untyped-def]
    name_T, depth_T, begin_T, end_T, text = tokens
    state_S = sheet.state_S
    state_S[AFTER_MATH] = -1
    at = np.int64(0)
    while at < name_T.size and has_room(sheet, np.int64(0)):
        depth = depth_T[at]
        _close(sheet, depth)
        name = name_T[at]
        if name < 0:
            if keep_T[at]:
                if state_S[IN_PRE]:
                    write_pre(sheet, text, begin_T[at], end_T[at])
                else:
                    write(sheet, text, begin_T[at], end_T[at])
            at += 1
            continue
        role = role_C[name]
        if role == INLINE:
            at += 1
        elif role == UNREAD or (role == SPAN and keep_T[at] and is_picture_of_formula(page, begin_T[at], end_T[at])):
            at = after(depth_T, at)
        elif role == SPAN:
            at += 1
        elif role in (SUPERSCRIPT, SUBSCRIPT):
            following = put_raised(sheet, page, tokens, keep_T, role_C, at)
            at = following if following >= 0 else at + 1
        elif role == SCRIPT:
            if keep_T[at] and put_script(sheet, page, tokens, at):
                state_S[AFTER_MATH] = state_S[SIZE]
            at = after(depth_T, at)
        elif role == MATH:
            if put_math(sheet, page, tokens, keep_T, at, names_S4, name_bytes, windows_32):
                state_S[AFTER_MATH] = state_S[SIZE]
            at = after(depth_T, at)
        elif role == IMAGE:
            is_shown = keep_T[at] and state_S[AFTER_MATH] != state_S[SIZE]
            if is_shown and is_formula(page, begin_T[at], end_T[at]):
                put_image(sheet, page, begin_T[at], end_T[at], names_S4, name_bytes, windows_32)
            at += 1
        elif role == BR:
            if state_S[IN_PRE]:
                write_pre(sheet, _NEWLINE, 0, 1)
            else:
                state_S[BREAKS] = min(state_S[BREAKS] + 1, 2)
            at += 1
        else:
            role = _open(sheet, page, tokens, keep_T, role_C, at, role)
            if role != INLINE:
                sheet.role_O[state_S[OPEN]], sheet.depth_O[state_S[OPEN]] = role, depth
                state_S[OPEN] += 1
            at += 1
    if not state_S[FULL]:
        _close(sheet, np.int16(0))


@borrowing
def _open(sheet, page, tokens, keep_T, role_C, at, role):  # type: ignore[no-untyped-def]
    """Begins an element; returns what it is here."""
    name_T, _, begin_T, end_T, _ = tokens
    state_S = sheet.state_S
    start, stop = begin_T[at], end_T[at]
    if role == INLINE_CODE:
        if state_S[IN_PRE] or state_S[CODE]:
            return INLINE
        state_S[CODE] = WANTED
    elif state_S[IN_PRE]:
        part(sheet, 1)
        return LINE
    elif role == HEADING:
        part(sheet, 2)
        state_S[HEADING_LEVEL], state_S[IN_HEADING] = name_T[at] - _H1 + 1, 0
    elif role == LIST:
        part(sheet, 1 if state_S[ITEMS] else 2)
        sheet.number_L[state_S[LISTS]] = _first_number(page, start, stop) if name_T[at] == _OL else _BULLET
        sheet.has_item_L[state_S[LISTS]] = False
        state_S[LISTS] += 1
    elif role == ITEM:
        _open_item(sheet, page, start, stop)
    elif role == PRE:
        return _open_pre(sheet, page, tokens, keep_T, role_C, at)
    elif role == TABLE:
        return _open_table(sheet, page, tokens, keep_T, role_C, at)
    elif state_S[IN_TABLE] and role == ROW:
        end_row(sheet)
        state_S[TABLE_ROW] += 1
        state_S[NEXT_COLUMN] = 0
    elif state_S[IN_TABLE] and role == CELL:
        state_S[TABLE_ROW] = max(state_S[TABLE_ROW], 1)
        column, following = place(page, start, stop, sheet.until_C, state_S[TABLE_ROW], state_S[NEXT_COLUMN])
        state_S[COLUMN], state_S[NEXT_COLUMN] = column, following
        state_S[SPACE] = NO_SPACE
        return INLINE
    elif role == CAPTION and state_S[IN_TABLE]:  # before its first row
        state_S[IN_TABLE] = 0
        part(sheet, 2)
    elif role == PARAGRAPH:
        part(sheet, 2)
    else:
        part(sheet, 1)
        return LINE
    return role


@borrowing
def _close(sheet, depth):  # type: ignore[no-untyped-def]
    """Ends the open elements from `depth` on."""
    state_S = sheet.state_S
    while state_S[OPEN] and sheet.depth_O[state_S[OPEN] - 1] >= depth:
        state_S[OPEN] -= 1
        role = sheet.role_O[state_S[OPEN]]
        if role == INLINE_CODE:
            end_code(sheet)
            state_S[CODE] = 0
        elif role == HEADING:
            state_S[HEADING_LEVEL] = state_S[IN_HEADING] = 0
            part(sheet, 2)
        elif role == LIST:
            state_S[LISTS] -= 1
            part(sheet, 1 if state_S[ITEMS] else 2)
        elif role == ITEM:
            state_S[ITEMS] -= 1
            state_S[INDENT] -= sheet.width_I[state_S[ITEMS]]
            part(sheet, 1)
        elif role == PRE:
            end_pre(sheet)
        elif role == TABLE:
            end_row(sheet)
            state_S[IN_TABLE] = 0
            part(sheet, 2)
        elif role == ROW:
            end_row(sheet)
        elif role == CAPTION:
            state_S[IN_TABLE] = 1
            part(sheet, 2)
        else:
            part(sheet, 2 if role == PARAGRAPH else 1)


@borrowing
def _first_number(page, start, stop):  # type: ignore[no-untyped-def]
    value, value_end = attribute(page, start, stop, _START)
    first = number(page, value, value_end)
    return first if first >= 0 else np.int64(1)


@borrowing
def _open_item(sheet, page, start, stop):  # type: ignore[no-untyped-def]
    state_S = sheet.state_S
    marker, is_later, top = _BULLET, False, state_S[LISTS] - 1
    if top >= 0:
        is_later = sheet.has_item_L[top]
        if sheet.number_L[top] >= 0:
            value, value_end = attribute(page, start, stop, _VALUE)
            own = number(page, value, value_end)
            marker = own if own >= 0 else sheet.number_L[top]
            sheet.number_L[top] = marker + 1
    state_S[BREAKS] = 1 if is_later else max(state_S[BREAKS], 1)
    sheet.marker_I[state_S[ITEMS]], sheet.width_I[state_S[ITEMS]] = marker, 0
    state_S[ITEMS] += 1


@borrowing
def _open_pre(sheet, page, tokens, keep_T, role_C, pre):  # type: ignore[no-untyped-def]
    """Begins a block of code if there is something in it."""
    name_T, depth_T, begin_T, end_T, text = tokens
    size = longest = run = np.int64(0)
    first = NOWHERE
    at = pre + 1
    while at < name_T.size and depth_T[at] > depth_T[pre]:
        if name_T[at] >= 0:
            if first < 0:
                first = at
            at = after(depth_T, at) if role_C[name_T[at]] in (UNREAD, SCRIPT, MATH) else at + 1
            continue
        if keep_T[at]:
            size += visible_bytes(text, begin_T[at], end_T[at])
            for i in range(begin_T[at], end_T[at]):
                run = run + 1 if text[i] == _TICK else np.int64(0)
                longest = max(longest, run)
        at += 1
    if size == 0:
        part(sheet, 1)
        return LINE
    begin_pre(sheet, max(longest + 1, _MIN_FENCE))
    if not _put_language(sheet, page, begin_T[pre], end_T[pre]) and first >= 0 and role_C[name_T[first]] == INLINE_CODE:
        _put_language(sheet, page, begin_T[first], end_T[first])
    open_pre(sheet)
    return PRE


@borrowing
def _put_language(sheet, page, start, stop):  # type: ignore[no-untyped-def]
    """Writes what a class `language-...` or `lang-...` names; returns whether there is one."""
    at, end = attribute(page, start, stop, _CLASS)
    while at < end:
        at, word_end = next_word(page, at, end)
        for prefix in (_LANG, _LANGUAGE):
            begin = at + prefix.size
            if begin < word_end <= begin + _MAX_LANGUAGE and equals(page, at, begin, prefix):
                named = True
                for i in range(begin, word_end):
                    named &= _names_language(page[i])
                if named:
                    for i in range(begin, word_end):
                        put(sheet, lower(page[i]))
                    return True
        at = word_end
    return False


@borrowing
def _names_language(byte):  # type: ignore[no-untyped-def]
    small = lower(byte)
    is_letter = np.uint8(97) <= small <= np.uint8(122) or np.uint8(48) <= byte <= np.uint8(57)
    return is_letter or byte in (43, 35, 95, 46, 45)  # + # _ . -


@borrowing
def _open_table(sheet, page, tokens, keep_T, role_C, table):  # type: ignore[no-untyped-def]
    state_S = sheet.state_S
    columns = num_columns(page, tokens, keep_T, role_C, table, sheet.until_C) if not state_S[IN_TABLE] else np.int64(0)
    if columns == 0:
        part(sheet, 1)
        return LINE
    state_S[HEADING_LEVEL] = state_S[IN_HEADING] = 0
    part(sheet, 2)
    sheet.until_C[:] = 0
    state_S[IN_TABLE], state_S[IS_FIRST], state_S[COLUMNS] = 1, 1, columns
    state_S[TABLE_ROW] = state_S[NEXT_COLUMN] = state_S[COLUMN] = 0
    return TABLE
