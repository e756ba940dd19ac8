"""NeMo Curator's heuristics for English beside Gopher's, as signals.

Source: `nemo_curator/stages/text/filters/heuristic/string.py` (Apache-2.0) and its English configuration.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.byte_classes import class_counts, lanes_of
from curation.kernels.code_points import marks_table
from curation.kernels.nemo import BOILERPLATE, LINES, LONGEST_WORD, PARAGRAPHS, UNMARKED_LINES, URL_CHARS, nemo_counts
from curation.kernels.phrases import phrase_hits
from curation.quality.columns import add_signals
from curation.step import require, signal_field, with_fields
from curation.text.c4 import POLICY_PHRASES
from curation.text.marks import C4_END_MARKS
from curation.text.words import words_of

NAMES = (
    "non_alphanumeric_fraction",
    "digit_fraction",
    "url_char_fraction",
    "white_space_fraction",
    "bracket_fraction",
    "boilerplate_paragraph_fraction",
    "no_end_mark_line_fraction",
    "longest_word_chars",
)
BOILERPLATE_PHRASES = (
    *POLICY_PHRASES,
    "privacy overview",
    "privacy & cookies policy",
    "privacy and cookies policy",
    "necessary cookies are absolutely essential for the website to function properly",
    "any cookies that may not be particularly necessary for the website",
    "if you continue to browse this site without changing your cookie settings",
)
"""NeMo's, its paragraphs of cookie notices by their first words; two of them hold shorter phrases of the list."""

PHRASES = ("http://", "https://", "lorem ipsum", *BOILERPLATE_PHRASES)
_DIGITS = b"0123456789"
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
CLASSES = lanes_of(_LETTERS + _DIGITS + b"\n?!,.", _DIGITS, b"\t\n\r\b ", b"{}[]()")


@dataclass(frozen=True, slots=True, kw_only=True)
class NemoEnglish:
    """Adds eight signals for English (float64); shares are of the document's code points unless said.

    - `non_alphanumeric_fraction`: all but `a-z A-Z 0-9 ? ! , .` and line feeds; <= 0.25. 1 for empty text.
    - `digit_fraction`: `0-9`; <= 0.15. `white_space_fraction`: blank, tab, line feed, CR, backspace; <= 0.25. Both 1
      for empty text.
    - `bracket_fraction`: `{}[]()`; <= 0.1. NeMo counts U+27E8 and U+27E9 too.
    - `url_char_fraction`: `http://` or `https://` and what follows up to `/` or another character that NeMo's pattern
      has not; <= 0.2. The scheme counts in any case here.
    - `boilerplate_paragraph_fraction`: paragraphs (parted by two line feeds) with a phrase of boilerplate; <= 0.4. 1
      with "lorem ipsum".
    - `no_end_mark_line_fraction`: lines with text that do not end in `.?!"'`; <= 0.85.
    - `longest_word_chars`: longest run without white space; <= 1000.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_fields(require(schema, "text", pa.string()), map(signal_field, NAMES))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        values, offsets_N1, chars_N = words.values, words.offsets_N1, words.num_chars_N
        classes = class_counts(values, offsets_N1, CLASSES)
        hits = phrase_hits(values, offsets_N1, PHRASES)
        counts = nemo_counts(values, offsets_N1, words.found, hits, end_marks=marks_table(C4_END_MARKS))
        per_char = np.maximum(chars_N, 1)
        shares = np.where(chars_N[:, None] == 0, 1.0, classes[:, :3] / per_char[:, None])
        signals = {
            "non_alphanumeric_fraction": np.where(chars_N == 0, 1.0, (chars_N - classes[:, 0]) / per_char),
            "digit_fraction": shares[:, 1],
            "url_char_fraction": counts[:, URL_CHARS] / per_char,
            "white_space_fraction": shares[:, 2],
            "bracket_fraction": classes[:, 3] / per_char,
            "boilerplate_paragraph_fraction": counts[:, BOILERPLATE] / counts[:, PARAGRAPHS],
            "no_end_mark_line_fraction": counts[:, UNMARKED_LINES] / np.maximum(counts[:, LINES], 1),
            "longest_word_chars": counts[:, LONGEST_WORD].astype(np.float64),
        }
        return add_signals(batch, signals)
