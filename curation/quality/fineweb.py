"""FineWeb's own statistics of lines as signals.

Penedo et al. 2024 (arXiv 2406.17557), section 3.6; counted as datatrove 0.10.1's `FineWebQualityFilter` does.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.code_points import marks_table
from curation.kernels.line_statistics import END_MARK_LINES, LINES, REPEATED_CHARS, SHORT_LINES, line_counts
from curation.quality.columns import add_signals
from curation.setting import key
from curation.step import require, signal_field, with_fields
from curation.text.marks import SENTENCE_ENDS
from curation.text.words import words_of

NAMES = ("end_mark_line_fraction", "short_line_fraction", "repeated_line_char_fraction", "newline_word_ratio")


@dataclass(frozen=True, slots=True, kw_only=True)
class FineWeb:
    """Adds four signals of lines that are not blank (float64).

    - `end_mark_line_fraction`: lines whose last character ends a sentence, in any script; FineWeb keeps >= 0.12.
    - `short_line_fraction`: lines of at most `short_chars` code points; <= 0.67.
    - `repeated_line_char_fraction`: code points of lines that an earlier line equals, over all but line feeds; <= 0.1
      in the paper, 0.01 in datatrove (presets `fineweb_paper` and `fineweb`).
    - `newline_word_ratio`: line feeds per word; <= 0.3, in datatrove only.

    0 where there is nothing to divide by, so a document without text fails the first. Words are those of
    `curation.text.words`, estimated in scripts without spaces; datatrove counts punctuation as words, so its ratio is a
    little smaller.
    """

    short_chars: int = key(30, "code points of the longest line that is short")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_fields(require(schema, "text", pa.string()), map(signal_field, NAMES))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        marks = marks_table(SENTENCE_ENDS)
        counts = line_counts(words.values, words.offsets_N1, words.found, marks=marks, short_chars=self.short_chars)
        newlines_N = np.diff(words.newline_offsets_N1)
        per_line = np.maximum(counts[:, LINES], 1)
        signals = {
            "end_mark_line_fraction": counts[:, END_MARK_LINES] / per_line,
            "short_line_fraction": counts[:, SHORT_LINES] / per_line,
            "repeated_line_char_fraction": counts[:, REPEATED_CHARS] / np.maximum(words.num_chars_N - newlines_N, 1),
            "newline_word_ratio": newlines_N / np.maximum(words.estimated_words_N, 1),
        }
        return add_signals(batch, signals)
