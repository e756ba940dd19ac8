"""How much of a text the edits since `gopher_quality` have taken: RefinedWeb's rule on edited documents."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.quality.columns import add_signals
from curation.step import require, signal_field, with_fields
from curation.text.words import words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedWords:
    """Adds `signal.removed_word_fraction` (float64): share of the words of `signal.num_words` that are gone now.

    RefinedWeb rejects documents that lost more than 5% to its line rules (Penedo et al. 2023, arXiv 2306.01116,
    appendix G.2). Belongs into the phase after that of `gopher_quality`. 0 where there were none.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal; reads `signal.num_words`."""
        require(require(schema, "text", pa.string()), "signal.num_words", pa.float64())
        return with_fields(schema, [signal_field("removed_word_fraction")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        before_N = batch["signal.num_words"].to_numpy(zero_copy_only=False)
        gone_N = np.maximum(before_N - words_of(batch["text"]).estimated_words_N, 0)
        share_N = gone_N / np.maximum(before_N, 1)
        return add_signals(
            batch, {"removed_word_fraction": share_N}, null={"removed_word_fraction": np.isnan(before_N)}
        )
