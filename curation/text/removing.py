"""Edits that take away, and may put a fixed text in place: ranges cut from a batch's text, each recorded.

Adjacent ranges of one rule are one record; where a document would have more than `MAX_EDITS` of one step, the last
record covers the rest of the text. Works on Arrow buffers, without a Python object per document.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.kernels.removals import BEGIN, END, RULE, Removals, placed_sizes, without
from curation.kernels.words import Bytes, Counts
from curation.schema import EDIT
from curation.text.edits import MAX_EDITS


def with_removals(
    batch: pa.RecordBatch,
    values: Bytes,
    offsets_N1: Counts,
    removals: Removals,
    rules: tuple[str, ...],
    *,
    placed: tuple[str, ...] = (),
) -> pa.RecordBatch:
    """Returns `batch` with the ranges gone from `text` and recorded in `edits`; untouched if there are none.

    Args:
        batch: N rows with `text` and `edits`.
        values: UTF-8 of the batch's text.
        offsets_N1: int64, where documents begin.
        removals: what goes; a null text has none.
        rules: the name of each rule in records.
        placed: by rule, what stands in place of a range; empty: nothing.

    Raises:
        OverflowError: the edited text of the batch has 2^31 bytes or more.
    """
    if removals.range_R3.shape[0] == 0:
        return batch
    texts = tuple(text.encode() for text in placed)
    shorter, shorter_N1 = without(values, offsets_N1, removals, texts)
    if shorter_N1[-1] > np.iinfo(np.int32).max:
        raise OverflowError(
            f"an edited batch of {shorter_N1[-1]} bytes: expected fewer than 2^31; give smaller batches"
        )
    text = batch["text"]
    validity = pa.array(text.is_valid().to_numpy(zero_copy_only=False)).buffers()[1] if text.null_count else None
    buffers = [validity, pa.py_buffer(shorter_N1.astype(np.int32)), pa.py_buffer(shorter)]
    edited = pa.Array.from_buffers(pa.string(), batch.num_rows, buffers, text.null_count)
    edits = _appended(batch["edits"], *_records(removals, np.diff(offsets_N1), rules, placed))
    for name, column in (("text", edited), ("edits", edits)):
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, batch.schema.field(place), column)
    return batch


def _records(
    removals: Removals, size_N: Counts, rules: tuple[str, ...], placed: tuple[str, ...]
) -> tuple[pa.StructArray, Counts]:
    """Returns the EDIT records, and how many each document has."""
    range_R3, count_N = removals.range_R3, np.diff(removals.offsets_N1)
    document_R = np.repeat(np.arange(count_N.size), count_N)
    rank_R = np.arange(document_R.size) - removals.offsets_N1[document_R]
    is_rest_R = (count_N[document_R] > MAX_EDITS) & (rank_R == MAX_EDITS - 1)
    kept_R = rank_R < MAX_EDITS
    net_R = range_R3[:, END] - range_R3[:, BEGIN] - placed_sizes(removals, tuple(text.encode() for text in placed))
    removed = np.concatenate([[0], np.cumsum(net_R)])
    rest_R = removed[removals.offsets_N1[document_R + 1]] - removed[np.arange(document_R.size)]
    end_R = np.where(is_rest_R, size_N[document_R], range_R3[:, END])
    removed_R = np.where(is_rest_R, rest_R, net_R)
    columns = [
        pa.array(rules, pa.string()).take(pa.array(range_R3[kept_R, RULE])),
        pa.array(range_R3[kept_R, BEGIN]),
        pa.array(end_R[kept_R]),
        pa.array(removed_R[kept_R]),
        pa.array(placed or [""] * len(rules), pa.string()).take(
            pa.array(range_R3[kept_R, RULE], mask=is_rest_R[kept_R])
        ),
    ]
    return pa.StructArray.from_arrays(columns, fields=list(EDIT)), np.minimum(count_N, MAX_EDITS)


def _appended(lists: pa.ListArray, records: pa.StructArray, count_N: NDArray[np.int64]) -> pa.ListArray:
    """Returns each list followed by its `count_N` records; a null list counts as an empty one."""
    before = lists.flatten()
    before_N = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    offsets = np.concatenate([[0], np.cumsum(before_N + count_N)])
    is_new = np.repeat(np.tile([False, True], count_N.size), np.stack([before_N, count_N], axis=1).ravel())
    indices = np.where(is_new, len(before) + np.cumsum(is_new) - 1, np.cumsum(~is_new) - 1)
    joined = pa.concat_arrays([before, records]).take(pa.array(indices))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), joined, type=pa.list_(EDIT))
