"""Which elements an HTML tag opens and closes: the stack of open elements without the tree (WHATWG HTML, 13.2.6).

Implied ends are the standard's for paragraphs, lists, tables, options, headings and ruby. Not followed: text that a
table may not hold stays where it is (13.2.6.1 moves it before the table), misnested formatting is closed where its end
tag stands or not at all (13.2.6.4.7, "adoption agency"), and what lies deeper than `MAX_DEPTH` lies at `MAX_DEPTH`, as
in browsers.
"""

import numpy as np

from curation.kernels import borrowing
from curation.kernels.html_names import (
    BLOCK,
    BREAKOUT,
    CELL,
    FOREIGN,
    HEADING,
    HTML_IN_FOREIGN,
    ROWS,
    SCOPE,
    SPECIAL,
    codes,
)

NONE, NOWHERE = np.uint16(0), np.int64(-1)
ALL, MOST = np.bool_(False), np.bool_(True)
"""Of the elements that stop a search: all, or not address, div and p."""
MAX_DEPTH = 512
"""Elements open at once; Chromium's limit."""
P, LI, DD, DT, A, NOBR, FORM, BUTTON = codes("p li dd dt a nobr form button")
HTML, HEAD, BODY, TEMPLATE, DIV, ADDRESS, BR = codes("html head body template div address br")
TABLE, TR, CAPTION, COLGROUP, UL, OL = codes("table tr caption colgroup ul ol")
OPTION, OPTGROUP, RB, RT, RTC, RP = codes("option optgroup rb rt rtc rp")
APPLET, MARQUEE, OBJECT = codes("applet marquee object")
IN_HEAD = codes("base basefont bgsound link meta title noscript noframes style script template")


@borrowing
def popped(stack_D, num_open_C, depth, new_depth):  # type: ignore[no-untyped-def]
    """Closes the elements from `new_depth` on; returns `new_depth`."""
    for at in range(new_depth, depth):
        num_open_C[stack_D[at]] -= 1
    return new_depth


@borrowing
def is_html(stack_D, foreign_D, kinds_C, depth):  # type: ignore[no-untyped-def]
    """Returns whether a tag at this depth is one of HTML: not inside SVG or MathML, or where these hold HTML again."""
    return depth == 0 or not foreign_D[depth - 1] or kinds_C[stack_D[depth - 1]] & HTML_IN_FOREIGN != 0


@borrowing
def _nearest(stack_D, kinds_C, depth, code, other, kinds, stops, stop, most):  # type: ignore[no-untyped-def]
    """Returns the depth of the innermost element that is `code`, `other` or of `kinds`; -1 if none before a stop.

    Stops are the elements of the kinds `stops` and the element `stop`, less address, div and p where `most` is true.
    """
    at = depth - 1
    while at >= 0:
        found = stack_D[at]
        if found in (code, other) or kinds_C[found] & kinds != 0:
            return at
        if (kinds_C[found] & stops != 0 or found == stop) and not (most and found in (ADDRESS, DIV, P)):
            return -1
        at -= 1
    return -1


@borrowing
def _closing(stack_D, num_open_C, depth, at):  # type: ignore[no-untyped-def]
    return popped(stack_D, num_open_C, depth, at) if at >= 0 else depth


@borrowing
def depth_before(stack_D, foreign_D, num_open_C, kinds_C, depth, code):  # type: ignore[no-untyped-def]
    """Closes what the start tag of `code` ends by itself; returns the depth at which the element stands.

    -1: the tag is ignored.
    """
    kinds = kinds_C[code]
    if depth and foreign_D[depth - 1] and not is_html(stack_D, foreign_D, kinds_C, depth):
        if kinds & BREAKOUT == 0:
            return depth
        while not is_html(stack_D, foreign_D, kinds_C, depth):
            depth = popped(stack_D, num_open_C, depth, depth - 1)
    if code in (HTML, BODY, HEAD):
        if num_open_C[code] or num_open_C[BODY]:
            return -1
        if code != HTML and num_open_C[HEAD]:
            depth = _closing(
                stack_D, num_open_C, depth, _nearest(stack_D, kinds_C, depth, HEAD, HEAD, NONE, NONE, NOWHERE, ALL)
            )
        return depth
    if depth and stack_D[depth - 1] == HEAD and code not in IN_HEAD:
        depth = popped(stack_D, num_open_C, depth, depth - 1)
    if code == FORM and num_open_C[FORM]:
        return -1
    if code == LI and num_open_C[LI]:
        at = _nearest(stack_D, kinds_C, depth, LI, LI, NONE, SPECIAL, NOWHERE, MOST)
        depth = _closing(stack_D, num_open_C, depth, at)
    elif code in (DD, DT) and (num_open_C[DD] or num_open_C[DT]):
        at = _nearest(stack_D, kinds_C, depth, DD, DT, NONE, SPECIAL, NOWHERE, MOST)
        depth = _closing(stack_D, num_open_C, depth, at)
    if kinds & BLOCK != 0 and num_open_C[P]:
        depth = _closing(stack_D, num_open_C, depth, _nearest(stack_D, kinds_C, depth, P, P, NONE, SCOPE, BUTTON, ALL))
    if kinds & HEADING != 0 and depth and kinds_C[stack_D[depth - 1]] & HEADING != 0:
        return popped(stack_D, num_open_C, depth, depth - 1)
    if kinds & CELL != 0 or code == TR or kinds & ROWS != 0 or code in (CAPTION, COLGROUP):
        return _in_table(stack_D, num_open_C, kinds_C, depth, code)
    if code in (A, NOBR, BUTTON) and num_open_C[code]:
        at = _nearest(stack_D, kinds_C, depth, code, code, NONE, SPECIAL if code != BUTTON else SCOPE, NOWHERE, ALL)
        return _closing(stack_D, num_open_C, depth, at)
    return _small(stack_D, num_open_C, depth, code)


