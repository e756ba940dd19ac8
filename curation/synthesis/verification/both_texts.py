"""A document and its parent, row by row: what every measure of a child reads.

Measures apply to what a model wrote (`model` is not null) from a text that is there (`parent_text`). A task that rules
mined quotes its parent on purpose.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.step import require, signal_field, with_columns, with_fields
from curation.synthesis.children import PARENT_TEXT


class Both(NamedTuple):
    """One child: its text, its parent's, and its language by `signal.language` (null: unknown)."""

    text: str
    parent: str
    language: str | None


Measures = Mapping[str, float | None]


def with_measures(schema: pa.Schema, names: Iterable[str], *, language: bool = False) -> pa.Schema:
    """Returns `schema` with signals of `names` (float64); checks that it has what they are measured on."""
    for name in ("text", "model", PARENT_TEXT.name):
        require(schema, name, pa.string())
    if language:
        require(schema, "signal.language", pa.string())
    return with_fields(schema, map(signal_field, names))


def is_child(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Returns bool (N,): the rows that measures apply to."""
    known = batch["model"].is_valid(), batch[PARENT_TEXT.name].is_valid()
    is_model, has_parent = (column.to_numpy(zero_copy_only=False) for column in known)
    return np.asarray(is_model & has_parent, dtype=np.bool_)


def measured(batch: pa.RecordBatch, names: tuple[str, ...], measure: Callable[[Both], Measures]) -> pa.RecordBatch:
    """Returns `batch` with the signals `names` as `measure` has them of each child; null in other rows."""
    rows = np.flatnonzero(is_child(batch))
    some = batch.take(pa.array(rows)) if rows.size < batch.num_rows else batch
    has_language = some.schema.get_field_index("signal.language") >= 0
    languages = some["signal.language"].to_pylist() if has_language else [None] * some.num_rows
    texts, parents = some["text"].to_pylist(), some[PARENT_TEXT.name].to_pylist()
    found = [measure(Both(*values)) for values in zip(texts, parents, languages, strict=True)]
    values_NK = np.full((batch.num_rows, len(names)), np.nan)
    for row, measures in zip(rows, found, strict=True):
        values_NK[row] = [np.nan if (value := measures.get(name)) is None else value for name in names]
    columns = [pa.array(values_N, pa.float64(), from_pandas=True) for values_N in values_NK.T]  # NaN is null
    return with_columns(batch, map(signal_field, names), columns)
