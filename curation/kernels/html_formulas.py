"""Formulas in a page as LaTeX between dollar signs: of MathML, of scripts for MathJax, of images of formulas.

MathML says its LaTeX in an annotation or in `alttext`; without both its characters stand as they are.
"""

import numpy as np

from curation.kernels import borrowing
from curation.kernels.html_attributes import attribute, contains, equals, is_space, next_word, word
from curation.kernels.html_entities import put_character, put_reference
from curation.kernels.html_grid import after
from curation.kernels.html_names import codes
from curation.kernels.html_sheet import (
    IN_PRE,
    IN_TABLE,
    MAX_FORMULA,
    SCRATCH,
    begin,
    has_room,
    part,
    put,
    write,
    write_pre,
)

_ANNOTATION, _ANNOTATION_XML = codes("annotation annotation-xml")
_AMPERSAND, _NUL, _PIPE, _BACKSLASH, _DOLLAR, _SPACE, _CLOSE = (np.uint8(ord(mark)) for mark in "&\0|\\$ }")
_LEAD, _NBSP = np.uint8(0xC2), np.uint8(0xA0)
_REPLACEMENT, _IN_ATTRIBUTE = np.int64(0xFFFD), np.bool_(True)
_CLASS, _SRC, _ALT, _TYPE, _ENCODING = word("class"), word("src"), word("alt"), word("type"), word("encoding")
_ALTTEXT, _DISPLAY, _BLOCK, _MODE = word("alttext"), word("display"), word("block"), word("mode=display")
_MATH_TEX, _TEX, _LATEX, _PATH = word("math/tex"), word("tex"), word("latex"), word("/math/")
_MATH, _FORMULA, _EQUATION = word("math"), word("formula"), word("equation")
_FALLBACK, _FALLBACK_BLOCK = word("mwe-math-fallback-image-inline"), word("mwe-math-fallback-image-display")
_KATEX, _MATHJAX, _PREVIEW = word("katex-html"), word("mathjax"), word("mathjax_preview")
_STYLE = word("{\\displaystyle")
_NONE = np.int64(0)


@borrowing
def is_formula(page, start, stop):  # type: ignore[no-untyped-def]
    """Returns whether the image with the attributes page[start:stop] is one of a formula."""
    at, end = attribute(page, start, stop, _CLASS)
    while at < end:
        at, word_end = next_word(page, at, end)
        for name in (_LATEX, _MATH, _TEX, _FORMULA, _EQUATION, _FALLBACK, _FALLBACK_BLOCK):
            if equals(page, at, word_end, name):
                return True
        at = word_end
    at, end = attribute(page, start, stop, _SRC)
    return contains(page, at, end, _LATEX) or contains(page, at, end, _PATH)


@borrowing
def is_picture_of_formula(page, start, stop):  # type: ignore[no-untyped-def]
    """Returns whether a span holds the glyphs of a formula whose source stands beside it (KaTeX, MathJax)."""
    at, end = attribute(page, start, stop, _CLASS)
    while at < end:
        at, word_end = next_word(page, at, end)
        for name in (_KATEX, _MATHJAX, _PREVIEW):
            if equals(page, at, word_end, name):
                return True
        at = word_end
    return False


@borrowing
def put_image(sheet, page, start, stop, names_S4, name_bytes, windows_32):  # type: ignore[no-untyped-def]
    """Writes the alternative text of an image of a formula."""
    _resolve(sheet, page, start, stop, _ALT, names_S4, name_bytes, windows_32)
    _put(sheet, np.bool_(False))


@borrowing
def put_script(sheet, page, tokens, script):  # type: ignore[no-untyped-def]
    """Writes the formula of a script; returns whether it is one of LaTeX."""
    name_T, _, begin_T, end_T, text = tokens
    start, stop = attribute(page, begin_T[script], end_T[script], _TYPE)
    if not contains(page, start, stop, _MATH_TEX):
        return False
    sheet.state_S[SCRATCH] = 0
    if script + 1 < name_T.size and name_T[script + 1] < 0:
        _collect(sheet, text, begin_T[script + 1], end_T[script + 1])
    _put(sheet, contains(page, start, stop, _MODE))
    return True


@borrowing
def put_math(sheet, page, tokens, keep_T, math, names_S4, name_bytes, windows_32):  # type: ignore[no-untyped-def]
    """Writes the MathML at token `math` if it or a text in it is kept; returns whether it is."""
    name_T, depth_T, begin_T, end_T, text = tokens
    end = after(depth_T, math)
    kept = keep_T[math]
    for at in range(math + 1, end):
        kept |= keep_T[at] and name_T[at] < 0
    if not kept:
        return False
    display, display_end = attribute(page, begin_T[math], end_T[math], _DISPLAY)
    is_block = equals(page, display, display_end, _BLOCK)
    sheet.state_S[SCRATCH] = 0
    at = math + 1
    while at < end:
        if name_T[at] == _ANNOTATION:
            encoding, encoding_end = attribute(page, begin_T[at], end_T[at], _ENCODING)
            if contains(page, encoding, encoding_end, _TEX):
                for inner in range(at + 1, after(depth_T, at)):
                    if name_T[inner] < 0:
                        _collect(sheet, text, begin_T[inner], end_T[inner])
                break
        at += 1
    if not _put(sheet, is_block):
        _resolve(sheet, page, begin_T[math], end_T[math], _ALTTEXT, names_S4, name_bytes, windows_32)
        if not _is_visible(sheet) or not _put(sheet, is_block):
            _put_characters(sheet, tokens, math, end)
    return True


