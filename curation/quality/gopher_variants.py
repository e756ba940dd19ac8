"""Gopher's statistics where published pipelines count otherwise than the paper's table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.gopher import BULLET_LINES, LINES, hashes_of, quality_counts
from curation.kernels.word_statistics import median_chars, occurrences, punctuation_words
from curation.quality.columns import add_signals
from curation.quality.gopher import ENGLISH_STOP_WORDS
from curation.step import require, signal_field, with_fields
from curation.text.words import words_of

NAMES = ("median_word_length", "star_bullet_line_fraction", "stop_word_occurrences", "alpha_token_fraction")


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherVariants:
    """Adds four signals (float64) that others put in the place of one of `GopherQuality`.

    - `median_word_length`: median instead of mean (Dolma 1.0, taggers `gopher_v1` and `gopher_v2`).
    - `star_bullet_line_fraction`: bullets are `*` and `-` (the same).
    - `stop_word_occurrences`: every occurrence of an English stop word counts (DCLM, `stop_word_filter` with
      `count_unique: False`).
    - `alpha_token_fraction`: words with a letter over words and punctuation, which counts as words by the rules of
      `curation.kernels.word_statistics.punctuation_words` (datatrove takes spaCy's tokens).

    Null as in `GopherQuality` where the script has no spaces, but for the lines.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_fields(require(schema, "text", pa.string()), map(signal_field, NAMES))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        values, offsets_N1, num_words_N = words.values, words.offsets_N1, words.num_words_N
        counts = quality_counts(values, offsets_N1, words.found, stop_words=(), bullets=("*", "-"))
        stop_words_N = occurrences(words.word_hash_W, words.word_offsets_N1, hashes_of(ENGLISH_STOP_WORDS))
        tokens_N = num_words_N + punctuation_words(values, offsets_N1, words.found)
        signals = {
            "median_word_length": median_chars(words.word_chars_W, words.word_offsets_N1),
            "star_bullet_line_fraction": counts[:, BULLET_LINES] / np.maximum(counts[:, LINES], 1),
            "stop_word_occurrences": stop_words_N.astype(np.float64),
            "alpha_token_fraction": (num_words_N - words.numeric_words_N) / np.maximum(tokens_N, 1),
        }
        of_words = [name for name in NAMES if name != "star_bullet_line_fraction"]
        return add_signals(batch, signals, null=dict.fromkeys(of_words, ~words.is_spaced_N))
