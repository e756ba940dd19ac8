"""Plain counts of a text: what samples are weighed and limits are set by."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.quality.columns import add_signals
from curation.step import require, signal_field, with_fields
from curation.text.words import words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStatistics:
    """Adds `signal.num_chars` (float64): code points of the text, never null."""

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        return with_fields(require(schema, "text", pa.string()), [signal_field("num_chars")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Counts in `text`."""
        return add_signals(batch, {"num_chars": words_of(batch["text"]).num_chars_N.astype(np.float64)})
