"""What C4 and mC4 ask of a whole document, as signals.

Raffel et al. 2020 (arXiv 1910.10683), section 2.2; Xue et al. 2021 (arXiv 2010.11934), section 3.1. C4 measures what
its edit of lines (`curation.text.c4`) leaves, so `c4` belongs into the phase of that edit.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.byte_classes import byte_counts
from curation.kernels.c4 import sentence_counts
from curation.kernels.code_points import marks_table
from curation.kernels.line_statistics import THIRD_LONGEST, line_counts
from curation.kernels.phrases import phrase_hits
from curation.quality.columns import add_signals
from curation.step import require, signal_field, with_fields
from curation.text.marks import CLOSING, SENTENCE_ENDS
from curation.text.words import words_of

NAMES = ("num_sentences", "num_lorem_ipsum", "num_curly_brackets")


@dataclass(frozen=True, slots=True, kw_only=True)
class C4:
    """Adds `signal.num_sentences`, `num_lorem_ipsum` (in any case) and `num_curly_brackets` (of `{`), float64.

    C4 keeps at least 5 sentences (DCLM's C4: 3) and neither of the others. A sentence ends with its line, or at a mark
    that ends sentences in any script; at one of ASCII only before white space, and not at the stop of an initial. Peers
    use trained or listed splitters (C4: NLTK's Punkt; datatrove: spaCy's rules), which know abbreviations.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_fields(require(schema, "text", pa.string()), map(signal_field, NAMES))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        values, offsets_N1 = words.values, words.offsets_N1
        marks, closing = marks_table(SENTENCE_ENDS), marks_table(CLOSING)
        sentences_N = sentence_counts(values, offsets_N1, words.found, marks=marks, closing=closing)
        hits = phrase_hits(values, offsets_N1, ("lorem ipsum",))
        curly_N = byte_counts(values, offsets_N1, ord("{"))
        measured = zip(NAMES, (sentences_N, np.diff(hits.offsets_N1), curly_N), strict=True)
        return add_signals(batch, {name: counts.astype(np.float64) for name, counts in measured})


@dataclass(frozen=True, slots=True, kw_only=True)
class MC4:
    """Adds `signal.third_longest_line_chars` (float64): code points of the third longest line; 0 below three lines.

    mC4 keeps documents with three lines of 200 characters or more (section 3.1).
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        return with_fields(require(schema, "text", pa.string()), [signal_field("third_longest_line_chars")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        marks = marks_table(SENTENCE_ENDS)
        counts = line_counts(words.values, words.offsets_N1, words.found, marks=marks, short_chars=0)
        return add_signals(batch, {"third_longest_line_chars": counts[:, THIRD_LONGEST].astype(np.float64)})
