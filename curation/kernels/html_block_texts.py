"""The visible text of each block, one after another, and what is counted while it is copied."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.html_blocks import Blocks
from curation.kernels.html_names import codes
from curation.kernels.html_tokens import TEXT, Tokens
from curation.kernels.html_tree import MAX_DEPTH

(
    LINK_BYTES,
    STRONG_BYTES,
    NUM_LINKS,
    NUM_ELEMENTS,
    NUM_BREAKS,
    NUM_IMAGES,
    COMMAS,
    SENTENCE_ENDS,
    DIGITS,
    CAPITALS,
    LETTERS,
    ODD_MARKS,
    LAST_MARK,
    FIRST_KIND,
) = range(14)
"""Columns of `BlockTexts.counts_B14`. LAST_MARK: 1 where it ends like a sentence, 2 with a comma or colon. FIRST_KIND:
of its first character: 1 small letter, 2 capital, 3 digit, 4 above ASCII, 5 another."""
NUM_COUNTS = 14
A, BR, IMG, TITLE, STRONG, BOLD, EM, ITALIC = codes("a br img title strong b em i")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTexts:
    """Texts of B blocks and, last, of the title; as documents for `words`."""

    values: NDArray[np.uint8]
    offsets_D1: NDArray[np.int64]
    """int64 (B + 2,)."""
    counts_B14: NDArray[np.int64]


def block_texts(tokens: Tokens, blocks: Blocks) -> BlockTexts:
    """Returns the texts of a page's blocks.

    Args:
        tokens: of the page.
        blocks: `html_blocks(tokens)`.
    """
    num = blocks.first_B.size
    values = np.empty(tokens.text.size, np.uint8)
    offsets_D1, counts_B14 = np.zeros(num + 2, np.int64), np.zeros((num, NUM_COUNTS), np.int64)
    size = _block_texts(
        *(tokens.name_T, tokens.depth_T, tokens.begin_T, tokens.end_T, tokens.text),
        *(blocks.first_B, blocks.last_B, blocks.is_hidden_T, values, offsets_D1, counts_B14),
    )
    return BlockTexts(values=values[:size], offsets_D1=offsets_D1, counts_B14=counts_B14)


@kernel
def _block_texts(  # type: ignore[no-untyped-def]
    name_T, depth_T, begin_T, end_T, text, first_B, last_B, is_hidden_T, values, offsets_D1, counts_B14
):
    link_depth = strong_depth = MAX_DEPTH + 2  # of the open link and the open strong or em, if any
    title_begin = title_end = 0
    block = size = 0
    for t in range(name_T.size):
        depth, code = int(depth_T[t]), int(name_T[t])
        link_depth = MAX_DEPTH + 2 if depth <= link_depth else link_depth
        strong_depth = MAX_DEPTH + 2 if depth <= strong_depth else strong_depth
        if code == TITLE and title_end == 0 and t + 1 < name_T.size and name_T[t + 1] == TEXT:
            title_begin, title_end = begin_T[t + 1], end_T[t + 1]
        if code == A:
            link_depth = depth
        elif code in (STRONG, BOLD, EM, ITALIC) and depth < strong_depth:
            strong_depth = depth
        while block < first_B.size and last_B[block] < t:
            block += 1
            offsets_D1[block] = size
        if block == first_B.size or t < first_B[block] or is_hidden_T[t]:
            continue
        counts_14 = counts_B14[block]
        if code == TEXT:
            length = end_T[t] - begin_T[t]
            for i in range(length):
                values[size + i] = text[begin_T[t] + i]
            size += length
            counts_14[LINK_BYTES] += length if link_depth <= MAX_DEPTH else 0
            counts_14[STRONG_BYTES] += length if strong_depth <= MAX_DEPTH else 0
        else:
            counts_14[NUM_ELEMENTS] += 1
            counts_14[NUM_LINKS] += code == A
            counts_14[NUM_BREAKS] += code == BR
            counts_14[NUM_IMAGES] += code == IMG
    while block < first_B.size:
        block += 1
        offsets_D1[block] = size
    for b in range(first_B.size):
        _count(values, offsets_D1[b], offsets_D1[b + 1], counts_B14[b])
    for i in range(title_end - title_begin):
        if size < values.size:
            values[size] = text[title_begin + i]
            size += 1
    offsets_D1[first_B.size + 1] = size
    return size


@borrowing
def _count(values, begin, end, counts_14):  # type: ignore[no-untyped-def]
    """Counts marks and classes of characters; three-byte marks are the full-width and ideographic ones, and dots."""
    last, at = 0, begin
    first = 0
    while at < end:
        byte = values[at]
        at += 1
        if byte in (32, 9, 10, 12, 13):
            continue
        is_end, is_comma = byte in (33, 46, 63), byte == 44
        if byte in (0xE3, 0xEF, 0xE2) and at + 1 < end:
            second, third = values[at], values[at + 1]
            is_end = (
                (byte == 0xE3 and second == 0x80 and third == 0x82)
                or (byte == 0xEF and second == 0xBC and third in (0x81, 0x9F, 0x8E))
                or (byte == 0xE2 and second == 0x80 and third == 0xA6)
            )
            is_comma = (byte == 0xE3 and second == 0x80 and third == 0x81) or (
                byte == 0xEF and second == 0xBC and third == 0x8C
            )
            is_quote = byte == 0xE2 and second == 0x80 and third in (0x99, 0x9D)
            at += 2
            last = last if is_quote else (1 if is_end else 2 if is_comma else 0)
        elif byte == 0xD8 and at < end and values[at] == 0x8C:
            is_comma, last = True, 2
            at += 1
        elif byte == 0xE0 and at + 1 < end:
            last = 1 if values[at] == 0xA5 and values[at + 1] in (0xA4, 0xA5) else 0  # danda
            is_end = last == 1
            at += 2
        elif byte not in (34, 39, 41):  # a closing quote or bracket leaves the mark before it the last
            last = 1 if is_end else 2 if byte in (44, 58, 59) else 0
        if is_end and byte == 46 and at < end and values[at] not in (32, 9, 10, 13, 34, 39, 41, 60, 0xE2, 0xC2):
            is_end = False
        counts_14[COMMAS] += is_comma
        counts_14[SENTENCE_ENDS] += is_end
        is_digit, is_capital = np.uint8(48) <= byte <= np.uint8(57), np.uint8(65) <= byte <= np.uint8(90)
        is_small = np.uint8(97) <= byte <= np.uint8(122)
        counts_14[DIGITS] += is_digit
        counts_14[CAPITALS] += is_capital
        counts_14[LETTERS] += is_capital or is_small or byte >= 0xC0
        counts_14[ODD_MARKS] += byte in (124, 62, 60, 47, 35, 64, 42, 43)
        if first == 0:
            first = 1 if is_small else 2 if is_capital else 3 if is_digit else 4 if byte >= 0x80 else 5
    counts_14[LAST_MARK], counts_14[FIRST_KIND] = last, first
