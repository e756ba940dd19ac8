"""Features of blocks, from which a model tells main content: float32 (B, F), `FEATURES` names the columns.

Families: the block itself (words, marks, links, function words of eleven languages, title), its neighbours, its place
on the page, sums of its box and the three next larger ones, the best node, tags and hints around it, repeated
structure. After dragnet (Peters & Lecocq 2013), Boilerpipe (Kohlschütter et al. 2010) and Readability. Words are
counted by the words view: Han, kana and the orthographic clusters of Thai and its like by their own rates. No
logarithms, no sums in an order that may change: the same bytes anywhere.
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.characters import CLUSTERS, IDEOGRAPHS, NUMERIC_WORDS, SPACELESS_CHARS, WORD_CHARS
from curation.kernels.html_block_texts import (
    CAPITALS,
    COMMAS,
    DIGITS,
    FIRST_KIND,
    LAST_MARK,
    LETTERS,
    LINK_BYTES,
    NUM_BREAKS,
    NUM_ELEMENTS,
    NUM_IMAGES,
    NUM_LINKS,
    ODD_MARKS,
    SENTENCE_ENDS,
    STRONG_BYTES,
    block_texts,
)
from curation.kernels.html_blocks import Blocks
from curation.kernels.html_boxes import LINK_WORDS as BOX_LINK_WORDS
from curation.kernels.html_boxes import (
    MARKS,
    MAX_PARAGRAPH_LINKS,
    MIN_PARAGRAPH_WORDS,
    NUM_BLOCKS,
    NUM_BOXES,
    NUM_PARAGRAPHS,
    PARAGRAPH_WORDS,
    SCORE,
    WORDS,
    boxes_of,
)
from curation.kernels.html_hints import HINTS, NUM_HINTS
from curation.kernels.html_names import CODE, NAMES
from curation.kernels.html_roles import LEVEL_C
from curation.kernels.html_tokens import Tokens
from curation.kernels.html_word_lists import listed, listed_kind
from curation.kernels.words import words

LEVELS = 4
MAX_LEVELS = 24
FAR = 30.0
"""Levels to what is not above a block."""
_TAG_GROUPS = (
    *("article", "main", "aside", "nav", "footer", "header", "form", "section", "blockquote", "figure figcaption"),
    *("table", "ul ol dl", "li", "p", "h1 h2 h3 h4 h5 h6", "pre", "button", "details"),
)
_LOCAL = (
    *(
        "words",
        "chars_per_word",
        "link_share",
        "strong_share",
        "links",
        "elements",
        "breaks",
        "images",
        "commas_per_word",
    ),
    *("ends_per_word", "ends", "digit_share", "capital_share", "odd_marks_per_word", "last_mark", "first_kind"),
    *(
        "numeric_share",
        "spaceless_share",
        "function_share",
        "calls",
        "notices",
        "title_share",
        "kind",
        "tag",
        "is_paragraph",
    ),
)
_NEAR = ("words", "link_share", "is_paragraph", "function_share", "ends", "tag", "same_box")
_CONTAINER = (
    *("words_share", "paragraph_share", "link_share", "marks_per_word", "words_per_block", "blocks", "words_per_box"),
    *("own_share", "paragraphs_per_block", "rise"),
)
FEATURES = (
    *_LOCAL,
    *(f"{name}[{step:+d}]" for step in (-2, -1, 1, 2) for name in _NEAR),
    *("window4_paragraphs", "window4_links", "window12_paragraphs", "window12_links"),
    *("place", "words_before_share", "blocks", "page_words", "page_paragraph_words", "since_heading", "since_h1"),
    *("to_previous_paragraph", "to_next_paragraph", "text_share", "depth", "seen_before"),
    *(f"{name}^{level}" for level in range(LEVELS) for name in _CONTAINER),
    *("in_best", "levels_to_best", "best_share", "box_score_share", "in_narrow", "levels_to_narrow", "narrow_share"),
    *("place_in_best",),
    *("siblings", "siblings_level", "sibling_words", "sibling_links", "path_blocks", "path_words", "path_links"),
    *(f"levels_to_{group.split()[0]}" for group in _TAG_GROUPS),
    *(f"levels_to_{hint}" for hint in HINTS),
)
NUM_FEATURES = len(FEATURES)


def _group_of_tags() -> NDArray[np.int8]:
    group_C = np.full(len(NAMES), -1, np.int8)
    for number, names in enumerate(_TAG_GROUPS):
        group_C[[CODE[name] for name in names.split()]] = number
    return group_C


GROUP_C = _group_of_tags()
NUM_GROUPS = len(_TAG_GROUPS)
H1 = np.int64(CODE["h1"])


def block_features(page: NDArray[np.uint8], tokens: Tokens, blocks: Blocks) -> NDArray[np.float32]:
    """Returns float32 (B, F): the features of each block.

    Args:
        page: uint8, the page's bytes.
        tokens: `html_tokens(page)`.
        blocks: `html_blocks(tokens)`.
    """
    num = blocks.first_B.size
    features_BF = np.zeros((num, NUM_FEATURES), np.float32)
    if num == 0:
        return features_BF
    texts = block_texts(tokens, blocks)
    found = words(texts.values, texts.offsets_D1)
    local_BL, text_hash_B = np.zeros((num, len(_LOCAL)), np.float64), np.zeros(num, np.uint64)
    _local(
        *(texts.offsets_D1, texts.counts_B14, found.hash_W, found.word_offsets_N1, found.counts_N6, listed()),
        *(blocks.kind_B, blocks.tag_B, local_BL, text_hash_B),
    )
    measures_B4 = np.empty((num, 4), np.float64)
    measures_B4[:, 0], measures_B4[:, 1] = local_BL[:, 0], local_BL[:, 0] * local_BL[:, 2]
    measures_B4[:, 2] = local_BL[:, _LOCAL.index("is_paragraph")]
    measures_B4[:, 3] = texts.counts_B14[:, COMMAS] + texts.counts_B14[:, SENTENCE_ENDS]
    boxes = boxes_of(page, tokens, blocks, LEVEL_C, measures_B4)
    _features(
        *(
            local_BL,
            text_hash_B,
            measures_B4,
            np.int64(page.size),
            np.int64(texts.values.size),
            tokens.depth_T[blocks.first_B],
        ),
        *(boxes.parent_X, boxes.tag_X, boxes.hints_X, boxes.sums_X8, boxes.siblings_X3, boxes.path_B3, boxes.box_B),
        *(np.int64(boxes.best), np.int64(boxes.narrow), GROUP_C, features_BF),
    )
    return features_BF


@kernel
def _local(offsets_D1, counts_B14, hash_W, word_offsets_D1, counts_D6, listed_S2, kind_B, tag_B, local_BL, text_hash_B):  # type: ignore[no-untyped-def]
    num = kind_B.size
    title_begin, title_end = word_offsets_D1[num], word_offsets_D1[num + 1]
    title_end = min(title_end, title_begin + 32)
    for b in range(num):
        counts_14, counts_6, row = counts_B14[b], counts_D6[b], local_BL[b]
        begin, end = word_offsets_D1[b], word_offsets_D1[b + 1]
        function_words = calls = notices = in_title = 0
        text_hash = np.uint64(14695981039346656037)
        for w in range(begin, end):
            hashed = hash_W[w]
            text_hash = np.uint64((text_hash ^ hashed) * np.uint64(0x9E3779B97F4A7C15))
            kind = listed_kind(listed_S2, hashed)
            function_words += kind == 1
            calls += kind == 2
            notices += kind == 3
            if w < begin + 32:
                for t in range(title_begin, title_end):
                    if hash_W[t] == hashed:
                        in_title += 1
                        break
        text_hash_B[b] = text_hash
        spelled = np.float64(end - begin)
        others = spelled - counts_6[IDEOGRAPHS] - counts_6[CLUSTERS]
        num_words = others + counts_6[IDEOGRAPHS] / 1.7 + counts_6[CLUSTERS] / 2.5
        size, some = max(np.float64(offsets_D1[b + 1] - offsets_D1[b]), 1.0), max(num_words, 1.0)
        row[0], row[1] = num_words, counts_6[WORD_CHARS] / some
        row[2], row[3] = counts_14[LINK_BYTES] / size, counts_14[STRONG_BYTES] / size
        row[4], row[5], row[6], row[7] = (
            counts_14[NUM_LINKS],
            counts_14[NUM_ELEMENTS],
            counts_14[NUM_BREAKS],
            counts_14[NUM_IMAGES],
        )
        row[8], row[9], row[10] = counts_14[COMMAS] / some, counts_14[SENTENCE_ENDS] / some, counts_14[SENTENCE_ENDS]
        row[11], row[12] = counts_14[DIGITS] / size, counts_14[CAPITALS] / max(np.float64(counts_14[LETTERS]), 1.0)
        row[13], row[14], row[15] = counts_14[ODD_MARKS] / some, counts_14[LAST_MARK], counts_14[FIRST_KIND]
        row[16], row[17] = (
            counts_6[NUMERIC_WORDS] / some,
            counts_6[SPACELESS_CHARS] / max(np.float64(counts_6[WORD_CHARS]), 1.0),
        )
        row[18], row[19], row[20] = (
            function_words / max(spelled, 1.0),
            calls / max(spelled, 1.0),
            notices / max(spelled, 1.0),
        )
        row[21], row[22], row[23] = in_title / max(min(spelled, 32.0), 1.0), kind_B[b], tag_B[b]
        row[24] = 1.0 if num_words >= MIN_PARAGRAPH_WORDS and row[2] < MAX_PARAGRAPH_LINKS else 0.0


@kernel
def _features(  # type: ignore[no-untyped-def]
    local_BL, text_hash_B, measures_B4, page_size, text_size, depth_B, parent_X, tag_X, hints_X, sums_X8, siblings_X3,
    path_B3, box_B, best, narrow, group_C, features_BF,
):  # fmt: skip
    num, num_local = local_BL.shape
    order_B, is_repeat_B = np.argsort(text_hash_B, kind="mergesort"), np.zeros(num, np.bool_)
    for i in range(1, num):
        is_repeat_B[order_B[i]] = text_hash_B[order_B[i]] == text_hash_B[order_B[i - 1]]
    # Sums of paragraphs and links up to each block, for windows; nearest paragraph before and after.
    sums_B3 = np.zeros((num + 1, 3))
    before_B, after_B = np.zeros(num, np.int64), np.zeros(num, np.int64)
    nearest = -1
    for b in range(num):
        words, paragraph = measures_B4[b, 0], measures_B4[b, 2]
        sums_B3[b + 1, 0] = sums_B3[b, 0] + words
        sums_B3[b + 1, 1] = sums_B3[b, 1] + measures_B4[b, 1]
        sums_B3[b + 1, 2] = sums_B3[b, 2] + words * paragraph
        before_B[b] = nearest
        nearest = b if paragraph > 0 else nearest
    nearest = -1
    for b in range(num - 1, -1, -1):
        after_B[b] = nearest
        nearest = b if measures_B4[b, 2] > 0 else nearest
    page_words, page_paragraphs = max(sums_B3[num, 0], 1.0), max(sums_B3[num, 2], 1.0)
    best_first = best_last = -1
    for b in range(num):
        if _is_inside(parent_X, box_B[b], best):
            best_first = b if best_first < 0 else best_first
            best_last = b
    above_X2 = np.zeros((parent_X.size, 2), np.bool_)  # boxes around the best one and the narrow one, and these
    for i in range(2):
        x = best if i == 0 else narrow
        while x >= 0:
            above_X2[x, i] = True
            x = parent_X[x]
    heading = h1 = -1
    for b in range(num):
        row, local = features_BF[b], local_BL[b]
        for f in range(num_local):
            row[f] = local[f]
        f = num_local
        for step in (-2, -1, 1, 2):
            other = b + step
            if 0 <= other < num:
                near = local_BL[other]
                row[f], row[f + 1], row[f + 2], row[f + 3], row[f + 4] = near[0], near[2], near[24], near[18], near[10]
                row[f + 5], row[f + 6] = near[23], 1.0 if box_B[other] == box_B[b] else 0.0
            else:
                for i in range(7):
                    row[f + i] = -1.0
            f += 7
        for reach in (4, 12):
            low, high = max(b - reach, 0), min(b + reach + 1, num)
            words = max(sums_B3[high, 0] - sums_B3[low, 0], 1.0)
            row[f] = (sums_B3[high, 2] - sums_B3[low, 2]) / words
            row[f + 1] = (sums_B3[high, 1] - sums_B3[low, 1]) / words
            f += 2
        heading = b if local[22] == 1.0 else heading
        h1 = b if local[23] == H1 else h1
        row[f], row[f + 1], row[f + 2] = b / num, sums_B3[b, 0] / page_words, num
        row[f + 3], row[f + 4] = page_words, sums_B3[num, 2]
        row[f + 5] = b - heading if heading >= 0 else -1.0
        row[f + 6] = b - h1 if h1 >= 0 else -1.0
        row[f + 7] = b - before_B[b] if before_B[b] >= 0 else 1000.0
        row[f + 8] = after_B[b] - b if after_B[b] >= 0 else 1000.0
        row[f + 9], row[f + 10], row[f + 11] = text_size / max(page_size, 1), depth_B[b], is_repeat_B[b]
        f += 12
        f = _container_features(row, f, b, measures_B4, parent_X, sums_X8, box_B, page_words, page_paragraphs)
        place = -1.0
        if best_first >= 0:
            place = (b - best_first) / max(best_last - best_first, 1)
        f = _best_features(
            row, f, box_B[b], parent_X, sums_X8, above_X2, best, narrow, page_words, min(max(place, -9.0), 9.0)
        )
        f = _repeats(row, f, box_B[b], parent_X, siblings_X3, path_B3[b])
        _levels(row, f, box_B[b], parent_X, tag_X, hints_X, group_C)


@borrowing
def _is_inside(parent_X, x, wanted):  # type: ignore[no-untyped-def]
    while x > wanted and x >= 0:
        x = parent_X[x]
    return x == wanted and x >= 0


@borrowing
def _container_features(row, f, b, measures_B4, parent_X, sums_X8, box_B, page_words, page_paragraphs):  # type: ignore[no-untyped-def]
    """Sums of the block's box and of the three next boxes that hold more words than the one inside them."""
    x, inside = box_B[b], max(measures_B4[b, 0], 1.0)
    for level in range(LEVELS):
        if level > 0:
            while x >= 0 and sums_X8[x, WORDS] <= inside:
                x = parent_X[x]
        if x >= 0:
            sums_8 = sums_X8[x]
            words = max(sums_8[WORDS], 1.0)
            row[f], row[f + 1], row[f + 2] = (
                words / page_words,
                sums_8[PARAGRAPH_WORDS] / page_paragraphs,
                sums_8[BOX_LINK_WORDS] / words,
            )
            row[f + 3], row[f + 4], row[f + 5] = (
                sums_8[MARKS] / words,
                words / max(sums_8[NUM_BLOCKS], 1.0),
                sums_8[NUM_BLOCKS],
            )
            row[f + 6], row[f + 7] = words / max(sums_8[NUM_BOXES], 1.0), measures_B4[b, 0] / words
            row[f + 8], row[f + 9] = sums_8[NUM_PARAGRAPHS] / max(sums_8[NUM_BLOCKS], 1.0), words / inside
            inside = words
        else:
            for i in range(10):
                row[f + i] = -1.0
        f += 10
    return f


