"""RefinedWeb's edit: lines that are buttons, counters and headings go.

Penedo et al. 2023 (arXiv 2306.01116), appendix G.2; numbers and phrases as in DCLM-Baseline (Li et al. 2024, arXiv
2406.11794, `dclm_baseline_refinedweb.yaml`).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.phrases import phrase_hits
from curation.kernels.refinedweb import refinedweb_removals
from curation.schema import EDIT
from curation.step import require
from curation.text.removing import with_removals
from curation.text.words import words_of

RULES = (
    "refinedweb_uppercase",
    "refinedweb_digits",
    "refinedweb_counter",
    "refinedweb_one_word",
    "refinedweb_phrase",
)
PHRASES = ("items in cart", "read more...", "sign-in")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinedWebLines:
    """Removes lines: over half upper case, digits alone, counters ("3 likes"), one word; and phrases of buttons.

    In this order, an edit `refinedweb_<rule>` each (`RULES`). In lines of at most ten words go "items in cart"
    anywhere, "read more..." at the end and "sign-in" at the start, in any case, with one blank beside them; so does a
    line of which nothing is left. Upper case is what has another lower case of as many bytes, digits are Unicode's
    numbers. Where DCLM differs: its full stops in "Read more..." stand for any character, and it strips the document
    after each rule.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return require(require(schema, "text", pa.string()), "edits", pa.list_(EDIT))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts."""
        words = words_of(batch["text"])
        hits = phrase_hits(words.values, words.offsets_N1, PHRASES)
        sizes = np.array([len(phrase) for phrase in PHRASES], dtype=np.int64)
        removals = refinedweb_removals(words.values, words.offsets_N1, words.found, hits, phrase_sizes=sizes)
        return with_removals(batch, words.values, words.offsets_N1, removals, RULES)
