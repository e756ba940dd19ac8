"""How much personal data a text has, and where: counts by kind, and the spans."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.privacy.kinds import KINDS, Kind
from curation.privacy.spans import spans_of
from curation.schema import PII_SPAN
from curation.setting import key
from curation.step import require, signal_field, with_columns, with_fields

SPANS = pa.field("pii", pa.list_(PII_SPAN), nullable=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """Adds `signal.num_pii` and `signal.num_pii_<kind>` (float64): spans of personal data, and `pii`: where they are.

    Kinds and how each is told: `curation.privacy.kinds`. Spans do not overlap; bytes of the text that is measured, so
    of the text before it is masked. The data itself is not stored again.
    """

    kinds: tuple[Kind, ...] = key(KINDS, "what is looked for")
    regions: tuple[str, ...] = key(("US",), "countries in which a telephone number without + may be dialled")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals and the spans."""
        return with_fields(require(schema, "text", pa.string()), [*self._fields, SPANS])

    @property
    def _fields(self) -> list[pa.Field]:
        return [signal_field(name) for name in ("num_pii", *(f"num_pii_{kind}" for kind in self.kinds))]

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        spans = spans_of(batch["text"], kinds=self.kinds, regions=self.regions)
        document_S = np.repeat(np.arange(batch.num_rows), np.diff(spans.offsets_N1))
        chosen = [document_S, *(document_S[spans.kind_S == KINDS.index(kind)] for kind in self.kinds)]
        counts = [np.bincount(one, minlength=batch.num_rows).astype(np.float64) for one in chosen]
        kinds = pa.array(KINDS, pa.string()).take(pa.array(spans.kind_S))
        structs = pa.StructArray.from_arrays(
            [kinds, pa.array(spans.begin_S), pa.array(spans.end_S)], fields=list(PII_SPAN)
        )
        offsets = pa.array(spans.offsets_N1.astype(np.int32))
        lists = pa.ListArray.from_arrays(offsets, structs, type=SPANS.type)
        return with_columns(batch, [*self._fields, SPANS], [*map(pa.array, counts), lists])


def placeholders(kinds: tuple[Kind, ...], replace_with: Mapping[str, str]) -> tuple[tuple[Kind, str], ...]:
    """Returns what each kind is replaced with: as said, else its name, e.g. `<EMAIL>`."""
    return tuple((kind, replace_with.get(kind, f"<{kind.upper()}>")) for kind in kinds)