@borrowing
def _best_features(row, f, x, parent_X, sums_X8, above_X2, best, narrow, page_words, place):  # type: ignore[no-untyped-def]
    for i in range(2):
        wanted, at = (best, f) if i == 0 else (narrow, f + 4)
        levels, above = 0, x
        while above >= 0 and not above_X2[above, i]:  # the first box around both
            above = parent_X[above]
            levels += 1
            if levels > MAX_LEVELS:
                above = -1
        row[at] = 1.0 if wanted >= 0 and above == wanted else 0.0
        row[at + 1] = levels if above >= 0 and wanted >= 0 else FAR
        row[at + 2] = sums_X8[wanted, WORDS] / page_words if wanted >= 0 else -1.0
    score = sums_X8[x, SCORE] if x >= 0 else 0.0
    row[f + 3] = score / max(sums_X8[best, SCORE], 1.0) if best >= 0 else -1.0
    row[f + 7] = place
    return f + 8


@borrowing
def _repeats(row, f, x, parent_X, siblings_X3, path_3):  # type: ignore[no-untyped-def]
    """The nearest box with three or more siblings of its kind, and the blocks under a like path."""
    level = 0
    while x >= 0 and level < MAX_LEVELS and siblings_X3[x, 0] < 3.0:
        x = parent_X[x]
        level += 1
    if x >= 0 and level < MAX_LEVELS:
        count, words = siblings_X3[x, 0], siblings_X3[x, 1]
        row[f], row[f + 1], row[f + 2], row[f + 3] = count, level, words / count, siblings_X3[x, 2] / max(words, 1.0)
    else:
        row[f], row[f + 1], row[f + 2], row[f + 3] = 0.0, FAR, -1.0, -1.0
    row[f + 4], row[f + 5], row[f + 6] = path_3[0], path_3[1] / path_3[0], path_3[2] / max(path_3[1], 1.0)
    return f + 7


@borrowing
def _levels(row, f, x, parent_X, tag_X, hints_X, group_C):  # type: ignore[no-untyped-def]
    """Levels up to the nearest tag of each group, and to the nearest hint of each kind."""
    for i in range(NUM_GROUPS + NUM_HINTS):
        row[f + i] = FAR
    for level in range(MAX_LEVELS):
        if x < 0:
            return
        group = group_C[tag_X[x]]
        if group >= 0 and row[f + group] == FAR:
            row[f + group] = level
        bits = hints_X[x]
        if bits:
            for hint in range(NUM_HINTS):
                if bits >> np.uint32(hint) & np.uint32(1) and row[f + NUM_GROUPS + hint] == FAR:
                    row[f + NUM_GROUPS + hint] = level
        x = parent_X[x]
