"""A page as Gristmill reads it: tokens, blocks, the choice of its main content, and the text of that.

One pass over the bytes makes tokens; all else works on flat arrays. Bounds are in bytes, and the work is linear in
them: `MAX_PAGE_BYTES` is the only limit.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curation.errors import BadRecord
from curation.kernels.html_blocks import html_blocks
from curation.kernels.html_main import LINK_BYTES, VISIBLE_BYTES, WORDS, block_sizes, chosen_tokens, comment_tokens
from curation.kernels.html_text import html_text
from curation.kernels.html_tokens import html_tokens
from curation.text.main_blocks import Choice, Chooser
from curation.text.page_metadata import PageMetadata, page_metadata

Comments = Literal["drop", "keep"]
MAX_PAGE_BYTES = 16 << 20
"""Longest page, in UTF-8."""
PAGE_VERSION = "1"
"""Changes with every change of what a page becomes."""
MIN_COMMENT_WORDS = 5
DISCUSSION_FRACTION = 0.8
"""Share of the chosen text in comments from which a page is a discussion, and they are its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSignals:
    """What extraction did with a page: shares in [0, 1]."""

    text_fraction: float
    """Bytes of text per byte of page."""
    link_density: float | None
    """Share of the chosen text that stands in links; null where that is not known."""
    removed_fraction: float
    """Share of the page's visible text that was not chosen."""
    confidence: float | None
    """How sure the choice is; null where nothing says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page became."""

    text: str
    chosen_by: str
    """Name of what chose the main content; `all`: nothing did."""
    metadata: PageMetadata
    signals: PageSignals


def read_page(html: str, *, chooser: Chooser | None, comments: Comments) -> Page:
    """Returns the text of a page.

    Args:
        html: the page.
        chooser: chooses the main content; None: all of it.
        comments: whether readers' comments are left out, or kept where they have words.

    Raises:
        BadRecord: `html_too_long`, or `html_failed` where the text is out of all proportion to the page.
    """
    page = np.frombuffer(html.encode(), np.uint8)
    if page.size > MAX_PAGE_BYTES:
        raise BadRecord("html_too_long", f"{page.size} bytes")
    tokens = html_tokens(page)
    blocks = html_blocks(tokens)
    size_B3 = block_sizes(tokens, blocks)
    choice = Choice(keep_B=np.ones(blocks.first_B.size, np.bool_), by="all")
    keep_B = choice.keep_B
    if chooser is not None:
        choice = chooser(page, tokens, blocks, size_B3)
        in_comment_B = comment_tokens(page, tokens)[blocks.first_B]
        keep_B = _with_comments(choice.keep_B, in_comment_B, size_B3, comments)
    try:
        text = html_text(page, tokens, chosen_tokens(tokens, blocks, keep_B))
    except ValueError as error:
        raise BadRecord("html_failed", str(error)) from None
    return Page(
        text=text.tobytes().decode(errors="replace"),
        chosen_by=choice.by,
        metadata=page_metadata(page, tokens),
        signals=_signals(page.size, text.size, size_B3, keep_B, choice.confidence),
    )


def _with_comments(
    keep_B: NDArray[np.bool_], in_comment_B: NDArray[np.bool_], size_B3: NDArray[np.int64], comments: Comments
) -> NDArray[np.bool_]:
    """Returns the choice without comments, or with all that have words; those of a discussion are its content."""
    visible_B = size_B3[:, VISIBLE_BYTES]
    commented, chosen = int(visible_B[keep_B & in_comment_B].sum()), int(visible_B[keep_B].sum())
    if comments == "keep" or commented > DISCUSSION_FRACTION * chosen:
        is_said_B = (size_B3[:, WORDS] >= MIN_COMMENT_WORDS) & (2 * size_B3[:, LINK_BYTES] < visible_B)
        kept_B: NDArray[np.bool_] = keep_B | (in_comment_B & is_said_B)
        return kept_B
    return keep_B & ~in_comment_B


def _signals(
    page_bytes: int, text_bytes: int, size_B3: NDArray[np.int64], keep_B: NDArray[np.bool_], confidence: float | None
) -> PageSignals:
    chosen, visible = int(size_B3[keep_B, VISIBLE_BYTES].sum()), int(size_B3[:, VISIBLE_BYTES].sum())
    return PageSignals(
        text_fraction=text_bytes / max(page_bytes, 1),
        link_density=int(size_B3[keep_B, LINK_BYTES].sum()) / max(chosen, 1),
        removed_fraction=(visible - chosen) / max(visible, 1),
        confidence=confidence,
    )
