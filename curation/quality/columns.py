"""Signals as columns: NumPy arrays into float64 columns of a batch, null where not applicable."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.step import signal_field, with_columns


def add_signals(
    batch: pa.RecordBatch,
    signals: Mapping[str, NDArray[np.float64]],
    *,
    null: Mapping[str, NDArray[np.bool_]] | None = None,
) -> pa.RecordBatch:
    """Returns `batch` with `signal.<name>` (float64, (N,)) appended for each of `signals`, in order.

    Args:
        batch: N rows.
        signals: value per row by name.
        null: by name, bool (N,): the rows to which the signal does not apply.
    """
    masks = null or {}
    columns = [pa.array(values, pa.float64(), mask=masks.get(name)) for name, values in signals.items()]
    return with_columns(batch, map(signal_field, signals), columns)
