"""How many tokens of synthetic documents a training set may have, and which of them are taken.

The bound is on what is emitted, copies and EOS included, and is exact: synthetic <= fraction * (synthetic + others).
"""

from fractions import Fraction

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.curriculum.keys import draws, id_words, rank_by


def most_synthetic(other_tokens: int, *, fraction: float) -> int:
    """Returns the most tokens that may be synthetic beside `other_tokens`; `fraction` is read as its decimal digits."""
    share = Fraction(repr(fraction))
    return int(share * other_tokens / (1 - share))


def taken(ids: pa.Array, tokens_N: NDArray[np.int64], *, budget: int, seed: int) -> NDArray[np.bool_]:
    """Returns bool (N,): documents in an order drawn from the seed, as long as their tokens stay within `budget`.

    Args:
        ids: binary(16), unique.
        tokens_N: emitted of each document.
        budget: at most so many are taken; the next document would pass it.
        seed: of the draw.
    """
    order = rank_by(draws(ids, seed=seed, purpose="synthetic"), id_words(ids))
    taken_N = np.zeros(tokens_N.size, dtype=bool)
    taken_N[order[: np.searchsorted(np.cumsum(tokens_N[order]), budget, side="right")]] = True
    return taken_N
