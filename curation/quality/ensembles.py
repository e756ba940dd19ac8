"""Several classifiers as one signal, as Nemotron-CC does: the highest bucket that any of them gives.

Su et al. 2024 (arXiv 2412.02595): classifiers differ in what they find good, so each score is turned into its rank
among reference documents (20 buckets), and a document counts as good as its best rank.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from curation.quality.columns import add_signals
from curation.quality.scores import bucket_of
from curation.setting import key
from curation.step import require, signal_field, with_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Adds `signal.<name>` (float64): the largest or the mean of its members' buckets, or of their scores.

    A member that is null takes no part; null where all are.
    """

    name: str = key("ensemble", "of the signal")
    members: tuple[str, ...] = key(("quality",), "names of classifiers")
    of: Literal["bucket", "score"] = key("bucket", "which of their signals")
    combine: Literal["max", "mean"] = key("max", "how they become one number")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        for column in self._columns():
            require(schema, column, pa.float64())
        return with_fields(schema, [signal_field(self.name)])

    def _columns(self) -> list[str]:
        return [f"signal.{bucket_of(member) if self.of == 'bucket' else member}" for member in self.members]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Reads the members' signals."""
        best_N, total_N, count_N = np.full(batch.num_rows, -np.inf), np.zeros(batch.num_rows), np.zeros(batch.num_rows)
        for column in self._columns():
            value_N = batch[column].to_numpy(zero_copy_only=False).astype(np.float64)
            known_N = ~np.isnan(value_N)
            best_N = np.fmax(best_N, value_N)
            total_N += np.where(known_N, value_N, 0.0)
            count_N += known_N
        value_N = best_N if self.combine == "max" else total_N / np.maximum(count_N, 1)
        return add_signals(batch, {self.name: value_N}, null={self.name: count_N == 0})
