"""Sorting keys of 16-byte ids held as NumPy arrays, so that millions of rows sort without Python objects."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.identity import ID_BYTES, uniform_of

DRAW_ROWS = 65536


def id_words(ids: pa.Array) -> NDArray[np.uint64]:
    """Returns uint64 (N, 2): the big-endian halves of 16-byte ids, so that rows compare as bytes do."""
    start, length = ids.offset * ID_BYTES, len(ids) * ID_BYTES
    data = np.frombuffer(ids.buffers()[1] or b"", dtype=np.uint8)[start : start + length]
    return data.view(">u8").astype(np.uint64).reshape(-1, 2) if length else np.zeros((0, 2), dtype=np.uint64)


def draws(ids: pa.Array, *, seed: int, purpose: str) -> NDArray[np.float64]:
    """Returns `uniform_of` in slices, so that few ids are Python objects at a time."""
    slices = (ids.slice(start, DRAW_ROWS) for start in range(0, len(ids), DRAW_ROWS))
    return np.concatenate([np.zeros(0), *(uniform_of(part, seed=seed, purpose=purpose) for part in slices)])


def rank_by(key_N: NDArray[np.generic], words_N2: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Returns the row numbers sorted by `key_N`, ties by id."""
    return np.lexsort((words_N2[:, 1], words_N2[:, 0], key_N)).astype(np.int64)