@borrowing
def _in_table(stack_D, num_open_C, kinds_C, depth, code):  # type: ignore[no-untyped-def]
    """Closes the cell, row or group of rows of the innermost table that a part of a table ends."""
    if num_open_C[TABLE] == 0:
        return depth
    if kinds_C[code] & CELL != 0:
        at = _nearest(stack_D, kinds_C, depth, CAPTION, CAPTION, CELL, NONE, TABLE, ALL)
    elif code == TR:
        at = _nearest(stack_D, kinds_C, depth, TR, CAPTION, NONE, NONE, TABLE, ALL)
        if at < 0:
            at = _nearest(stack_D, kinds_C, depth, COLGROUP, COLGROUP, NONE, NONE, TABLE, ALL)
    else:
        at = _nearest(stack_D, kinds_C, depth, CAPTION, COLGROUP, ROWS, NONE, TABLE, ALL)
        if at < 0:
            at = _nearest(stack_D, kinds_C, depth, TR, TR, NONE, NONE, TABLE, ALL)
    return _closing(stack_D, num_open_C, depth, at)


@borrowing
def _small(stack_D, num_open_C, depth, code):  # type: ignore[no-untyped-def]
    """Closes an option or a piece of ruby that the next one ends."""
    top = stack_D[depth - 1] if depth else 0
    if code in (OPTION, OPTGROUP) and top == OPTION:
        depth = popped(stack_D, num_open_C, depth, depth - 1)
        top = stack_D[depth - 1] if depth else 0
    if code == OPTGROUP and top == OPTGROUP:
        return popped(stack_D, num_open_C, depth, depth - 1)
    if code in (RB, RT, RTC, RP) and top in (RB, RT, RP):
        return popped(stack_D, num_open_C, depth, depth - 1)
    return depth


@borrowing
def depth_after(stack_D, foreign_D, num_open_C, kinds_C, depth, code):  # type: ignore[no-untyped-def]
    """Closes what the end tag of `code` ends; returns the new depth, the same where the tag ends nothing."""
    if code in (HTML, BODY) or (num_open_C[code] == 0 and kinds_C[code] & HEADING == 0):
        return depth
    kinds = kinds_C[code]
    if kinds & HEADING != 0:
        at = _nearest(stack_D, kinds_C, depth, code, code, HEADING, SCOPE, NOWHERE, ALL)
    elif kinds & CELL != 0 or kinds & ROWS != 0 or code in (TR, TABLE, CAPTION, COLGROUP):
        at = _nearest(stack_D, kinds_C, depth, code, code, NONE, NONE, TABLE, ALL)
    elif code == LI:
        at = _nearest(stack_D, kinds_C, depth, LI, UL, NONE, SCOPE, OL, ALL)
        at = at if at >= 0 and stack_D[at] == LI else -1
    elif code == P:
        at = _nearest(stack_D, kinds_C, depth, P, P, NONE, SCOPE, BUTTON, ALL)
    elif kinds & BLOCK != 0 or code in (BUTTON, APPLET, MARQUEE, OBJECT):
        at = _nearest(stack_D, kinds_C, depth, code, code, NONE, SCOPE, NOWHERE, ALL)
    elif code == TEMPLATE or kinds & FOREIGN != 0 or (depth and foreign_D[depth - 1]):
        at = _nearest(stack_D, kinds_C, depth, code, code, NONE, NONE, NOWHERE, ALL)
    else:
        at = _nearest(stack_D, kinds_C, depth, code, code, NONE, SPECIAL, NOWHERE, ALL)
    return _closing(stack_D, num_open_C, depth, at)
