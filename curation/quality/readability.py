"""How hard a text reads: signals that order documents, or gate them; what is high is said of each.

Both are among the difficulty measures that Zhang et al. 2025 (arXiv 2506.11300) find to serve as a warm-up.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.kernels.c4 import sentence_counts
from curation.kernels.code_points import marks_table
from curation.kernels.readability import lexical_diversity, syllable_counts
from curation.quality.columns import add_signals
from curation.setting import key
from curation.step import require, signal_field, with_fields
from curation.text.marks import CLOSING, SENTENCE_ENDS
from curation.text.words import words_of

LANGUAGE = "signal.language"


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalDiversity:
    """Adds `signal.mtld` (float64): words per factor of lexical diversity; null below `min_words` words.

    McCarthy and Jarvis 2010 (Behavior Research Methods 42), forwards and backwards; words as in `curation.text.words`,
    without case; high is varied. Short texts have no stable value: Koizumi 2012 (Vocabulary Learning and Instruction
    1) asks for 100 words.
    """

    factor: float = key(0.72, "share of different words that ends a factor; McCarthy and Jarvis's")
    min_words: int = key(100, "texts with fewer words have no value")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        return with_fields(require(schema, "text", pa.string()), [signal_field("mtld")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        mtld_N = lexical_diversity(words.word_hash_W, words.word_offsets_N1, factor=self.factor)
        return add_signals(batch, {"mtld": mtld_N}, null={"mtld": words.num_words_N < self.min_words})


@dataclass(frozen=True, slots=True, kw_only=True)
class FleschReadingEase:
    """Adds `signal.flesch` (float64): Flesch's reading ease of English, high is easy; null elsewhere and without words.

    206.835 - 1.015 words/sentence - 84.6 syllables/word (Flesch 1948, Journal of Applied Psychology 32). Sentences as
    in the signal `c4`, syllables estimated by `curation.kernels.readability`. Reads `signal.language`.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal."""
        require(schema, LANGUAGE, pa.string())
        return with_fields(require(schema, "text", pa.string()), [signal_field("flesch")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        words = words_of(batch["text"])
        values, offsets_N1 = words.values, words.offsets_N1
        marks, closing = marks_table(SENTENCE_ENDS), marks_table(CLOSING)
        sentences_N = sentence_counts(values, offsets_N1, words.found, marks=marks, closing=closing)
        syllables_N = syllable_counts(values, offsets_N1, words.found)
        num_words_N = np.maximum(words.num_words_N, 1)
        ease_N = 206.835 - 1.015 * num_words_N / np.maximum(sentences_N, 1) - 84.6 * syllables_N / num_words_N
        is_english_N = pc.fill_null(pc.equal(batch[LANGUAGE], "en"), False).to_numpy(zero_copy_only=False)
        return add_signals(batch, {"flesch": ease_N}, null={"flesch": ~is_english_N | (words.num_words_N == 0)})
