"""Stored signatures as arrays.

Near links are `curation.kernels.bands.candidate_pairs` of `signature_matrix`, verified by
`curation.kernels.jaccard.jaccard_pairs` of `shingle_sets`. Nothing here reads text. Documents are named by
their rank in the order of survivors (`curation.dedup.preference.rank_of`): "earlier" means "preferred".
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.identity import ID_BYTES


def ids_of(column: pa.Array) -> NDArray[np.bytes_]:
    """Returns S16 (N,): a fixed-width 16-byte column (doc_id, text_hash) without nulls.

    Trailing zero bytes vanish when NumPy shows an item, but not in comparisons or views.

    Raises:
        ValueError: another type, or a null.
    """
    if column.type != pa.binary(ID_BYTES) or column.null_count:
        raise ValueError(
            f"ids: expected {pa.binary(ID_BYTES)} without nulls, found {column.type} with {column.null_count} nulls"
        )
    values = np.frombuffer(column.buffers()[1] or b"", dtype=f"S{ID_BYTES}")
    return values[column.offset : column.offset + len(column)]


def is_borderline(jaccard_P: NDArray[np.float64], *, min_jaccard: float, review_within: float) -> NDArray[np.bool_]:
    """Returns bool (P,): whether a similarity is so close to `min_jaccard`, on either side, that people are asked."""
    if review_within <= 0:
        return np.zeros(jaccard_P.shape, dtype=np.bool_)
    near: NDArray[np.bool_] = np.abs(jaccard_P - min_jaccard) <= review_within
    return near


def signature_matrix(column: pa.Array, *, num_permutations: int) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Returns (row_K, minhash_KH) of the K documents that have a signature.

    Args:
        column: the stored `minhash` column; null where there is no signature.
        num_permutations: H.

    Returns:
        row_K: int64, ascending rows of `column`; minhash_KH: uint32, read-only, zero-copy without nulls.

    Raises:
        ValueError: a signature has another number of permutations.
    """
    row_K = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    values, offsets_K1 = shingle_sets(column.drop_null() if column.null_count else column)
    if (np.diff(offsets_K1) != num_permutations).any():
        raise ValueError(
            f"minhash: expected {num_permutations} permutations, found {np.diff(offsets_K1).min()} to "
            f"{np.diff(offsets_K1).max()}; the signatures were made with other bands or rows"
        )
    return row_K, values[offsets_K1[0] : offsets_K1[-1]].reshape(-1, num_permutations)


def shingle_sets(column: pa.Array) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Returns (values, offsets_N1) of a binary column of little-endian uint32; null is the empty set.

    `offsets_N1` is int64 and counts uint32; its first entry is not 0 for a slice. Zero-copy unless
    something lies under a null or the numbers are not aligned.

    Raises:
        ValueError: another type, or a length that is no multiple of 4.
    """
    if column.type not in (pa.binary(), pa.large_binary()):
        raise ValueError(f"shingles: expected a binary column, found {column.type}")
    offsets_N1 = _byte_offsets(column)
    if column.null_count or (offsets_N1 % 4).any():
        column = column.take(pa.array(np.arange(len(column))))  # packs the values, nulls take no room
        offsets_N1 = _byte_offsets(column)
    if (offsets_N1 % 4).any():
        raise ValueError("shingles: expected a multiple of 4 bytes in every row; these are no uint32 numbers")
    values = np.frombuffer(column.buffers()[2] or b"", dtype=np.uint8)[: offsets_N1[-1]]
    return values.view("<u4"), offsets_N1 // 4


def _byte_offsets(column: pa.Array) -> NDArray[np.int64]:
    width = np.int64 if column.type == pa.large_binary() else np.int32
    buffer = column.buffers()[1]
    if buffer is None or len(column) == 0:
        return np.zeros(len(column) + 1, dtype=np.int64)
    return np.frombuffer(buffer, dtype=width)[column.offset : column.offset + len(column) + 1].astype(np.int64)
