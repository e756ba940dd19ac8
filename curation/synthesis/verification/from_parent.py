"""What other measures say of the parent beside what they say of the child: its language, its personal data.

These steps read signals of other subjects; whoever composes a plan puts those before them.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.schema import PII_SPAN
from curation.step import require, signal_field, with_columns, with_fields
from curation.synthesis.children import PARENT_TEXT
from curation.synthesis.verification.both_texts import is_child, with_measures

PII = pa.list_(PII_SPAN)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageKept:
    """Adds `signal.language_kept` (float64): 1 where `signal.language` is the parent's, else 0; null where unknown.

    The parent's language is `signal.parent_language`.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        require(require(schema, "signal.language", pa.string()), "signal.parent_language", pa.string())
        return with_fields(schema, [signal_field("language_kept")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Compares the languages."""
        kept = pc.equal(batch["signal.language"], batch["signal.parent_language"]).cast(pa.float64())
        return with_columns(batch, [signal_field("language_kept")], [kept])


@dataclass(frozen=True, slots=True, kw_only=True)
class InventedPersonalData:
    """Adds `signal.invented_pii` (float64): spans of `pii` in `text` whose characters the parent has nowhere.

    `pii` must be of the text as it is: before anything is masked.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        return with_measures(require(schema, "pii", PII), ["invented_pii"])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Looks for each span in `parent_text`."""
        counts_N = np.full(batch.num_rows, np.nan)
        for row in np.flatnonzero(is_child(batch)).tolist():
            text, parent, spans = (batch[name][row].as_py() for name in ("text", PARENT_TEXT.name, "pii"))
            counts_N[row] = _invented(text.encode(), parent.casefold(), spans)
        column = pa.array(counts_N, pa.float64(), from_pandas=True)  # NaN is null
        return with_columns(batch, [signal_field("invented_pii")], [column])


def _invented(text: bytes, parent: str, spans: list[dict[str, int]]) -> float:
    found = {text[span["start"] : span["end"]] for span in spans}
    return float(sum(one.decode(errors="replace").casefold() not in parent for one in found))
