"""A batch of rows, and what a training step derives from it: inputs, labels, document masks, positions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IGNORE = -100
"""Label of positions without loss; PyTorch's `cross_entropy` ignores it by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """R rows of T + 1 tokens, C = T + 1.

    `tokens_RC` uint16 or uint32, a writable copy; `n_valid_R` int64: tokens before the padding; `doc_lens_P` int64:
    lengths of the pieces of documents, row by row; `pieces_R1` int64: where each row's pieces start; `source_P` int64:
    which of the manifest's `sources` each piece is from (-1: another).
    """

    first_row: int
    tokens_RC: NDArray[np.unsignedinteger]
    n_valid_R: NDArray[np.int64]
    doc_lens_P: NDArray[np.int64]
    pieces_R1: NDArray[np.int64]
    source_P: NDArray[np.int64]

    def inputs(self) -> NDArray[np.int64]:
        """Returns (R, T): what the model reads."""
        return self.tokens_RC[:, :-1].astype(np.int64)

    def labels(self) -> NDArray[np.int64]:
        """Returns (R, T): the token to predict at each input.

        IGNORE where the next token is another document's, or padding.
        """
        segments = self.segments()
        labels = self.tokens_RC[:, 1:].astype(np.int64)
        labels[(segments[:, 1:] != segments[:, :-1]) | (segments[:, 1:] < 0)] = IGNORE
        return labels

    def segments(self) -> NDArray[np.int32]:
        """Returns (R, T + 1): the number of the document within its row, -1 for padding.

        Attention stays inside equal numbers.
        """
        return self._spread(np.arange(self.doc_lens_P.size) - self._row_first_P(), -1).astype(np.int32)

    def positions(self) -> NDArray[np.int32]:
        """Returns (R, T + 1): the position of each token within its piece, 0 for padding."""
        starts = np.cumsum(self.doc_lens_P) - self.doc_lens_P
        within = np.arange(int(self.doc_lens_P.sum())) - np.repeat(starts, self.doc_lens_P)
        out = np.zeros(self.tokens_RC.shape, dtype=np.int32)
        out[self._valid()] = within
        return out

    @property
    def num_targets(self) -> int:
        """Labels that count: the divisor of the loss is the sum of this over all ranks."""
        return int(self.n_valid_R.sum()) - self.doc_lens_P.size

    def _valid(self) -> NDArray[np.bool_]:
        return np.arange(self.tokens_RC.shape[1]) < self.n_valid_R[:, None]

    def _row_first_P(self) -> NDArray[np.int64]:
        return np.repeat(self.pieces_R1[:-1], np.diff(self.pieces_R1))

    def _spread(self, value_P: NDArray[np.int64], padding: int) -> NDArray[np.int64]:
        out = np.full(self.tokens_RC.shape, padding, dtype=np.int64)
        out[self._valid()] = np.repeat(value_P, self.doc_lens_P)
        return out
