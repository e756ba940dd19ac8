"""Gopher's document statistics as signals; the thresholds are gates of the spec.

Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher" (arXiv
2112.11446), Table A1. The counting follows datatrove 0.10.1 with three differences: words are those of
`curation.text.words` (datatrove takes spaCy's tokens, which include punctuation), compared without case,
and only a line feed ends a line.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.gopher import (
    BULLET_LINES,
    ELLIPSIS,
    ELLIPSIS_LINES,
    LINES,
    STOP_WORDS,
    SYMBOL_HASH,
    quality_counts,
)
from curation.kernels.repetition import (
    DUP_LINE_CHARS,
    DUP_LINES,
    DUP_PARAGRAPH_CHARS,
    DUP_PARAGRAPHS,
    MAX_NGRAM,
    NGRAMS,
    PARAGRAPHS,
    TOP_NGRAM,
    repetition_counts,
)
from curation.kernels.repetition import LINES as REPETITION_LINES
from curation.quality.columns import add_signals
from curation.setting import key
from curation.step import require, signal_field, with_fields
from curation.text.words import words_of

ENGLISH_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")

QUALITY = (
    "num_words",
    "mean_word_length",
    "symbol_word_ratio_hash",
    "symbol_word_ratio_ellipsis",
    "alpha_word_fraction",
    "num_stop_words",
    "bullet_line_fraction",
    "ellipsis_line_fraction",
)
SPACED_ONLY = ("mean_word_length", "num_stop_words")
DUPLICATES = (
    "dup_line_fraction",
    "dup_paragraph_fraction",
    "dup_line_char_fraction",
    "dup_paragraph_char_fraction",
)
NGRAM_SIGNALS = tuple(f"{'top' if n <= TOP_NGRAM else 'dup'}_{n}gram_char_fraction" for n in range(2, MAX_NGRAM + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherQuality:
    """Adds the eight signals of `QUALITY` (float64); 0 where there are no words or lines to divide by.

    Words are counted as `curation.text.words` estimates them, so that counts mean something in scripts without
    spaces too. Two signals are null there: `mean_word_length`, as it would only give back the estimate's constant,
    and `num_stop_words`, as no list of single characters or clusters is a list of words.
    """

    stop_words: tuple[str, ...] = key(ENGLISH_STOP_WORDS, "words of which the distinct ones present are counted")
    bullets: tuple[str, ...] = key(("•", "-"), "what a bullet line begins with (datatrove 0.10.1's two)")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_fields(require(schema, "text", pa.string()), map(signal_field, QUALITY))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        counts = quality_counts(
            words.values, words.offsets_N1, words.found, stop_words=self.stop_words, bullets=self.bullets
        ).astype(np.float64)
        num_words = words.estimated_words_N
        per_word = np.maximum(num_words, 1)
        per_line = np.maximum(counts[:, LINES], 1)
        signals = {
            "num_words": num_words,
            "mean_word_length": words.word_chars_N / per_word,
            "symbol_word_ratio_hash": counts[:, SYMBOL_HASH] / per_word,
            "symbol_word_ratio_ellipsis": counts[:, ELLIPSIS] / per_word,
            "alpha_word_fraction": np.maximum(num_words - words.numeric_words_N, 0) / per_word,
            "num_stop_words": counts[:, STOP_WORDS],
            "bullet_line_fraction": counts[:, BULLET_LINES] / per_line,
            "ellipsis_line_fraction": counts[:, ELLIPSIS_LINES] / per_line,
        }
        not_applicable = dict.fromkeys(SPACED_ONLY, ~words.is_spaced_N)
        return add_signals(batch, signals, null=not_applicable)


@dataclass(frozen=True, slots=True, kw_only=True)
class GopherRepetition:
    """Adds shares of duplicate lines and paragraphs and of frequent and repeated n-grams (13, float64).

    Character shares are of the document's code points. Those of n-grams are null where the script does not
    separate words by spaces: the paper's bounds are for n words, and n characters or clusters repeat more often.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_fields(require(schema, "text", pa.string()), map(signal_field, DUPLICATES + NGRAM_SIGNALS))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        is_spaced_N = words.is_spaced_N
        counts = repetition_counts(
            words.values, words.offsets_N1, words.found, words.lines(), has_ngrams_N=is_spaced_N
        ).astype(np.float64)
        per_char = np.maximum(words.num_chars_N, 1)
        signals = {
            "dup_line_fraction": counts[:, DUP_LINES] / counts[:, REPETITION_LINES],
            "dup_paragraph_fraction": counts[:, DUP_PARAGRAPHS] / counts[:, PARAGRAPHS],
            "dup_line_char_fraction": counts[:, DUP_LINE_CHARS] / per_char,
            "dup_paragraph_char_fraction": counts[:, DUP_PARAGRAPH_CHARS] / per_char,
        }
        signals |= {name: counts[:, NGRAMS + i] / per_char for i, name in enumerate(NGRAM_SIGNALS)}
        return add_signals(batch, signals, null=dict.fromkeys(NGRAM_SIGNALS, ~is_spaced_N))
