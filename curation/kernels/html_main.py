"""From blocks to what is read: sizes of blocks, which tokens chosen blocks are made of, and what stands in comments."""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.html_attributes import attribute, contains, is_space, lower, word
from curation.kernels.html_blocks import Blocks
from curation.kernels.html_grid import after
from curation.kernels.html_names import codes
from curation.kernels.html_tokens import TEXT, Tokens

WORDS, VISIBLE_BYTES, LINK_BYTES = range(3)
"""Columns of `block_sizes`: words (a wide character of East Asia is one), visible bytes, those of them in links."""
_A, _DIV, _SECTION, _ASIDE, _ARTICLE, _OL, _UL, _LI, _DL = codes("a div section aside article ol ul li dl")
_CLASS, _ID, _ITEMTYPE, _ITEMPROP = word("class"), word("id"), word("itemtype"), word("itemprop")
_COMMENT_TYPE, _COMMENT = word("schema.org/comment"), word("comment")
_NAMES = tuple(
    word(name) for name in ("comment", "comments", "commentlist", "commentslist", "disqus", "replies", "respond")
)
_NOT = tuple(word(name) for name in ("open", "closed", "off", "no", "has", "with", "without", "article"))
_WIDE, _LAST_WIDE = np.uint8(0xE3), np.uint8(0xE9)
_LEAD, _NBSP = np.uint8(0xC2), np.uint8(0xA0)


def block_sizes(tokens: Tokens, blocks: Blocks) -> NDArray[np.int64]:
    """Returns int64 (B, 3): words, visible bytes and those in links, of each block."""
    size_B3 = np.zeros((blocks.first_B.size, 3), np.int64)
    arrays = (tokens.name_T, tokens.depth_T, tokens.begin_T, tokens.end_T, tokens.text)
    _block_sizes(arrays, blocks.first_B, blocks.last_B, blocks.is_hidden_T, size_B3)
    return size_B3


@kernel
def _block_sizes(tokens, first_B, last_B, is_hidden_T, size_B3):  # type: ignore[no-untyped-def]
    name_T, depth_T, begin_T, end_T, text = tokens
    block, link = np.int64(0), np.int64(-1)
    for at in range(name_T.size):
        if link >= 0 and depth_T[at] <= link:
            link = np.int64(-1)
        if name_T[at] == _A and link < 0:
            link = np.int64(depth_T[at])
        while block < first_B.size and at > last_B[block]:
            block += 1
        if block == first_B.size:
            break
        if name_T[at] != TEXT or at < first_B[block] or is_hidden_T[at]:
            continue
        words, visible = _sizes(text, begin_T[at], end_T[at])
        size_B3[block, WORDS] += words
        size_B3[block, VISIBLE_BYTES] += visible
        size_B3[block, LINK_BYTES] += visible if link >= 0 else 0


@borrowing
def _sizes(text, begin, end):  # type: ignore[no-untyped-def]
    words = visible = np.int64(0)
    inside = False
    for at in range(begin, end):
        byte = text[at]
        if is_space(byte) or (byte == _LEAD and at + 1 < end and text[at + 1] == _NBSP):
            inside = False
            continue
        is_wide = _WIDE <= byte <= _LAST_WIDE
        words += is_wide or not inside
        inside = True
        visible += 1
    return words, visible


def chosen_tokens(tokens: Tokens, blocks: Blocks, keep_B: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns bool (T,): tokens of chosen blocks, and between two of them that follow one another."""
    first_B, after_B = blocks.first_B[keep_B].copy(), blocks.last_B[keep_B] + 1
    follows = np.diff(np.flatnonzero(keep_B)) == 1
    first_B[1:][follows] = after_B[:-1][follows]
    change_T1 = np.zeros(tokens.name_T.size + 1, np.int8)
    np.add.at(change_T1, first_B, 1)
    np.add.at(change_T1, after_B, -1)
    return np.cumsum(change_T1[:-1], dtype=np.int8) > 0


def comment_tokens(page: NDArray[np.uint8], tokens: Tokens) -> NDArray[np.bool_]:
    """Returns bool (T,): tokens in what holds readers' comments.

    That is a div, section, aside, article, list or item whose `class` or `id` has a word for it, or that schema.org's
    vocabulary calls a comment.
    """
    in_comment_T = np.zeros(tokens.name_T.size, np.bool_)
    _comment_tokens(page, tokens.name_T, tokens.depth_T, tokens.begin_T, tokens.end_T, in_comment_T)
    return in_comment_T


@kernel
def _comment_tokens(page, name_T, depth_T, begin_T, end_T, in_comment_T):  # type: ignore[no-untyped-def]
    at = np.int64(0)
    while at < name_T.size:
        if name_T[at] in (_DIV, _SECTION, _ASIDE, _ARTICLE, _OL, _UL, _LI, _DL) and _is_comment(
            page, begin_T[at], end_T[at]
        ):
            stop = after(depth_T, at)
            in_comment_T[at:stop] = True
            at = stop
        else:
            at += 1


@borrowing
def _is_comment(page, start, stop):  # type: ignore[no-untyped-def]
    if stop - start < _ID.size:
        return False
    begin, end = attribute(page, start, stop, _CLASS)
    if _has_word(page, begin, end):
        return True
    begin, end = attribute(page, start, stop, _ID)
    if _has_word(page, begin, end):
        return True
    begin, end = attribute(page, start, stop, _ITEMTYPE)
    if contains(page, begin, end, _COMMENT_TYPE):
        return True
    begin, end = attribute(page, start, stop, _ITEMPROP)
    return end - begin == _COMMENT.size and contains(page, begin, end, _COMMENT)


@borrowing
def _has_word(page, at, end):  # type: ignore[no-untyped-def]
    """Returns whether a word for comments stands between other marks than letters, and none that takes it back."""
    found = False
    while at < end:
        stop = at
        while stop < end and np.uint8(97) <= lower(page[stop]) <= np.uint8(122):
            stop += 1
        if stop > at:
            for name in _NOT:
                if stop - at == name.size and contains(page, at, stop, name):
                    return False
            for name in _NAMES:
                found |= stop - at == name.size and contains(page, at, stop, name)
        at = stop + 1
    return found
