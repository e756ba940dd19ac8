"""Preferences in a batch: each with its chosen and its rejected answer, as DPO (arXiv 2305.18290) takes them.

Rows hold a preference as one document of two branches, which do not see each other: the prompt and the chosen answer,
then the prompt again and the rejected answer. The training loop here learns the chosen one by next-token prediction.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from curation.text.conversation import IS_REJECTED, LEARNT
from trainer.batch import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """`tokens_N` int64: a prompt and an answer; `is_answer_N` bool: which of them the answer is, with its end mark."""

    tokens_N: NDArray[np.int64]
    is_answer_N: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """The better and the worse answer to one prompt; `row` counts within the batch."""

    row: int
    chosen: Branch
    rejected: Branch


def preferences(batch: Batch, *, eos_id: int) -> Iterator[Preference]:
    """Yields the preferences that lie whole in a row of the batch; longer ones, cut by its ends, are left out."""
    if batch.mask_RC is None:
        return
    ends_P = np.cumsum(batch.doc_lens_P)
    for row in range(len(batch.n_valid_R)):
        first = int(ends_P[batch.pieces_R1[row] - 1]) if batch.pieces_R1[row] else 0
        for piece in range(int(batch.pieces_R1[row]), int(batch.pieces_R1[row + 1])):
            place = slice(int(ends_P[piece] - batch.doc_lens_P[piece]) - first, int(ends_P[piece]) - first)
            tokens, mask = batch.tokens_RC[row, place].astype(np.int64), batch.mask_RC[row, place]
            is_rejected = mask >= IS_REJECTED
            is_cut = tokens[-1] != eos_id or (batch.continued_R[row] and piece == batch.pieces_R1[row])
            if is_rejected[-1] and not is_cut:
                chosen, rejected = (_branch(tokens, mask, chosen) for chosen in (~is_rejected, is_rejected))
                yield Preference(row=row, chosen=chosen, rejected=rejected)


def _branch(tokens: NDArray[np.int64], mask: NDArray[np.uint8], is_in: NDArray[np.bool_]) -> Branch:
    return Branch(tokens_N=tokens[is_in], is_answer_N=(mask[is_in] & LEARNT).astype(bool))
