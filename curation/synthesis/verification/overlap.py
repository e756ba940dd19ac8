"""How much of its parent a child has: as good as all of it is a copy, hardly anything is drift.

Copied words are those in runs of `ngram` words that the parent has too, as in decontamination by n-grams (Brown et al.
2020, arXiv 2005.14165, appendix C), and computed from the words that the batch's other measures read.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.setting import key
from curation.step import require, signal_field, with_columns
from curation.synthesis.children import PARENT_TEXT
from curation.synthesis.recipes.written import QUOTING
from curation.synthesis.verification.both_texts import is_child, with_measures
from curation.text.words import Words, words_of

NAMES = ("length_ratio", "copied_fraction", "shared_words_fraction")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentOverlap:
    """Adds `signal.length_ratio`, `signal.copied_fraction` and `signal.shared_words_fraction` (float64).

    Characters of the child by those of its parent (null where the parent is empty); the share of the child's words
    that lie in a run of `ngram` words of the parent; the share of its different telling words that its parent has:
    words of at least `telling_chars` characters, and pairs of words where the script puts no spaces between them. The
    last two are null where the child has none, the second also where `template` is of a recipe that quotes.
    """

    ngram: int = key(8, "words in a run")
    telling_chars: int = key(5, "characters of a word that says what a text is about")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_measures(require(schema, "template", pa.string()), NAMES)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text` against `parent_text`."""
        parents, children = words_of(batch[PARENT_TEXT.name]), words_of(batch["text"])
        is_child_N = is_child(batch)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio_N = children.num_chars_N / parents.num_chars_N
        copied_N, shared_N = np.full((2, batch.num_rows), np.nan)
        quotes_N = np.array([(name or "").partition("/")[0] in QUOTING for name in batch["template"].to_pylist()], bool)
        for row in np.flatnonzero(is_child_N):
            copied_N[row] = np.nan if quotes_N[row] else self._copied(children, parents, row)
            shared_N[row] = self._shared(children, parents, row)
        columns = [
            pa.array(values_N, pa.float64(), mask=~(is_child_N & np.isfinite(values_N)))
            for values_N in (ratio_N, copied_N, shared_N)
        ]
        return with_columns(batch, map(signal_field, NAMES), columns)

    def _copied(self, children: Words, parents: Words, row: np.int64) -> float:
        child_W, parent_W = _hashes(children, row), _hashes(parents, row)
        if not child_W.size:
            return np.nan
        is_copied_G = np.isin(_runs(child_W, self.ngram), _runs(parent_W, self.ngram))
        covered_W = np.zeros(child_W.size + 1, dtype=np.int64)
        starts = np.flatnonzero(is_copied_G)
        np.add.at(covered_W, starts, 1)
        np.add.at(covered_W, starts + self.ngram, -1)
        return float((np.cumsum(covered_W)[:-1] > 0).mean())

    def _shared(self, children: Words, parents: Words, row: np.int64) -> float:
        child, parent = self._telling(children, row), self._telling(parents, row)
        return float(np.isin(child, parent).mean()) if child.size else np.nan

    def _telling(self, words: Words, row: np.int64) -> Hashes:
        hashes_W = _hashes(words, row)
        if not words.is_spaced_N[row]:
            return np.unique(_runs(hashes_W, 2))
        begin, end = words.word_offsets_N1[row : row + 2]
        return np.unique(hashes_W[words.word_chars_W[begin:end] >= self.telling_chars])


def _hashes(words: Words, row: np.int64) -> Hashes:
    begin, end = words.word_offsets_N1[row : row + 2]
    return words.word_hash_W[begin:end]


def _runs(hashes_W: Hashes, length: int) -> Hashes:
    """Returns a hash of each run of `length` words; none where there are fewer."""
    if hashes_W.size < length:
        return hashes_W[:0]
    windows = np.lib.stride_tricks.sliding_window_view(hashes_W, length)
    factors = np.array([pow(int(_FACTOR), place, 1 << 64) for place in range(length)], dtype=np.uint64)
    return np.asarray((windows * factors).sum(axis=1, dtype=np.uint64), dtype=np.uint64)
