"""Personal data replaced: the edit that the signal `num_pii` has a span for."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.removals import Removals
from curation.privacy.kinds import KINDS, Kind
from curation.privacy.personal_data import placeholders
from curation.privacy.spans import spans_of
from curation.schema import EDIT
from curation.setting import key
from curation.step import require
from curation.text.removing import with_removals
from curation.text.words import text_buffers


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPersonalData:
    """Replaces spans of personal data, each an edit `pii_<kind>` whose replacement is what stands there now.

    All kinds of `kinds` are looked for, so that spans are those of `PersonalData`; those with a text in `masks` are
    replaced. Dolma (Soldaini et al. 2024, arXiv 2402.00159) has a token per kind, FineWeb (Penedo et al. 2024, arXiv
    2406.17557) addresses that nobody has.
    """

    kinds: tuple[Kind, ...] = key(KINDS, "what is looked for")
    masks: tuple[tuple[Kind, str], ...] = key(placeholders(KINDS, {}), "kinds that are replaced, and what with")
    regions: tuple[str, ...] = key(("US",), "countries in which a telephone number without + may be dialled")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return require(require(schema, "text", pa.string()), "edits", pa.list_(EDIT))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with masked texts."""
        spans = spans_of(batch["text"], kinds=self.kinds, regions=self.regions)
        rule_K = np.full(len(KINDS), -1, dtype=np.int64)
        rule_K[[KINDS.index(kind) for kind, _ in self.masks]] = np.arange(len(self.masks))
        rule_S = rule_K[spans.kind_S]
        is_masked_S = rule_S >= 0
        range_R3 = np.column_stack([rule_S, spans.begin_S, spans.end_S])[is_masked_S]
        offsets_N1 = np.concatenate([[0], np.cumsum(is_masked_S)])[spans.offsets_N1]
        rules, placed = (tuple(f"pii_{kind}" for kind, _ in self.masks), tuple(text for _, text in self.masks))
        values, text_offsets_N1 = text_buffers(batch["text"])
        return with_removals(batch, values, text_offsets_N1, Removals(range_R3, offsets_N1), rules, placed=placed)
