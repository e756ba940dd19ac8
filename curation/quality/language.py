"""Language identification as signals, by fastText's lid.176.

Joulin et al. 2016 (arXiv 1607.01759, 1612.03651). The compressed model comes with the package (CC BY-SA 3.0,
see models/NOTICE); another one is named by path and digest.
"""

import functools
import hashlib
from dataclasses import dataclass

import pyarrow as pa

from curation.kernels.word_statistics import has_words
from curation.quality.classifier import Classifier, read_classifier
from curation.quality.columns import add_signals
from curation.quality.model_files import MODELS, verified_fasttext
from curation.setting import key
from curation.step import require, signal_field, with_columns, with_fields
from curation.text.words import text_buffers

PACKAGED_MODEL = MODELS / "lid.176.ftz"
PACKAGED_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
LABEL = "__label__"

NAMES = (signal_field("language", pa.string()), signal_field("language_score"), signal_field("language_margin"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Adds `signal.language` (string), `signal.language_score` and `signal.language_margin` (float64).

    The best label without its prefix, its probability as the library gives it (up to 1 + 1e-5), and by how much
    that exceeds the second. All three are null where the text has no word. Line feeds are read as spaces, as
    fastText takes one line. The model is loaded once per process.
    """

    model: str | None = key(None, "path of a fastText model; null: lid.176.ftz of the package")
    sha256: str | None = key(None, "digest that the model file must have; null: as the package's, or any")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_fields(require(schema, "text", pa.string()), NAMES)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`.

        Raises:
            ArtifactError: the model is missing, has another digest, or is no supervised fastText model.
        """
        model = load_model(self.model, self.sha256)
        label_NK, score_NK = model.best(batch["text"], count=2)
        is_null_N = ~has_words(*text_buffers(batch["text"])) | (label_NK[:, 0] < 0)
        names = pa.array([name.removeprefix(LABEL) for name in model.names], pa.string())
        languages = names.take(pa.array(label_NK[:, 0], mask=is_null_N))
        margin_N = score_NK[:, 0] - (score_NK[:, 1] if len(model.names) > 1 else 0.0)
        batch = with_columns(batch, NAMES[:1], [languages])
        numbers = {"language_score": score_NK[:, 0], "language_margin": margin_N}
        return add_signals(batch, numbers, null=dict.fromkeys(numbers, is_null_N))


def model_digest(path: str | None, sha256: str | None) -> str:
    """Returns the sha256 (hex) of the model file at `path`, or of the package's if null.

    Raises:
        ArtifactError: it is missing, or `sha256` is given and another one.
    """
    return hashlib.sha256(_content(path, sha256)).hexdigest()


@functools.lru_cache(maxsize=2)
def load_model(path: str | None, sha256: str | None) -> Classifier:
    """Returns the fastText model at `path`, or the package's if null; loaded once per process.

    Raises:
        ArtifactError: it is missing, has another digest, or is no supervised fastText model.
    """
    return read_classifier(_content(path, sha256), name=str(path or PACKAGED_MODEL))


def _content(path: str | None, sha256: str | None) -> memoryview:
    """Returns a model file whose digest was checked: what is checked is what is used."""
    return verified_fasttext(path or PACKAGED_MODEL, sha256 or (PACKAGED_SHA256 if path is None else None))
