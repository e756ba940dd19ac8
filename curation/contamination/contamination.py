"""How much a text has of evaluation sets: a signal, and the items that it has something of."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from curation.contamination.loaded import loaded_index
from curation.contamination.overlap import items_of, overlap
from curation.schema import CONTAMINATION
from curation.setting import documented
from curation.step import require, signal_field, with_columns, with_fields
from curation.text.words import words_of

ITEMS = pa.field("contamination", pa.list_(CONTAMINATION), nullable=False)
FIELDS = (signal_field("contaminated_items"), signal_field("contamination_overlap"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination:
    """Adds `signal.contaminated_items` and `signal.contamination_overlap` (float64), and `contamination`: the items.

    Items of the index of which the text has a run of words; the largest share of an item's runs that it has (0 where
    there is none); and each item with the number of its runs that were found, and of those it has. Runs, and which are
    ignored: `curation.contamination.index`.
    """

    index: str = field(metadata=documented("path of an index of evaluation sets"))
    sha256: str = field(metadata=documented("digest that the index must have"))

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals and the items."""
        return with_fields(require(schema, "text", pa.string()), [*FIELDS, ITEMS])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`.

        Raises:
            ArtifactError: the index is missing, has another digest, or is none.
        """
        index = loaded_index(self.index, self.sha256)
        found = items_of(overlap(words_of(batch["text"]), index), index, batch.num_rows)
        num_items_N = np.diff(found.offsets_N1)
        share_M = found.count_M / np.maximum(index.num_grams_T[found.item_M], 1)
        most_N = np.zeros(batch.num_rows)
        np.maximum.at(most_N, np.repeat(np.arange(batch.num_rows), num_items_N), share_M)
        structs = pa.StructArray.from_arrays(
            [
                index.names.take(pa.array(found.item_M)),
                pa.array(found.count_M),
                pa.array(index.num_grams_T[found.item_M]),
            ],
            fields=list(CONTAMINATION),
        )
        lists = pa.ListArray.from_arrays(pa.array(found.offsets_N1.astype(np.int32)), structs, type=ITEMS.type)
        numbers = [pa.array(num_items_N.astype(np.float64)), pa.array(most_N)]
        return with_columns(batch, [*FIELDS, ITEMS], [*numbers, lists])
