"""Blocks of a page: maximal runs of inline text between the boundaries that a browser would break a line at.

`html_blocks(html_tokens(page))` gives B blocks in page order, disjoint ranges of tokens: all that a rule about blocks
(which are the main content?) or a renderer needs. Boundaries are the start and end of block-level elements (`LEVEL_C`),
`<hr>`, and two or more `<br>` with nothing visible between them; a single `<br>` stays inside its block, and all of a
`<pre>` without elements of block level is one block. A block has text that is not white space. Text that no reader
sees (scripts, styles, select, svg, title, ...: `HIDDEN_C`) makes none and is in none: inside a block's range skip the
tokens of `is_hidden_T`. A renderer walks tokens first_B[b] .. last_B[b] of the blocks it keeps, inline elements
(a, img, math, br, code) among them; list nesting and rows of tables follow from `parent_T`, block by block:

    parent = blocks.parent_T[blocks.first_B[b]]     # token of the nearest block-level element, -1: none
    above = blocks.parent_T[parent]                 # of the block-level element around that one

Source of the levels: WHATWG HTML, section 15.3 ("flow content" in the suggested rendering).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.html_names import CODE, NAMES
from curation.kernels.html_roles import HIDDEN_C, LEVEL_C
from curation.kernels.html_tokens import TEXT, Tokens
from curation.kernels.html_tree import BR, MAX_DEPTH

PARAGRAPH, HEADING, ITEM, CELL, PREFORMATTED = (np.uint8(kind) for kind in range(5))
"""Kinds of block, by the nearest ancestor that is h1-h6 or hgroup, li, dt or dd, td, th or caption, pre or the like."""
_KIND_NAMES = {
    HEADING: "h1 h2 h3 h4 h5 h6",
    ITEM: "li dt dd",
    CELL: "td th caption",
    PREFORMATTED: "pre listing xmp plaintext",
}


def _kinds() -> NDArray[np.uint8]:
    kind_C = np.zeros(len(NAMES), np.uint8)
    for kind, names in _KIND_NAMES.items():
        kind_C[[CODE[name] for name in names.split()]] = kind
    kind_C.setflags(write=False)
    return kind_C


KIND_C = _kinds()
NO_BREAK_1, NO_BREAK_2 = np.uint8(0xC2), np.uint8(0xA0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """B blocks of a page of T tokens, in its order."""

    first_B: NDArray[np.int32]
    """First token: the first inline element or visible text after the boundary."""
    last_B: NDArray[np.int32]
    """Last token, in the block: the last inline element (other than br) or visible text before the boundary."""
    begin_B: NDArray[np.int32]
    end_B: NDArray[np.int32]
    """Bytes of `Tokens.text`, from its first visible text to the end of its last; hidden text may lie between."""
    tag_B: NDArray[np.int16]
    """Code of the nearest block-level element (`html_names.NAMES`); 0: none."""
    kind_B: NDArray[np.uint8]
    """PARAGRAPH, HEADING, ITEM, CELL or PREFORMATTED."""
    parent_T: NDArray[np.int32]
    """Of each token: the token of the nearest block-level element around it, -1: none."""
    is_hidden_T: NDArray[np.bool_]
    """Of each token: whether it is, or lies in, an element of `HIDDEN_C`."""


def html_blocks(tokens: Tokens) -> Blocks:
    """Returns the blocks of a page's tokens.

    Raises:
        ValueError: the arrays of `tokens` differ in length.
    """
    size = tokens.name_T.size
    if not tokens.depth_T.size == tokens.begin_T.size == tokens.end_T.size == size:
        raise ValueError("html_blocks: expected tokens of html_tokens, found arrays of different lengths")
    most = int(np.count_nonzero(tokens.name_T == TEXT))
    token_B2, byte_B2 = np.empty((most, 2), np.int32), np.empty((most, 2), np.int32)
    tag_B, kind_B = np.empty(most, np.int16), np.empty(most, np.uint8)
    parent_T, is_hidden_T = np.empty(size, np.int32), np.empty(size, np.bool_)
    num = _html_blocks(
        *(tokens.name_T, tokens.depth_T, tokens.begin_T, tokens.end_T, tokens.text, LEVEL_C, HIDDEN_C, KIND_C),
        *(parent_T, is_hidden_T, token_B2, byte_B2, tag_B, kind_B),
    )
    return Blocks(
        first_B=token_B2[:num, 0],
        last_B=token_B2[:num, 1],
        begin_B=byte_B2[:num, 0],
        end_B=byte_B2[:num, 1],
        tag_B=tag_B[:num],
        kind_B=kind_B[:num],
        parent_T=parent_T,
        is_hidden_T=is_hidden_T,
    )


@kernel
def _html_blocks(  # type: ignore[no-untyped-def]
    name_T,
    depth_T,
    begin_T,
    end_T,
    text,
    level_C,
    hidden_C,
    kind_C,
    parent_T,
    is_hidden_T,
    token_B2,
    byte_B2,
    tag_B,
    kind_B,
):
    # Of each open element: nearest block-level element (itself, if it is one), whether hidden, kind, whether of level.
    level_D, hidden_D = np.full(MAX_DEPTH + 2, -1, np.int32), np.zeros(MAX_DEPTH + 2, np.bool_)
    kind_D, is_level_D = np.zeros(MAX_DEPTH + 2, np.uint8), np.zeros(MAX_DEPTH + 2, np.bool_)
    num = height = 0  # level_D[height] is of the innermost open element; index 0 stands for the page
    first = last = begin = end = -1
    breaks = False
    for t in range(name_T.size):
        is_boundary = False
        depth = int(depth_T[t])
        while height > depth:
            is_boundary |= is_level_D[height]
            height -= 1
        code = int(name_T[t])
        parent = level_D[height]
        parent_T[t] = parent
        is_hidden_T[t] = hidden_D[height] or (code != TEXT and hidden_C[code])
        is_level = code != TEXT and level_C[code] and not is_hidden_T[t]
        is_break = code == BR and kind_D[height] != PREFORMATTED
        is_visible = code == TEXT and not is_hidden_T[t] and not _is_blank(text, begin_T[t], end_T[t])
        if is_boundary or is_level or (is_break and breaks):
            if begin >= 0:
                token_B2[num, 0], token_B2[num, 1], byte_B2[num, 0], byte_B2[num, 1] = first, last, begin, end
                num += 1
            first = last = begin = end = -1
            breaks = False
        if code != TEXT:
            height = depth + 1
            hidden_D[height], is_level_D[height] = is_hidden_T[t], is_level
            level_D[height] = t if is_level else parent
            kind_D[height] = kind_C[code] if kind_C[code] else kind_D[depth]
            if is_break:
                breaks = begin >= 0
            elif not is_level and not is_hidden_T[t]:
                first = t if first < 0 else first
                last = t
        elif is_visible:
            if begin < 0:
                begin = int(begin_T[t])
                tag_B[num] = name_T[parent] if parent >= 0 else 0
                kind_B[num] = kind_D[height]
            first = t if first < 0 else first
            last, end, breaks = t, int(end_T[t]), False
    if begin >= 0:
        token_B2[num, 0], token_B2[num, 1], byte_B2[num, 0], byte_B2[num, 1] = first, last, begin, end
        num += 1
    return num


@borrowing
def _is_blank(text, begin, end):  # type: ignore[no-untyped-def]
    """Returns whether text[begin:end] is white space and no-break spaces alone."""
    while begin < end:
        byte = text[begin]
        if byte in (32, 9, 10, 12, 13):
            begin += 1
        elif byte == NO_BREAK_1 and begin + 1 < end and text[begin + 1] == NO_BREAK_2:
            begin += 2
        else:
            return False
    return True
