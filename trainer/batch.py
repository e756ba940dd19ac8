"""A batch of rows, and what a training step derives from it: inputs, labels, document masks, positions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.text.conversation import IS_REJECTED, LEARNT

IGNORE = -100
"""Label of positions without loss; PyTorch's `cross_entropy` ignores it by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """R rows of T + 1 tokens, C = T + 1.

    `tokens_RC` uint16 or uint32, a writable copy; `n_valid_R` int64: tokens before the padding;
    `continued_R` bool: whether the first token repeats the last of the row before; `doc_lens_P` int64:
    lengths of the pieces of documents, row by row; `pieces_R1` int64: where each row's pieces start; `source_P` int64:
    which of the manifest's `sources` each piece is from (-1: another); `mask_RC` uint8: what each token is for, by
    `curation.text.conversation` (None: all are to be learnt).
    """

    first_row: int
    tokens_RC: NDArray[np.unsignedinteger]
    n_valid_R: NDArray[np.int64]
    continued_R: NDArray[np.bool_]
    doc_lens_P: NDArray[np.int64]
    pieces_R1: NDArray[np.int64]
    source_P: NDArray[np.int64]
    mask_RC: NDArray[np.uint8] | None = None

    def inputs(self) -> NDArray[np.int64]:
        """Returns (R, T): what the model reads."""
        return self.tokens_RC[:, :-1].astype(np.int64)

    def labels(self) -> NDArray[np.int64]:
        """Returns (R, T): the token to predict at each input.

        IGNORE where the next token is another document's, padding, or not to be learnt.
        """
        segments = self.segments()
        labels = self.tokens_RC[:, 1:].astype(np.int64)
        labels[(segments[:, 1:] != segments[:, :-1]) | (segments[:, 1:] < 0)] = IGNORE
        if self.mask_RC is not None:
            labels[self.mask_RC[:, 1:] != LEARNT] = IGNORE
        return labels

    def documents(self) -> NDArray[np.int32]:
        """Returns (R, T + 1): the number of the document within its row, -1 for padding."""
        first_P = np.repeat(self.pieces_R1[:-1], np.diff(self.pieces_R1))
        out = np.full(self.tokens_RC.shape, -1, dtype=np.int32)
        out[np.arange(self.tokens_RC.shape[1]) < self.n_valid_R[:, None]] = np.repeat(
            np.arange(self.doc_lens_P.size) - first_P, self.doc_lens_P
        )
        return out

    def segments(self) -> NDArray[np.int32]:
        """Returns (R, T + 1): what may see each other has one number, padding -1.

        Attention stays inside equal numbers: those of `documents`, but for the two branches of a preference.
        """
        documents = self.documents()
        if self.mask_RC is None:
            return documents
        return np.where(documents < 0, -1, 2 * documents + (self.mask_RC >= IS_REJECTED)).astype(np.int32)

    def positions(self) -> NDArray[np.int32]:
        """Returns (R, T + 1): the position of each token within its segment, 0 for padding."""
        segments, place = self.segments(), np.arange(self.tokens_RC.shape[1], dtype=np.int32)
        is_first = np.ones(segments.shape, dtype=bool)
        is_first[:, 1:] = segments[:, 1:] != segments[:, :-1]
        within = place - np.maximum.accumulate(np.where(is_first, place, 0), axis=1)
        return np.where(segments < 0, 0, within).astype(np.int32)

    @property
    def num_targets(self) -> int:
        """Labels that count: the divisor of the loss is the sum of this over all ranks."""
        if self.mask_RC is not None:
            return int((self.labels() != IGNORE).sum())
        return int(self.n_valid_R.sum()) - self.doc_lens_P.size
