"""Measures of main content: the article benchmark's F1 over shingles, and shares of segments that are there or not.

Shingles of four words, precision and recall as means over pages, and F1 from these two means: the rule of the article
extraction benchmark itself (Zyte 2020). Segments: accuracy over all wanted and unwanted pieces, white space aside.
"""

import collections
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from infra.extraction.gold import Page

_WORD = re.compile(r"\w+")
_SHINGLE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """How the shingles of a text agree with those of the gold."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Returns the harmonic mean."""
        return f1(self.precision, self.recall)


def f1(precision: float, recall: float) -> float:
    """Returns the harmonic mean, 0 where both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@lru_cache(maxsize=1024)
def _shingles(text: str) -> collections.Counter[tuple[str, ...]]:
    words = _WORD.findall(text)
    if not words:
        return collections.Counter()
    return collections.Counter(tuple(words[at : at + _SHINGLE]) for at in range(max(1, len(words) - _SHINGLE + 1)))


def overlap(found: str, gold: str) -> Overlap:
    """Returns precision and recall of a page; of two empty texts both are 1."""
    theirs, ours = _shingles(gold), _shingles(found)
    both, num_ours, num_theirs = (theirs & ours).total(), ours.total(), theirs.total()
    if num_ours == num_theirs == 0:
        return Overlap(precision=1.0, recall=1.0)
    return Overlap(precision=both / num_ours if num_ours else 0.0, recall=both / num_theirs if num_theirs else 0.0)


def mean_overlap(overlaps: list[Overlap]) -> Overlap:
    """Returns means over pages."""
    return Overlap(
        precision=float(np.mean([overlap.precision for overlap in overlaps])),
        recall=float(np.mean([overlap.recall for overlap in overlaps])),
    )


def segment_hits(found: str, page: Page) -> tuple[int, int, int, int]:
    """Returns (wanted there, wanted, unwanted there, unwanted) of a page of segments."""
    text = _folded(found)
    there = [sum(_folded(piece) in text for piece in pieces) for pieces in (page.wanted, page.unwanted)]
    return there[0], len(page.wanted), there[1], len(page.unwanted)


def accuracy(hits_P4: np.ndarray) -> float:
    """Returns the share of segments that are rightly there or rightly not, of hits of pages."""
    wanted_there, wanted, unwanted_there, unwanted = hits_P4.sum(axis=0)
    return float((wanted_there + unwanted - unwanted_there) / (wanted + unwanted))


def _folded(text: str) -> str:
    return " ".join(text.split())
