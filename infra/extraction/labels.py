"""Which blocks of a gold page are main content, by aligning their words with the gold's.

A word of the page is covered where a run of four words around it, which may go over the edges of blocks, is in the
gold; a block is content where half its words are. Pages of segments have labels where a wanted or unwanted piece says
so, and, with less weight, where trafilatura and resiliparse agree. The weights of a page of whole text are brought
nearer to those of others (by a square root), since pages count alike.
"""

import re

import numpy as np
from numpy.typing import NDArray

from infra.extraction.gold import Page

_WORD = re.compile(r"\w+")
_RUN = 4
_WEAK = 0.3
_MAX_WORDS, _FEW, _PAGE_WEIGHT = 80, 4, 2000.0
"""A block weighs as its words, at most 80, and 4 more."""


def covered(texts: list[str], gold: str) -> NDArray[np.float64]:
    """Returns float64 (B,): of each block the share of its words that are covered; 0 without words."""
    words_B = [_WORD.findall(text) for text in texts]
    words = [word for words in words_B for word in words]
    theirs = _WORD.findall(gold)
    runs = {tuple(theirs[at : at + _RUN]) for at in range(max(1, len(theirs) - _RUN + 1))}
    is_covered = np.zeros(len(words), np.bool_)
    for at in range(max(1, len(words) - _RUN + 1)):
        if tuple(words[at : at + _RUN]) in runs:
            is_covered[at : at + _RUN] = True
    bounds = np.cumsum([0, *(len(found) for found in words_B)])
    sums = np.concatenate([[0], np.cumsum(is_covered)])
    return (sums[bounds[1:]] - sums[bounds[:-1]]) / np.maximum(np.diff(bounds), 1)


def labels(
    page: Page, texts: list[str], peers: dict[str, tuple[str, float]]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Returns (content, weight) of each block; weight 0: not known.

    Args:
        page: with its gold.
        texts: of its blocks.
        peers: text by method, for pages of segments.
    """
    sizes = np.array([min(len(_WORD.findall(text)), _MAX_WORDS) for text in texts], np.float64)
    weight = np.where(sizes > 0, sizes + _FEW, 0.0)
    if page.set != "segments":
        return covered(texts, page.text) >= 0.5, weight * np.sqrt(_PAGE_WEIGHT / max(weight.sum(), 1.0))
    one, other = (covered(texts, peers[name][0]) >= 0.5 for name in ("trafilatura", "resiliparse"))
    content, weight = one & other, np.where((one == other) & (sizes >= _RUN), weight * _WEAK, 0.0)
    for pieces, is_content in ((page.unwanted, False), (page.wanted, True)):
        for b, text in enumerate(texts):
            if any(" ".join(piece.split()) in text for piece in pieces):
                content[b], weight[b] = is_content, sizes[b] + _FEW
    return content, weight
