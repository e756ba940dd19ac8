"""Boxes of a page: its block-level elements as a tree with sums over the blocks inside each.

From these come the container statistics, the best node in Readability's sense, and repeated structure (lists of teasers
and threads of comments): siblings, and blocks under like paths, that share tag and class. Sums go from the last box to
the first, so that each is added once to its parent: linear, and in one order on any machine.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.html_blocks import Blocks
from curation.kernels.html_hints import ATTRIBUTES_A, BITS_S, NEXT_S27, hints_of
from curation.kernels.html_tokens import TEXT, Tokens

WORDS, LINK_WORDS, PARAGRAPH_WORDS, NUM_BLOCKS, NUM_PARAGRAPHS, MARKS, NUM_BOXES, SCORE = range(8)
"""Columns of `Boxes.sums_X8`; SCORE is the box's own (Readability's: children in full, grandchildren half)."""
NUM_SUMS = 8
COUNT, GROUP_WORDS, GROUP_LINK_WORDS = range(3)
"""Columns of groups."""
MIN_PARAGRAPH_WORDS, MAX_PARAGRAPH_LINKS = 10.0, 0.33
_MIX, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
_MAX_PROBES = 32


class Boxes(NamedTuple):
    """X boxes in page order; a box's parent comes before it."""

    parent_X: NDArray[np.int32]
    tag_X: NDArray[np.int16]
    hints_X: NDArray[np.uint32]
    sums_X8: NDArray[np.float64]
    siblings_X3: NDArray[np.float64]
    """Of the siblings of like tag and class: how many, their words, and words in links."""
    path_B3: NDArray[np.float64]
    """Of the blocks under a like path (three boxes): how many, their words, and words in links."""
    box_B: NDArray[np.int32]
    """Box of each block; -1: none."""
    best: int
    """Box of the highest score, less its share of links; -1: none."""
    narrow: int
    """Smallest box with most of the page's words in paragraphs; -1: none."""


def boxes_of(
    page: NDArray[np.uint8],
    tokens: Tokens,
    blocks: Blocks,
    level_C: NDArray[np.bool_],
    measures_B4: NDArray[np.float64],
) -> Boxes:
    """Returns the boxes of a page.

    Args:
        page: its bytes.
        tokens: of the page.
        blocks: of the tokens.
        level_C: elements of block level.
        measures_B4: of each block: words, words in links, 1 for a paragraph, commas and ends of sentences.
    """
    is_box_T = (tokens.name_T != TEXT) & level_C[tokens.name_T] & ~blocks.is_hidden_T
    token_X = np.flatnonzero(is_box_T)
    num, num_blocks = token_X.size, blocks.first_B.size
    number_T = np.full(tokens.name_T.size + 1, -1, np.int32)
    number_T[token_X] = np.arange(num, dtype=np.int32)
    slots = 1 << max(4, int(2 * max(num, num_blocks)).bit_length())
    parent_X = number_T[blocks.parent_T[token_X]]
    box_B = number_T[blocks.parent_T[blocks.first_B]]
    boxes = Boxes(
        parent_X=parent_X,
        tag_X=tokens.name_T[token_X],
        hints_X=np.zeros(num, np.uint32),
        sums_X8=np.zeros((num, NUM_SUMS), np.float64),
        siblings_X3=np.zeros((num, 3), np.float64),
        path_B3=np.zeros((num_blocks, 3), np.float64),
        box_B=box_B,
        best=-1,
        narrow=-1,
    )
    best, narrow = _boxes(
        *(page, tokens.begin_T[token_X], tokens.end_T[token_X], NEXT_S27, BITS_S, ATTRIBUTES_A, measures_B4),
        *(boxes.parent_X, boxes.tag_X, boxes.hints_X, boxes.sums_X8, boxes.siblings_X3, boxes.path_B3, box_B),
        *(np.zeros(slots, np.uint64), np.zeros((slots, 3), np.float64)),
    )
    return boxes._replace(best=int(best), narrow=int(narrow))


