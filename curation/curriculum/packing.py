"""Where documents are cut into training rows: concat packing with one token of declared overlap.

A stage is one stream: the tokens of its documents in order, each document ended by EOS. A row holds
T + 1 tokens and predicts T. Where a row ends inside a document, the next row starts with the last token
again, so that every token but a document's first is predicted exactly once and nothing is cropped;
where a row ends with a document, the next row starts fresh. Only the last row of a stage is padded.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """The rows of one stage as ranges of its stream; E emissions, R rows.

    `offsets_E1` int64: stream position where emission e starts; its EOS is the last before the next.
    `start_R`, `stop_R` int64: the stream range of each row, at most `row_tokens` long.
    """

    offsets_E1: Int64Array
    start_R: Int64Array
    stop_R: Int64Array
    row_tokens: int

    @property
    def num_rows(self) -> int:
        """Rows of the stage."""
        return self.start_R.size

    @property
    def num_valid(self) -> int:
        """Tokens in the rows, repeated ones included, padding not."""
        return int((self.stop_R - self.start_R).sum())

    @property
    def num_overlaps(self) -> int:
        """Rows that start with the last token of the row before."""
        return int(self.continued(0, self.num_rows).sum())

    @property
    def num_padding(self) -> int:
        """Positions after the last token of the stage."""
        return self.num_rows * self.row_tokens - self.num_valid

    def continued(self, start: int, stop: int) -> NDArray[np.bool_]:
        """Returns for rows [start, stop) whether the first token repeats the last of the row before."""
        rows = np.arange(start, stop)
        return (rows > 0) & (self.start_R[rows] < self.stop_R[rows - 1])

    def pieces(self, start: int, stop: int) -> "Pieces":
        """Returns the pieces of documents in rows [start, stop), in order; cost is that of the result."""
        starts, stops = self.start_R[start:stop], self.stop_R[start:stop]
        first = np.searchsorted(self.offsets_E1, starts, side="right") - 1
        last = np.searchsorted(self.offsets_E1, stops, side="left")
        counts = last - first
        row_P = np.repeat(np.arange(counts.size), counts)
        within = np.arange(row_P.size) - np.repeat(np.cumsum(counts) - counts, counts)
        emission_P = first[row_P] + within
        begin = np.maximum(self.offsets_E1[emission_P], starts[row_P])
        end = np.minimum(self.offsets_E1[emission_P + 1], stops[row_P])
        return Pieces(
            counts_R=counts, emission_P=emission_P, begin_P=begin - self.offsets_E1[emission_P], length_P=end - begin
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """P pieces of documents in R rows: `begin_P` counts from the document's first token, EOS is part of it."""

    counts_R: Int64Array
    emission_P: Int64Array
    begin_P: Int64Array
    length_P: Int64Array


def pack(num_tokens_E: Int64Array, *, sequence_length: int) -> Packing:
    """Returns the rows for documents of `num_tokens_E` (int64, without EOS) in this order.

    Args:
        num_tokens_E: tokens per emission, not negative.
        sequence_length: tokens predicted per row, at least 1.

    Raises:
        ValueError: a negative count, or a sequence length below 1.
    """
    if sequence_length < 1 or (num_tokens_E.size and num_tokens_E.min() < 0):
        raise ValueError(f"expected token counts >= 0 and a sequence length >= 1, found {sequence_length}")
    offsets = np.zeros(num_tokens_E.size + 1, dtype=np.int64)
    np.cumsum(num_tokens_E + 1, out=offsets[1:])
    start = _row_starts(offsets, sequence_length)
    stop = np.minimum(start + sequence_length + 1, offsets[-1])
    return Packing(offsets_E1=offsets, start_R=start, stop_R=stop, row_tokens=sequence_length + 1)


def _row_starts(offsets_E1: Int64Array, length: int) -> Int64Array:
    """Returns the stream position of each row's first token.

    From a fresh start s the rows begin at s, s + T, s + 2T ... until one ends exactly at the end of a
    document, at the first boundary b > s with b = s + 1 (mod T): there the next fresh start is. Boundaries
    are looked up by residue, so the loop runs once per fresh start (about one document in T), not per row.
    """
    total = int(offsets_E1[-1])
    residue = offsets_E1[1:] % length
    by_residue = np.argsort(residue, kind="stable")
    residue, boundary = residue[by_residue], offsets_E1[1:][by_residue]  # ascending within each residue
    starts = [np.zeros(0, dtype=np.int64)]
    fresh = 0
    while fresh < total:
        low, high = np.searchsorted(residue, ((fresh + 1) % length, (fresh + 1) % length + 1))
        group = boundary[low:high]
        position = int(np.searchsorted(group, fresh + 1, side="right"))
        end = int(group[position]) if position < group.size else total
        starts.append(np.arange(fresh, max(end - 1, fresh + 1), length, dtype=np.int64))
        fresh = end
    return np.concatenate(starts)