@borrowing
def _put_characters(sheet, tokens, math, end):  # type: ignore[no-untyped-def]
    name_T, depth_T, begin_T, end_T, text = tokens
    at = math + 1
    while at < end:
        if name_T[at] in (_ANNOTATION, _ANNOTATION_XML):
            at = after(depth_T, at)
            continue
        if name_T[at] < 0:
            start = begin_T[at]
            while start < end_T[at]:
                while start < end_T[at] and _space_bytes(text, start, end_T[at]):
                    start += _space_bytes(text, start, end_T[at])
                stop = start
                while stop < end_T[at] and not _space_bytes(text, stop, end_T[at]):
                    stop += 1
                if sheet.state_S[IN_PRE]:
                    write_pre(sheet, text, start, stop)
                else:
                    write(sheet, text, start, stop)
                start = stop
        at += 1


@borrowing
def _space_bytes(text, at, end):  # type: ignore[no-untyped-def]
    """Returns how many bytes the white space at `at` has, 0 where there is none."""
    if is_space(text[at]):
        return 1
    return 2 if text[at] == _LEAD and at + 1 < end and text[at + 1] == _NBSP else 0


@borrowing
def _collect(sheet, text, start, stop):  # type: ignore[no-untyped-def]
    """Adds text[start:stop] to the scratch; of what is too long, all."""
    size = sheet.state_S[SCRATCH]
    for at in range(start, min(stop, start + MAX_FORMULA + 1)):
        if size > MAX_FORMULA:
            break
        sheet.scratch[size] = text[at]
        size += 1
    sheet.state_S[SCRATCH] = size


@borrowing
def _resolve(sheet, page, start, stop, name, names_S4, name_bytes, windows_32):  # type: ignore[no-untyped-def]
    """Makes the value of an attribute the scratch, references resolved."""
    at, end = attribute(page, start, stop, name)
    size = _NONE
    while at < end and size <= MAX_FORMULA:
        if page[at] == _AMPERSAND:
            at, size = put_reference(
                page, at, end, sheet.scratch, size, _IN_ATTRIBUTE, names_S4, name_bytes, windows_32
            )
            continue
        if page[at] == _NUL:
            size = put_character(_REPLACEMENT, sheet.scratch, size)
        else:
            sheet.scratch[size] = page[at]
            size += 1
        at += 1
    sheet.state_S[SCRATCH] = size


@borrowing
def _trimmed(scratch, start, stop):  # type: ignore[no-untyped-def]
    while start < stop and _space_bytes(scratch, start, stop):
        start += _space_bytes(scratch, start, stop)
    while stop > start:
        if is_space(scratch[stop - 1]):
            stop -= 1
        elif stop - 2 >= start and scratch[stop - 2] == _LEAD and scratch[stop - 1] == _NBSP:
            stop -= 2
        else:
            break
    return start, stop


@borrowing
def _is_visible(sheet):  # type: ignore[no-untyped-def]
    size = sheet.state_S[SCRATCH]
    start, stop = _trimmed(sheet.scratch, _NONE, size)
    return size <= MAX_FORMULA and start < stop


@borrowing
def _put(sheet, is_block):  # type: ignore[no-untyped-def]
    """Writes the formula in the scratch; returns whether there is one, be it empty inside its style."""
    state_S, scratch = sheet.state_S, sheet.scratch
    if not _is_visible(sheet):
        return False
    start, stop = _trimmed(scratch, _NONE, state_S[SCRATCH])
    if (
        scratch[stop - 1] == _CLOSE
        and stop - start > _STYLE.size
        and equals(scratch, start, start + _STYLE.size, _STYLE)
    ):
        start, stop = _trimmed(scratch, start + _STYLE.size, stop - 1)
    if start == stop or not has_room(sheet, 2 * (stop - start)):
        return True
    if not state_S[IN_PRE]:
        if is_block:
            part(sheet, 1)
        begin(sheet, _DOLLAR)
        _put_dollars(sheet, is_block)
    while start < stop:
        width = _space_bytes(scratch, start, stop)
        if width:
            while start < stop and width:
                start += width
                width = _space_bytes(scratch, start, stop) if start < stop else 0
            put(sheet, _SPACE)
            continue
        if scratch[start] == _PIPE and state_S[IN_TABLE]:
            put(sheet, _BACKSLASH)
        put(sheet, scratch[start])
        start += 1
    if not state_S[IN_PRE]:
        _put_dollars(sheet, is_block)
        if is_block:
            part(sheet, 1)
    return True


@borrowing
def _put_dollars(sheet, is_block):  # type: ignore[no-untyped-def]
    put(sheet, _DOLLAR)
    if is_block:
        put(sheet, _DOLLAR)
