"""Superscripts and subscripts: `x<sup>2</sup>` is x², as the page shows it, and not x2.

Digits, signs and brackets have characters of their own in Unicode (block "Superscripts and Subscripts"), which NFKC
makes plain again. Of superscripts that have none, exponents are written `^(...)`; the rest (`1<sup>st</sup>`,
`<sup>[1]</sup>`) stands as it is.
"""

import numpy as np

from curation.kernels import borrowing
from curation.kernels.html_attributes import is_space
from curation.kernels.html_entities import put_character
from curation.kernels.html_formulas import is_picture_of_formula
from curation.kernels.html_grid import after
from curation.kernels.html_names import codes
from curation.kernels.html_roles import INLINE, SPAN, SUPERSCRIPT
from curation.kernels.html_sheet import BREAKS, CODE, IN_PRE, NO_SPACE, SIZE, SPACE, write

MAX_RAISED = 48
"""Bytes of the longest superscript that is looked at."""
MAX_LETTERS = 2
"""Letters in a row in an exponent; more are a word."""
_I, _EM, _VAR = codes("i em var")
_CARET, _OPEN, _CLOSE, _COMMA, _STAR, _ZERO, _NINE = (np.uint8(ord(mark)) for mark in "^(),*09")
_SMALL_N, _SMALL_I = np.uint8(ord("n")), np.uint8(ord("i"))
_SUPER_N, _SUPER_I = np.int64(0x207F), np.int64(0x2071)
_SUPER, _SUB = np.int64(0x2070), np.int64(0x2080)
_PLUS, _MINUS, _EQUALS, _SLASH = (np.uint8(ord(mark)) for mark in "+-=/")
_DASHES = np.frombuffer("\u2212\u2013".encode(), np.uint8)
_OUT = MAX_RAISED
"""Where the result begins in the scratch."""
NOT_RAISED = np.int64(-1)


@borrowing
def put_raised(sheet, page, tokens, keep_T, role_C, at):  # type: ignore[no-untyped-def]
    """Writes the superscript or subscript at token `at`; returns the token after it, `NOT_RAISED` where it is none."""
    depth_T = tokens[1]
    if sheet.state_S[IN_PRE] or sheet.state_S[CODE]:
        return NOT_RAISED
    end = after(depth_T, at)
    size, is_variable = _collect(sheet.scratch, page, tokens, keep_T, role_C, at + 1, end)
    if size <= 0:
        return NOT_RAISED
    is_super = role_C[tokens[0][at]] == SUPERSCRIPT
    stop = _put_characters(sheet.scratch, size, is_super)
    if stop < 0 and is_super and _has_base(sheet) and _is_exponent(sheet.scratch, size, is_variable):
        stop = _put_exponent(sheet.scratch, size)
    if stop < 0:
        return NOT_RAISED
    write(sheet, sheet.scratch, _OUT, stop)
    return end


@borrowing
def _collect(scratch, page, tokens, keep_T, role_C, at, end):  # type: ignore[no-untyped-def]
    """Copies the text of the tokens; returns its bytes, -1 where it is no short text, and whether it is in italics."""
    name_T, _, begin_T, end_T, text = tokens
    size, is_variable = np.int64(0), False
    while at < end:
        name = name_T[at]
        if name >= 0:
            if role_C[name] not in (INLINE, SPAN) or is_picture_of_formula(page, begin_T[at], end_T[at]):
                return NOT_RAISED, False
            is_variable |= name in (_I, _EM, _VAR)
        else:
            if not keep_T[at] or size + end_T[at] - begin_T[at] > MAX_RAISED:
                return NOT_RAISED, False
            for source in range(begin_T[at], end_T[at]):
                scratch[size] = text[source]
                size += 1
        at += 1
    return size, is_variable


