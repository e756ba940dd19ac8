"""How unexpected a text is to an n-gram model of its language, as CCNet ranks web pages by one of Wikipedia.

Wenzek et al. 2020 (arXiv 1911.00359): documents of a language are cut by perplexity into head, middle and
tail. Theirs is KenLM over SentencePiece tokens by line; here it is a model of our own over words, by document, so that
numbers compare within a model and not with theirs.
"""

import functools
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.errors import ArtifactError
from curation.quality.model_files import verified_file
from curation.quality.ngram_model import NUM_CUT_OFFS, Scorer, read_model, scorer_of
from curation.setting import documented, key
from curation.step import require, signal_field, with_columns, with_fields
from curation.text.words import words_of

NAME = "perplexity"
BUCKET = "perplexity_bucket"
BUCKETS = ("head", "middle", "tail")
ANY = "any"
"""Instead of a language: texts that have no model of their own."""
LANGUAGE = "signal.language"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOfLanguage:
    """An n-gram model of the texts of one language."""

    language: str = field(metadata=documented("label of `signal.language`, or any"))
    model: str = field(metadata=documented("path of the model"))
    sha256: str | None = key(None, "digest that it must have; null: any")


@dataclass(frozen=True, slots=True, kw_only=True)
class Perplexity:
    """Adds `signal.perplexity` (float64) and `signal.perplexity_bucket` (head, middle or tail) by the language's model.

    The perplexity is exp(-sum of ln p(word | words before) / words): low is like the text that the model was trained
    on. The head is up to the model's first cut-off, the middle up to its second one. Null without words, and for
    languages that have no model. Words as in `curation.text.words`, so without case and punctuation; KenLM's perplexity
    also counts ends of sentences. Reads `signal.language`, unless there is but the model for `any`.
    """

    models: tuple[ModelOfLanguage, ...] = key((), "one per language")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends both signals."""
        if any(model.language != ANY for model in self.models):
            require(schema, LANGUAGE, pa.string())
        fields = [signal_field(NAME), signal_field(BUCKET, pa.string())]
        return with_fields(require(schema, "text", pa.string()), fields)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`.

        Raises:
            ArtifactError: a model is missing, has another digest, is none or is not calibrated.
        """
        perplexity_N, bucket_N = np.ones(batch.num_rows), np.zeros(batch.num_rows, dtype=np.int32)
        has_words_N = words_of(batch["text"]).num_words_N > 0
        is_scored_N = np.zeros(batch.num_rows, dtype=np.bool_)
        for model in sorted(self.models, key=lambda model: model.language == ANY):
            is_chosen_N = has_words_N & ~is_scored_N & _is_of(batch, model.language)
            scorer = load_scorer(model)
            found_N = scorer.perplexities(batch["text"], is_chosen_N)
            perplexity_N = np.where(is_chosen_N, found_N, perplexity_N)
            bucket_N = np.where(is_chosen_N, np.searchsorted(scorer.model.cut_offs, found_N), bucket_N)
            is_scored_N |= is_chosen_N
        buckets = pa.array(BUCKETS).take(pa.array(bucket_N, mask=~is_scored_N))
        columns = [pa.array(perplexity_N, mask=~is_scored_N), buckets]
        return with_columns(batch, [signal_field(NAME), signal_field(BUCKET, pa.string())], columns)


def _is_of(batch: pa.RecordBatch, language: str) -> NDArray[np.bool_]:
    if language == ANY:
        return np.ones(batch.num_rows, dtype=np.bool_)
    is_equal = pc.fill_null(pc.equal(batch[LANGUAGE], language), False)
    return np.asarray(is_equal.to_numpy(zero_copy_only=False), dtype=np.bool_)


@functools.lru_cache(maxsize=16)
def load_scorer(model: ModelOfLanguage) -> Scorer:
    """Returns the scorer of a model, loaded once per process.

    Raises:
        ArtifactError: see `Perplexity.__call__`.
    """
    read = read_model(verified_file(model.model, model.sha256, what="an n-gram model"), name=model.model)
    if len(read.cut_offs) != NUM_CUT_OFFS:
        raise ArtifactError(
            f"{model.model}: expected a model with cut-offs of head and middle, found none; "
            "gristmill perplexity train --calibrate sets them"
        )
    return scorer_of(read)
