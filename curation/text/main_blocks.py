"""What chooses the main content of a page, as the reader of pages sees it; and a rule by words and links alone.

The rule is the tree of Boilerpipe (Kohlschütter, Fankhauser and Nejdl 2010, "Boilerplate Detection using Shallow Text
Features", figure 4, "NumWordsRules"): links and words of a block, of the one before and of the one after.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curation.kernels.html_blocks import Blocks
from curation.kernels.html_main import LINK_BYTES, VISIBLE_BYTES, WORDS
from curation.kernels.html_tokens import Tokens

WORDS_AND_LINKS = "words-and-links"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """B blocks: which are main content, what says so, and how sure that is, in [0, 1]; null where nothing tells."""

    keep_B: NDArray[np.bool_]
    by: str
    """Name and version of what chose; part of `extractor`."""
    confidence: float | None = None


class Chooser(Protocol):
    """Chooses the blocks of a page that are its main content."""

    def __call__(
        self, page: NDArray[np.uint8], tokens: Tokens, blocks: Blocks, size_B3: NDArray[np.int64], /
    ) -> Choice:
        """Returns the choice; `size_B3` is `html_main.block_sizes` of the blocks."""
        ...


def by_words_and_links(size_B3: NDArray[np.int64]) -> Choice:
    """Returns the choice of Boilerpipe's rule."""
    words_B = size_B3[:, WORDS]
    links_B = size_B3[:, LINK_BYTES] / np.maximum(size_B3[:, VISIBLE_BYTES], 1)
    before_B, after_B = _shifted(words_B, 1), _shifted(words_B, -1)
    beside_text_B = (words_B > 16) | (after_B > 15) | (before_B > 4)  # noqa: PLR2004 - the tree's own bounds
    beside_links_B = (words_B > 40) | (after_B > 17)  # noqa: PLR2004
    follows_links_B = _shifted(links_B, 1) > 0.555556  # noqa: PLR2004
    keep_B = (links_B <= 0.333333) & np.where(follows_links_B, beside_links_B, beside_text_B)  # noqa: PLR2004
    return Choice(keep_B=keep_B, by=WORDS_AND_LINKS)


def _shifted(value_B: NDArray[np.generic], by: int) -> NDArray[np.float64]:
    """Returns the value of the block before (1) or after (-1), 0 where there is none."""
    shifted_B = np.zeros(value_B.size, np.float64)
    if by > 0:
        shifted_B[by:] = value_B[:-by]
    else:
        shifted_B[:by] = value_B[-by:]
    return shifted_B