@borrowing
def _put_characters(scratch, size, is_super):  # type: ignore[no-untyped-def]
    """Writes the characters of their own at `_OUT`; returns where they end, -1 where one has none."""
    at, out, found, after_letter = np.int64(0), np.int64(_OUT), False, False
    while at < size:
        byte = scratch[at]
        point, width = _raised(scratch, at, size, is_super)
        is_letter = byte in (_SMALL_N, _SMALL_I)
        if is_letter and after_letter:
            return NOT_RAISED
        after_letter = is_letter
        if point:
            out = put_character(point, scratch, out)
            found = True
        elif is_space(byte) or byte in (_COMMA, _STAR):
            scratch[out] = byte
            out += 1
        else:
            return NOT_RAISED
        at += width
    return out if found else NOT_RAISED


@borrowing
def _raised(scratch, at, size, is_super):  # type: ignore[no-untyped-def]
    """Returns the raised or lowered character for the one at `at`, 0 where there is none, and the bytes of that one."""
    base, byte = _SUPER if is_super else _SUB, scratch[at]
    if _ZERO <= byte <= _NINE:
        if is_super and byte == _ZERO + 1:
            return np.int64(0xB9), 1
        if is_super and _ZERO + 2 <= byte <= _ZERO + 3:
            return np.int64(0xB0) + byte - _ZERO, 1
        return base + byte - _ZERO, 1
    if byte == _PLUS:
        return base + 10, 1
    if byte == _MINUS:
        return base + 11, 1
    if byte == _EQUALS:
        return base + 12, 1
    if byte in (_OPEN, _CLOSE):
        return base + 13 + (byte == _CLOSE), 1
    if is_super and byte == _SMALL_N:
        return _SUPER_N, 1
    if is_super and byte == _SMALL_I:
        return _SUPER_I, 1
    return (base + 11, 3) if _is_dash(scratch, at, size) else (np.int64(0), 1)


@borrowing
def _is_dash(scratch, at, size):  # type: ignore[no-untyped-def]
    """Returns whether a minus sign or a dash in its place stands at `at`."""
    if at + 3 > size:
        return False
    first = second = True
    for i in range(3):
        first &= scratch[at + i] == _DASHES[i]
        second &= scratch[at + i] == _DASHES[3 + i]
    return first or second


@borrowing
def _has_base(sheet):  # type: ignore[no-untyped-def]
    """Returns whether a letter, digit or closing bracket stands directly before."""
    state_S = sheet.state_S
    if state_S[BREAKS] or state_S[SPACE] != NO_SPACE or state_S[SIZE] == 0:
        return False
    last = sheet.out[state_S[SIZE] - 1]
    return last == _CLOSE or _ZERO <= last <= _NINE or _is_letter(last)


@borrowing
def _is_letter(byte):  # type: ignore[no-untyped-def]
    small = byte | np.uint8(32)
    return np.uint8(97) <= small <= np.uint8(122) or byte >= np.uint8(128)


@borrowing
def _is_exponent(scratch, size, is_variable):  # type: ignore[no-untyped-def]
    """Returns whether the text is a short expression: letters, digits and signs, or variables in italics alone."""
    at = letters = in_row = others = np.int64(0)
    while at < size:
        byte, width = scratch[at], 1
        if _is_dash(scratch, at, size):
            others, in_row, width = others + 1, np.int64(0), 3
        elif _is_letter(byte):
            starts = byte & np.uint8(0xC0) != np.uint8(0x80)
            letters, in_row = letters + starts, in_row + starts
        elif _ZERO <= byte <= _NINE or byte in (_OPEN, _CLOSE):
            others, in_row = others + (byte <= _NINE and byte >= _ZERO), np.int64(0)
        elif byte in (_PLUS, _MINUS, _EQUALS, _SLASH):
            others, in_row = others + 1, np.int64(0)
        else:
            return False
        if in_row > MAX_LETTERS:
            return False
        at += width
    return others > 0 or (is_variable and letters > 0)


@borrowing
def _put_exponent(scratch, size):  # type: ignore[no-untyped-def]
    """Writes `^` and what it raises, in brackets unless it is one byte; returns where that ends."""
    out = np.int64(_OUT)
    scratch[out] = _CARET
    out += 1
    if size > 1:
        scratch[out] = _OPEN
        out += 1
    for at in range(size):
        scratch[out] = scratch[at]
        out += 1
    if size > 1:
        scratch[out] = _CLOSE
        out += 1
    return out
