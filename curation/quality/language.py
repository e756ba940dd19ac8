"""Language identification as signals, by fastText's lid.176.

Joulin et al. 2016 (arXiv 1607.01759, 1612.03651). The compressed model comes with the package (CC BY-SA 3.0,
see models/NOTICE); another one is named by path and digest.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import fasttext
import numpy as np
import pyarrow as pa

from curation.errors import ArtifactError
from curation.quality.columns import add_signals
from curation.setting import key
from curation.step import require, signal_field, with_columns, with_fields
from curation.text.words import words_of

PACKAGED_MODEL = Path(__file__).with_name("models") / "lid.176.ftz"
PACKAGED_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
LABEL = "__label__"

NAMES = (signal_field("language", pa.string()), signal_field("language_score"), signal_field("language_margin"))


class Predictor(Protocol):
    """What is used of a loaded fastText model."""

    def predict(self, line: str, k: int, threshold: float, on_unicode_error: str) -> list[tuple[float, str]]:
        """Returns up to `k` (probability, label), best first, of one line that ends in a line feed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Adds `signal.language` (string), `signal.language_score` and `signal.language_margin` (float64).

    The best label without its prefix, its probability, and by how much that exceeds the second. All three
    are null where the text has no word. Line feeds are read as spaces, as fastText takes one line. The model
    is loaded once per process.
    """

    model: str | None = key(None, "path of a fastText model; null: lid.176.ftz of the package")
    sha256: str | None = key(None, "digest that the model file must have; null: as the package's, or any")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signals."""
        return with_fields(require(schema, "text", pa.string()), NAMES)

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`.

        Raises:
            ArtifactError: the model is missing or has another digest.
        """
        model = load_model(self.model, self.sha256)
        has_words_N = words_of(batch["text"]).num_words_N > 0
        labels: list[str | None] = [None] * batch.num_rows
        score_N, margin_N = np.zeros(batch.num_rows), np.zeros(batch.num_rows)
        for row in np.flatnonzero(has_words_N).tolist():
            line = batch["text"][row].as_py().replace("\n", " ") + "\n"
            (score, label), *others = model.predict(line, 2, 0.0, "strict")
            labels[row] = label.removeprefix(LABEL)
            score_N[row] = score
            margin_N[row] = score - (others[0][0] if others else 0.0)
        batch = with_columns(batch, NAMES[:1], [pa.array(labels, pa.string())])
        numbers = {"language_score": score_N, "language_margin": margin_N}
        return add_signals(batch, numbers, null=dict.fromkeys(numbers, ~has_words_N))


def model_digest(path: str | None, sha256: str | None) -> str:
    """Returns the sha256 (hex) of the model file at `path`, or of the package's if null.

    Raises:
        ArtifactError: it is missing, or `sha256` is given and another one.
    """
    expected = sha256 or (PACKAGED_SHA256 if path is None else None)
    try:
        found = hashlib.sha256(Path(path or PACKAGED_MODEL).read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path or PACKAGED_MODEL}: expected a fastText model ({error.strerror})") from None
    if expected and found != expected.lower():
        name = path or PACKAGED_MODEL
        raise ArtifactError(f"{name}: expected a model of sha256 {expected}, found {found}; correct path or digest")
    return found


@functools.lru_cache(maxsize=2)
def load_model(path: str | None, sha256: str | None) -> Predictor:
    """Returns the fastText model at `path`, or the package's if null; loaded once per process.

    Raises:
        ArtifactError: it is missing, has another digest, or is no fastText model.
    """
    model_digest(path, sha256)
    try:
        predictor: Predictor = fasttext.load_model(str(path or PACKAGED_MODEL)).f
    except ValueError as error:
        raise ArtifactError(f"{path}: expected a fastText model ({error})") from None
    return predictor