@kernel
def _boxes(  # type: ignore[no-untyped-def]
    page, begin_X, end_X, next_S27, bits_S, attributes_A, measures_B4, parent_X, tag_X, hints_X, sums_X8, siblings_X3,
    path_B3, box_B, key_S, group_S3,
):  # fmt: skip
    num = parent_X.size
    signature_X = np.zeros(num, np.uint64)
    for x in range(num):
        hints_X[x], signature = hints_of(page, begin_X[x], end_X[x], next_S27, bits_S, attributes_A)
        signature_X[x] = _mixed(signature, np.uint64(tag_X[x]))
    total = 0.0
    for b in range(box_B.size):
        words, link_words, is_paragraph, marks = (
            measures_B4[b, 0],
            measures_B4[b, 1],
            measures_B4[b, 2],
            measures_B4[b, 3],
        )
        total += is_paragraph * words
        x = box_B[b]
        if x < 0:
            continue
        sums_8 = sums_X8[x]
        sums_8[WORDS] += words
        sums_8[LINK_WORDS] += link_words
        sums_8[PARAGRAPH_WORDS] += is_paragraph * words
        sums_8[NUM_BLOCKS] += 1.0
        sums_8[NUM_PARAGRAPHS] += is_paragraph
        sums_8[MARKS] += marks
        if is_paragraph > 0:
            score = 1.0 + marks + min(words / 20.0, 3.0)
            sums_8[SCORE] += 0.0 if parent_X[x] >= 0 else score
            if parent_X[x] >= 0:
                sums_X8[parent_X[x], SCORE] += score
                if parent_X[parent_X[x]] >= 0:
                    sums_X8[parent_X[parent_X[x]], SCORE] += score / 2.0
    for x in range(num - 1, -1, -1):
        sums_X8[x, NUM_BOXES] += 1.0
        parent = parent_X[x]
        if parent >= 0:
            for s in range(SCORE):
                sums_X8[parent, s] += sums_X8[x, s]
    _group_siblings(parent_X, signature_X, sums_X8, siblings_X3, key_S, group_S3)
    key_S[:], group_S3[:] = np.uint64(0), 0.0
    _group_paths(parent_X, signature_X, box_B, measures_B4, path_B3, key_S, group_S3)
    best = narrow = -1
    best_score, narrow_words = 0.0, np.inf
    for x in range(num):
        words = max(sums_X8[x, WORDS], 1.0)
        score = sums_X8[x, SCORE] * (1.0 - sums_X8[x, LINK_WORDS] / words)
        if score > best_score:
            best, best_score = x, score
        if total > 0.0 and sums_X8[x, PARAGRAPH_WORDS] >= 0.6 * total and sums_X8[x, WORDS] <= narrow_words:
            narrow, narrow_words = x, sums_X8[x, WORDS]
    return best, narrow


@borrowing
def _mixed(a, b):  # type: ignore[no-untyped-def]
    mixed = np.uint64((a ^ np.uint64(b * _MIX)) * _MIX)
    return np.uint64(mixed ^ (mixed >> _SHIFT)) | np.uint64(1)


@borrowing
def _slot(key_S, key):  # type: ignore[no-untyped-def]
    """Returns the slot of a key, taken for it if it was not there; many collisions share one."""
    mask = np.uint64(key_S.size - 1)
    slot = np.uint64(key * _MIX) >> np.uint64(20) & mask
    for _ in range(_MAX_PROBES):
        if key_S[slot] == key:
            return slot
        if key_S[slot] == np.uint64(0):
            key_S[slot] = key
            return slot
        slot = (slot + np.uint64(1)) & mask
    return slot


@borrowing
def _group_siblings(parent_X, signature_X, sums_X8, siblings_X3, key_S, group_S3):  # type: ignore[no-untyped-def]
    slot_of = siblings_X3  # its first column serves for the slot until the end
    for x in range(parent_X.size):
        slot = _slot(key_S, _mixed(signature_X[x], np.uint64(parent_X[x] + 1)))
        slot_of[x, 0] = slot
        group_S3[slot, COUNT] += 1.0
        group_S3[slot, GROUP_WORDS] += sums_X8[x, WORDS]
        group_S3[slot, GROUP_LINK_WORDS] += sums_X8[x, LINK_WORDS]
    for x in range(parent_X.size):
        slot = np.uint64(slot_of[x, 0])
        for s in range(3):
            siblings_X3[x, s] = group_S3[slot, s]


@borrowing
def _group_paths(parent_X, signature_X, box_B, measures_B4, path_B3, key_S, group_S3):  # type: ignore[no-untyped-def]
    for b in range(box_B.size):
        x, key = box_B[b], np.uint64(1)
        for _ in range(3):
            if x >= 0:
                key = _mixed(key, signature_X[x])
                x = parent_X[x]
        slot = _slot(key_S, key)
        path_B3[b, 0] = slot
        group_S3[slot, COUNT] += 1.0
        group_S3[slot, GROUP_WORDS] += measures_B4[b, 0]
        group_S3[slot, GROUP_LINK_WORDS] += measures_B4[b, 1]
    for b in range(box_B.size):
        slot = np.uint64(path_B3[b, 0])
        for s in range(3):
            path_B3[b, s] = group_S3[slot, s]
