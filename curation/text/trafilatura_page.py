"""Pages by trafilatura with the columns of our own reader, and the gate that sends it our least certain ones.

Title, date, address and the like are read by our own tokens: the same page says the same, whoever reads its text.
"""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from curation.errors import BadRecord
from curation.kernels.html_blocks import html_blocks
from curation.kernels.html_main import VISIBLE_BYTES, block_sizes
from curation.kernels.html_tokens import Tokens, html_tokens
from curation.text.page import MAX_PAGE_BYTES, Page, PageSignals
from curation.text.page_metadata import page_metadata
from curation.text.trafilatura_process import Focus, trafilatura_text, trafilatura_version

PageGate = Literal["none", "trafilatura"]


def read_by_trafilatura(html: str, *, focus: Focus, comments: bool, everything: bool) -> Page:
    """Returns the text of a page by trafilatura, empty where it finds none; `chosen_by` is name, version and focus.

    Raises:
        BadRecord: `html_too_long`, or what `trafilatura_text` raises.
    """
    page = np.frombuffer(html.encode(), np.uint8)
    if page.size > MAX_PAGE_BYTES:
        raise BadRecord("html_too_long", f"{page.size} bytes")
    text = trafilatura_text(html, focus=focus, comments=comments, everything=everything) or ""
    tokens = html_tokens(page)
    return Page(
        text=text,
        chosen_by=f"trafilatura/{trafilatura_version()} {'all' if everything else focus}",
        metadata=page_metadata(page, tokens),
        signals=_signals(text, page, tokens, confidence=None),
    )


def gated(page: Page, html: str, *, below: float) -> Page:
    """Returns a page as it is where its confidence is `below` or more or unknown, else with trafilatura's text.

    Where trafilatura (with precision) fails or finds nothing, the text stays too; `chosen_by` says either.
    """
    sure = page.signals.confidence
    if sure is None or sure >= below:
        return page
    try:
        text = trafilatura_text(html, focus="precision")
    except BadRecord as error:
        return replace(page, chosen_by=f"{page.chosen_by} below {below}, {error.reason}")
    if text is None or not text.strip():
        return replace(page, chosen_by=f"{page.chosen_by} below {below}, trafilatura found nothing")
    by = f"{page.chosen_by} below {below}, trafilatura/{trafilatura_version()} precision"
    raw = np.frombuffer(html.encode(), np.uint8)
    return replace(page, text=text, chosen_by=by, signals=_signals(text, raw, html_tokens(raw), confidence=sure))


def _signals(text: str, page: NDArray[np.uint8], tokens: Tokens, *, confidence: float | None) -> PageSignals:
    """Returns the signals of a text whose links are not known; white space that was added is not removed text."""
    text_bytes = len(text.encode())
    visible = int(block_sizes(tokens, html_blocks(tokens))[:, VISIBLE_BYTES].sum())
    return PageSignals(
        text_fraction=text_bytes / max(page.size, 1),
        link_density=None,
        removed_fraction=max(visible - text_bytes, 0) / max(visible, 1),
        confidence=confidence,
    )
