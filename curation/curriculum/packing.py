"""Which documents stand together in a training row: best-fit packing within windows of the order.

Ding et al. 2024 (arXiv 2404.10830) pack whole documents by best fit decreasing, so that as few as possible are cut;
here within windows of the order, so that it still means something. A document ends with EOS. One that is longer than
a row goes on in the next row, with its last token repeated as the first, so that every token but a document's first is
predicted exactly once and nothing is cropped; its last row takes further documents. What is left of a row is padding.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.kernels.best_fit import best_fit

WINDOW_DOCUMENTS = 1 << 16
"""A row's documents stand at most this far apart in the order."""

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """The rows of one stage; E emissions, R rows, P pieces of documents, row by row.

    `pieces_R1`: where each row's pieces start. `emission_P`; `begin_P`: a piece's first token in its document, and
    `length_P`: its tokens, EOS included. `row_tokens`: room of a row. All int64.
    """

    pieces_R1: Int64Array
    emission_P: Int64Array
    begin_P: Int64Array
    length_P: Int64Array
    row_tokens: int

    @property
    def num_rows(self) -> int:
        """Rows of the stage."""
        return self.pieces_R1.size - 1

    @property
    def num_valid(self) -> int:
        """Tokens in the rows, repeated ones included, padding not."""
        return int(self.length_P.sum())

    @property
    def num_overlaps(self) -> int:
        """Rows that start with the last token of the row before."""
        return int((self.begin_P > 0).sum())

    @property
    def num_padding(self) -> int:
        """Positions without a token."""
        return self.num_rows * self.row_tokens - self.num_valid

    def valid(self, start: int, stop: int) -> Int64Array:
        """Returns for rows [start, stop) how many tokens they hold."""
        pieces = self.pieces(start, stop)
        ends = np.concatenate(([0], np.cumsum(pieces.length_P)))
        valid_R: Int64Array = np.diff(ends[self.pieces_R1[start : stop + 1] - self.pieces_R1[start]])
        return valid_R

    def continued(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Returns for rows [start, stop) whether the first token repeats the last of the row before."""
        return self.begin_P[self.pieces_R1[start:stop]] > 0

    def pieces(self, start: int, stop: int) -> "Pieces":
        """Returns the pieces of documents in rows [start, stop), in order."""
        low, high = int(self.pieces_R1[start]), int(self.pieces_R1[stop])
        return Pieces(
            counts_R=np.diff(self.pieces_R1[start : stop + 1]),
            emission_P=self.emission_P[low:high],
            begin_P=self.begin_P[low:high],
            length_P=self.length_P[low:high],
        )

    def places(self) -> tuple[Int64Array, Int64Array]:
        """Returns (E,) the row that holds each emission's first token, not as an overlap, and (E,) its place in it."""
        row_P = np.repeat(np.arange(self.num_rows), np.diff(self.pieces_R1))
        starts_P = np.cumsum(self.length_P) - self.length_P
        place_P = starts_P - starts_P[self.pieces_R1[row_P]]
        first = np.flatnonzero(self.begin_P == 0)
        by_emission = first[np.argsort(self.emission_P[first])]
        return row_P[by_emission], place_P[by_emission]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """P pieces of documents in R rows: `begin_P` counts from the document's first token, EOS is part of it."""

    counts_R: Int64Array
    emission_P: Int64Array
    begin_P: Int64Array
    length_P: Int64Array


def pack(
    num_tokens_E: Int64Array,
    *,
    sequence_length: int,
    key_E: NDArray[np.float64] | None = None,
    window: int = WINDOW_DOCUMENTS,
) -> Packing:
    """Returns the rows for documents of `num_tokens_E` (int64, without EOS) in this order.

    Args:
        num_tokens_E: tokens per emission, not negative.
        sequence_length: tokens predicted per row, at least 1.
        key_E: rows of a window are sorted by the key of their first document; None: by its place in the order. (Packing
            puts long documents into early rows: an order that is random needs random keys.)
        window: documents packed together at most.

    Raises:
        ValueError: a negative count, or a sequence length below 1.
    """
    if sequence_length < 1 or (num_tokens_E.size and num_tokens_E.min() < 0):
        raise ValueError(f"expected token counts >= 0 and a sequence length >= 1, found {sequence_length}")
    empty = np.zeros((0, 4), dtype=np.int64)
    windows = [empty]
    num_rows = 0
    for start in range(0, num_tokens_E.size, window):
        key = key_E[start : start + window] if key_E is not None else None
        found = _pack_window(num_tokens_E[start : start + window] + 1, sequence_length, key)
        found += np.array([num_rows, start, 0, 0])
        windows.append(found)
        num_rows = int(found[-1, 0]) + 1
    row_P, emission_P, begin_P, length_P = np.concatenate(windows).T
    return Packing(
        pieces_R1=np.searchsorted(row_P, np.arange(num_rows + 1)),
        emission_P=emission_P.copy(),
        begin_P=begin_P.copy(),
        length_P=length_P.copy(),
        row_tokens=sequence_length + 1,
    )


def _pack_window(length_E: Int64Array, sequence_length: int, key_E: NDArray[np.float64] | None) -> Int64Array:
    """Returns (P, 4): row, emission, begin and length of each piece, by row; lengths here hold the EOS."""
    size = sequence_length + 1
    long, short = np.flatnonzero(length_E > size), np.flatnonzero(length_E <= size)
    long_pieces = _cut(length_E[long], sequence_length)
    tail_length = long_pieces[np.append(long_pieces[1:, 0] != long_pieces[:-1, 0], True)[: len(long_pieces)], 2]
    short = short[np.argsort(-length_E[short], kind="stable")]
    bin_I = best_fit(length_E[short], size - tail_length, capacity=size)
    chain_P = np.concatenate((long_pieces[:, 0], bin_I))
    emission_P = np.concatenate((long[long_pieces[:, 0]], short))
    begin_P = np.concatenate((long_pieces[:, 1], np.zeros_like(short)))
    length_P = np.concatenate((long_pieces[:, 2], length_E[short]))
    # a document that shares a chain's last row stands behind its pieces, which it has in ascending order
    is_shared = np.concatenate((np.zeros(len(long_pieces), bool), np.ones(short.size, bool)))
    first_C = np.full(int(chain_P.max()) + 1, length_E.size, dtype=np.int64)
    np.minimum.at(first_C, chain_P, emission_P)
    order_C = np.lexsort((first_C, key_E[first_C])) if key_E is not None else np.argsort(first_C)
    rank_C = np.empty_like(order_C)
    rank_C[order_C] = np.arange(order_C.size)
    order_P = np.lexsort((begin_P, emission_P, is_shared, rank_C[chain_P]))
    chain_P, is_shared, begin_P = rank_C[chain_P][order_P], is_shared[order_P], begin_P[order_P]
    is_new = np.append(True, chain_P[1:] != chain_P[:-1]) | (~is_shared & (begin_P > 0))
    return np.stack((np.cumsum(is_new) - 1, emission_P[order_P], begin_P, length_P[order_P]), axis=1)


def _cut(length_L: Int64Array, sequence_length: int) -> Int64Array:
    """Returns (P, 3): document, begin and length of the pieces of documents that are longer than a row."""
    counts = -(-(length_L - 1) // sequence_length)
    document_P = np.repeat(np.arange(length_L.size), counts)
    begin_P = (np.arange(document_P.size) - np.repeat(np.cumsum(counts) - counts, counts)) * sequence_length
    length_P = np.minimum(length_L[document_P] - begin_P, sequence_length + 1)
    return np.stack((document_P, begin_P, length_P), axis=1).astype(np.int64)
