"""Scopes: documents are linked only within one value of a column, and null is a value of its own."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def scope_codes(chunks: Iterable[pa.Array]) -> NDArray[np.int32]:
    """Returns int32 (N,): a number for each row of a column, the same for the same value, null included.

    Args:
        chunks: the column in pieces, each of any type that Arrow can encode (text, numbers, times, truth values);
            only its distinct values and an int32 per row are held.
    """
    encoded = [pc.dictionary_encode(chunk) for chunk in chunks]
    if not encoded:
        return np.zeros(0, dtype=np.int32)
    column = pa.chunked_array(encoded).unify_dictionaries()
    codes = [pc.fill_null(chunk.indices, len(chunk.dictionary)).to_numpy() for chunk in column.chunks]
    return np.concatenate(codes).astype(np.int32, copy=False)
