"""C4's edit: lines that do not look like prose go, as do citations.

Raffel et al. 2020 (arXiv 1910.10683), section 2.2; the details are those of TensorFlow Datasets' c4_utils.py and
datatrove 0.10.1's `C4QualityFilter`. What C4 then asks of the whole document is measured by `curation.quality.c4`.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.kernels.c4 import c4_removals
from curation.kernels.code_points import marks_table
from curation.kernels.phrases import phrase_hits
from curation.schema import EDIT
from curation.setting import key
from curation.step import require
from curation.text.marks import C4_END_MARKS
from curation.text.removing import with_removals
from curation.text.words import words_of

POLICY_PHRASES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
RULES = (
    "c4_long_word",
    "c4_no_end_mark",
    "c4_few_words",
    "c4_javascript",
    "c4_policy",
    "c4_citation",
    "c4_white_space",
)
PHRASES = ("lorem ipsum", "javascript", *POLICY_PHRASES)


@dataclass(frozen=True, slots=True, kw_only=True)
class C4Lines:
    """Removes lines: with a long word, without end mark, of few words, on "javascript", on policies; and citations.

    In this order, one edit `c4_<rule>` per removed line (`RULES`); adjacent ones of a rule are one. Of lines that stay,
    white space around them and `[12]`, `[]`, `[edit]`, `[citation needed]` go. A line with "lorem ipsum" or `{` that
    gets as far stays, for the signals of `C4` to see. The end is looked for after citations are gone; `...` is none.

    Words are parted by ASCII white space. Documents in scripts without spaces keep lines of few words. Peers: DCLM
    asks for 5 words; FineWeb takes any end (`c4_lines_any_end`); only a line feed ends a line here, in datatrove also
    U+2028 and U+2029.
    """

    end_marks: str = key(C4_END_MARKS, "characters one of which ends a line; empty: any end will do")
    min_words: int = key(3, "words that a line must have")
    max_word_chars: int = key(1000, "code points of the longest word that a line may have")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Returns `schema` unchanged."""
        return require(require(schema, "text", pa.string()), "edits", pa.list_(EDIT))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Returns the batch with edited texts."""
        words = words_of(batch["text"])
        removals = c4_removals(
            words.values,
            words.offsets_N1,
            words.found,
            phrase_hits(words.values, words.offsets_N1, PHRASES),
            end_marks=marks_table(self.end_marks),
            any_end=not self.end_marks,
            min_words_N=np.where(words.is_spaced_N, self.min_words, 0).astype(np.int64),
            max_word_chars=self.max_word_chars,
        )
        return with_removals(batch, words.values, words.offsets_N1, removals, RULES)
