"""What chooses the main content of a page, as the reader of pages sees it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from curation.kernels.html_blocks import Blocks
from curation.kernels.html_tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """B blocks: which are main content, and how sure that is, in [0, 1]; null where nothing says it."""

    keep_B: NDArray[np.bool_]
    confidence: float | None = None


class Chooser(Protocol):
    """Chooses the blocks of a page that are its main content."""

    @property
    def name(self) -> str:
        """Of it and its version; part of `extractor`."""
        ...

    def __call__(self, page: NDArray[np.uint8], tokens: Tokens, blocks: Blocks, /) -> Choice:
        """Returns the choice."""
        ...
