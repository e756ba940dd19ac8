"""How offensive a fastText model finds a text, as a signal.

The model of the package is trained by `infra/make_toxicity_model.py`; `models/toxicity.json` says on what, how well it
does on what it has not seen, and where it fails. It knows words, not who is meant: use it to send texts to review.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.quality.classifier import Classifier, read_classifier
from curation.quality.columns import add_signals
from curation.step import require, signal_field, with_fields
from curation.text.words import words_of

MODEL = Path(__file__).with_name("models") / "toxicity.ftz"
LABEL, LANGUAGE = "__label__toxic", "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toxicity:
    """Adds `signal.toxicity_score` (float64): the model's probability that an English text is hateful or offensive.

    Null unless `signal.language` is `en`, so `language` comes before it, and where there is no word. Read are the
    letters, digits and `_` of the text, in lower case.
    """

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal; reads `signal.language`."""
        require(require(schema, "text", pa.string()), "signal.language", pa.string())
        return with_fields(schema, [signal_field("toxicity_score")])

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`."""
        is_english = pc.fill_null(pc.equal(batch["signal.language"], LANGUAGE), False)
        is_null_N = ~is_english.to_numpy(zero_copy_only=False) | (words_of(batch["text"]).num_words_N == 0)
        texts = pc.if_else(is_english, batch["text"], "")
        plain = pc.replace_substring_regex(pc.utf8_lower(texts), pattern=r"[^\pL\pN_]+", replacement=" ")
        model = _model()
        label_NK, score_NK = model.best(plain, count=2)
        toxic_N = np.where(label_NK == model.names.index(LABEL), score_NK, 0.0).sum(axis=1)
        return add_signals(batch, {"toxicity_score": toxic_N}, null={"toxicity_score": is_null_N})


@functools.cache
def _model() -> Classifier:
    return read_classifier(MODEL.read_bytes(), name=MODEL.name)
