"""What a text has of evaluation sets cut out of it."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.contamination.index import Index
from curation.contamination.loaded import loaded_index
from curation.contamination.overlap import overlap
from curation.kernels.removals import Removals
from curation.kernels.words import Bytes
from curation.schema import EDIT
from curation.setting import documented, key
from curation.step import require
from curation.text.removing import with_removals
from curation.text.words import Words, words_of

RULES = ("contamination",)
_CONTINUES, _LEAD_BITS = 0x80, 0xC0


@dataclass(frozen=True, slots=True, kw_only=True)
class CutContamination:
    """Removes runs of words that are of evaluation sets, with what stands around; an edit `contamination` each.

    Brown et al. 2020 (arXiv 2005.14165, appendix C) remove 200 characters on either side too, so that an answer goes
    with its question; here these are bytes, up to the next whole character. Ranges that meet are one.
    """

    index: str = field(metadata=documented("path of an index of evaluation sets"))
    sha256: str = field(metadata=documented("digest that the index must have"))
    window_bytes: int = key(200, "what goes on either side of a run, in bytes")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return require(require(schema, "text", pa.string()), "edits", pa.list_(EDIT))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts.

        Raises:
            ArtifactError: the index is missing, has another digest, or is none.
        """
        words = words_of(batch["text"])
        removals = self._removals(words, loaded_index(self.index, self.sha256))
        return with_removals(batch, words.values, words.offsets_N1, removals, RULES)

    def _removals(self, words: Words, index: Index) -> Removals:
        found = overlap(words, index)
        last_F = found.word_F + index.length_G[found.gram_F] - 1
        starts_F, ends_F = words.offsets_N1[found.document_F], words.offsets_N1[found.document_F + 1]
        begin_F = starts_F + words.word_start_W[found.word_F] - self.window_bytes
        end_F = starts_F + words.word_start_W[last_F] + words.word_length_W[last_F] + self.window_bytes
        begin_F, end_F = np.maximum(begin_F, starts_F), np.minimum(end_F, ends_F)
        begin_F = _moved(words.values, begin_F, starts_F, -1)
        end_F = _moved(words.values, end_F, ends_F, 1)
        order = np.lexsort((begin_F, found.document_F))
        begin_F, end_F, document_F = begin_F[order], end_F[order], found.document_F[order]
        reached = np.maximum.accumulate(end_F) if end_F.size else end_F
        is_first = np.ones(begin_F.size, dtype=np.bool_)
        is_first[1:] = (begin_F[1:] > reached[:-1]) | (document_F[1:] != document_F[:-1])
        first = np.flatnonzero(is_first)
        begin_R, document_R = begin_F[first], document_F[first]
        end_R = reached[np.append(first[1:], begin_F.size)[: first.size] - 1]
        shift_R = words.offsets_N1[document_R]
        range_R3 = np.column_stack([np.zeros_like(begin_R), begin_R - shift_R, end_R - shift_R])
        counts = np.bincount(document_R, minlength=words.offsets_N1.size - 1)
        return Removals(range_R3, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _moved(values: Bytes, place_F: NDArray[np.int64], edge_F: NDArray[np.int64], way: int) -> NDArray[np.int64]:
    """Returns places moved outwards, at most to the edge of the document, until none splits a character."""
    place_F = place_F.copy()
    while True:
        inside = np.flatnonzero(place_F != edge_F)
        splits = inside[(values[place_F[inside]] & _LEAD_BITS) == _CONTINUES]
        if not splits.size:
            return place_F
        place_F[splits] += way
