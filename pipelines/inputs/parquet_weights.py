"""How many bytes each row of an Arrow array takes once its dictionaries are expanded, without expanding them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_VALUE_BYTES = 8


def weights(array: pa.Array) -> NDArray[np.int64]:
    """Returns the bytes per row (N,): exact for strings and binaries, 8 for other flat values, else sums.

    Raises:
        ValueError: an index that its dictionary does not have: Arrow's Parquet reader lets it through, and its
            kernels would read foreign memory.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _dictionary_weights(array)
    if _is_bytes(kind):
        return np.asarray(pc.fill_null(pc.binary_length(array), 0).cast(pa.int64()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return _list_weights(array)
    if pa.types.is_struct(kind):
        return sum((weights(child) for child in array.flatten()), np.full(len(array), _VALUE_BYTES, dtype=np.int64))
    return np.full(len(array), _VALUE_BYTES, dtype=np.int64)


def row_weights(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Returns the bytes per row (N,) of all columns together.

    Raises:
        ValueError: see `weights`.
    """
    return sum((weights(column) for column in batch.columns), np.zeros(batch.num_rows, dtype=np.int64))


def slices(weight_N: NDArray[np.int64], cap: int) -> list[tuple[int, int]]:
    """Returns consecutive `(start, stop)` that each weigh at most `cap`, or are one row."""
    end_N = np.cumsum(weight_N)
    bounds, start, before = [], 0, 0
    while start < end_N.size:
        stop = max(int(np.searchsorted(end_N, before + cap, side="right")), start + 1)
        bounds.append((start, stop))
        start, before = stop, int(end_N[stop - 1])
    return bounds


def _dictionary_weights(array: pa.DictionaryArray) -> NDArray[np.int64]:
    num_values = len(array.dictionary)
    index_N = pc.fill_null(array.indices.cast(pa.int64()), num_values).to_numpy(zero_copy_only=False)
    valid = pc.min_max(array.indices)
    if valid["min"].is_valid and not 0 <= valid["min"].as_py() <= valid["max"].as_py() < num_values:
        raise ValueError(f"index {valid['max']} into a dictionary of {num_values} values")
    return np.asarray(np.append(weights(array.dictionary), 0)[index_N])


def _is_bytes(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def _list_weights(array: pa.Array) -> NDArray[np.int64]:
    offset_N1 = array.offsets.to_numpy().astype(np.int64)
    children = (array.keys, array.items) if pa.types.is_map(array.type) else (array.values,)
    total = np.full(len(array), _VALUE_BYTES, dtype=np.int64)
    for child in children:
        end_M1 = np.concatenate(([0], np.cumsum(weights(child))))
        total += end_M1[offset_N1[1:]] - end_M1[offset_N1[:-1]]
    return total
