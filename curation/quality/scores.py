"""The score of a fastText classifier as a signal: a sum over labels, calibrated to a probability.

One form covers what is published: DCLM keeps by the probability of one label, `hq` (Li et al. 2024, arXiv 2406.11794);
others take the expected value of labels that are grades, `0` to `5`. The classifiers: Joulin et al. 2016 (arXiv
1607.01759).
"""

import functools
import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from curation.errors import ArtifactError
from curation.quality.calibration import Calibration, read_calibration
from curation.quality.classifier import Classifier, read_classifier
from curation.quality.columns import add_signals
from curation.quality.fasttext_model import Data
from curation.quality.model_files import MODELS, verified_fasttext, verified_file
from curation.setting import key
from curation.step import require, signal_field, with_fields
from curation.text.words import words_of

PREFIX = "__label__"
SHOWN_LABELS = 10
POSITIVE, NEGATIVE = "positive", "negative"
PACKAGED_MODEL = MODELS / "quality_en.ftz"
PACKAGED_SHA256 = "4ca81f4a1d29b08a429c32cb204ac2d3eb7a98b872c0a175a4e7f325637f8f65"
PACKAGED_CALIBRATION = MODELS / "quality_en.calibration.json"
PACKAGED_CALIBRATION_SHA256 = "c6ea6bf761c7d7afbd0b57db2ae003f33095f337764078d06f132dd8b2a56839"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierScore:
    """Adds `signal.<name>` (float64): the sum of label probabilities times the labels' values, calibrated if told.

    Null where the text has no word, or another language than `languages`. With a calibration it is a probability;
    without, what the model says, which for a label of value 1 is the library's probability of it (up to 1 + 1e-5).
    `buckets` adds `signal.<name>_bucket` (float64, from 0), the calibration's bucket of the score. Line feeds are read
    as spaces.
    """

    name: str = key("quality", "of the signal")
    model: str | None = key(None, "path of a fastText model; null: the package's for English, with its calibration")
    sha256: str | None = key(None, "digest that the model must have; null: as the package's, or any")
    labels: tuple[tuple[str, float], ...] = key(
        (), "labels (without prefix) and values; empty: the calibration's, or positive"
    )
    calibration: str | None = key(None, "path of a calibration; null: none, or the package's for its model")
    calibration_sha256: str | None = key(None, "digest that it must have")
    buckets: bool = key(False, "adds the bucket too")
    languages: tuple[str, ...] = key((), "texts of other `signal.language` are null; empty: any")

    def output_schema(self, schema: pa.Schema) -> pa.Schema:
        """Appends the signal, and the bucket if asked for; with `languages` it reads `signal.language`."""
        if self.languages:
            require(schema, "signal.language", pa.string())
        names = [self.name, bucket_of(self.name)] if self.buckets else [self.name]
        return with_fields(require(schema, "text", pa.string()), map(signal_field, names))

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures `text`.

        Raises:
            ArtifactError: a file is missing, has another digest or is not what it should be; the model lacks a label;
                the calibration is another model's.
        """
        scorer = load_scorer(self)
        texts = batch["text"]
        if self.languages:
            is_known = pc.is_in(batch["signal.language"], value_set=pa.array(self.languages, pa.string()))
            texts = pc.if_else(is_known, texts, "")
        score_N, is_null_N = scorer.scores(texts)
        calibration = scorer.calibration
        signals = {self.name: score_N if calibration is None else calibration.apply(score_N)}
        if self.buckets:
            signals[bucket_of(self.name)] = buckets_by(calibration, score_N, name=self.name)
        return add_signals(batch, signals, null=dict.fromkeys(signals, is_null_N))


def bucket_of(name: str) -> str:
    """Returns the name of the signal that holds the bucket of the signal `name`."""
    return f"{name}_bucket"


def buckets_by(calibration: Calibration | None, score_N: Floats, *, name: str) -> Floats:
    """Returns the bucket of each score, float64 (N,).

    Raises:
        ArtifactError: there is no calibration, or it has no bucket edges.
    """
    if calibration is None or not calibration.bucket_edges:
        raise ArtifactError(
            f"{name}: expected a calibration with bucket edges, found none; "
            "gristmill classifier calibrate --reference makes them"
        )
    return calibration.bucket(score_N)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A loaded classifier, the value of each of its labels (L,), and its calibration."""

    classifier: Classifier
    value_L: Floats
    calibration: Calibration | None

    def scores(self, texts: pa.Array) -> tuple[Floats, NDArray[np.bool_]]:
        """Returns (score before calibration, float64 (N,); where it means nothing for want of a word, bool (N,))."""
        label_NK, score_NK = self.classifier.best(texts, count=self.value_L.size)
        score_N = np.zeros(len(texts))
        for label_N, share_N in zip(label_NK.T, score_NK.T, strict=True):  # one after the other: sums in a fixed order
            score_N += np.where(label_N >= 0, self.value_L[label_N], 0.0) * share_N
        return score_N, (words_of(texts).num_words_N == 0) | (label_NK[:, 0] < 0)


@functools.lru_cache(maxsize=16)
def load_scorer(step: ClassifierScore) -> Scorer:
    """Returns what a step needs, loaded once per process.

    Raises:
        ArtifactError: see `ClassifierScore.__call__`.
    """
    path, sha256 = step.model or PACKAGED_MODEL, step.sha256
    knots_path, knots_sha256 = step.calibration, step.calibration_sha256
    if step.model is None:
        sha256 = sha256 or PACKAGED_SHA256
        knots_path, knots_sha256 = knots_path or str(PACKAGED_CALIBRATION), knots_sha256 or PACKAGED_CALIBRATION_SHA256
    content = verified_fasttext(path, sha256)
    knots = knots_path and verified_file(knots_path, knots_sha256, what="a calibration")
    calibration = read_calibration(knots, name=str(knots_path)) if knots else None
    return scorer_of(content, name=str(path), labels=dict(step.labels), calibration=calibration)


def scorer_of(content: Data, *, name: str, labels: dict[str, float], calibration: Calibration | None) -> Scorer:
    """Returns the scorer of a model file's content; see `ClassifierScore`.

    Raises:
        ArtifactError: it is no classifier, lacks a label, or the calibration is of another model or other labels.
    """
    classifier = read_classifier(content, name=name)
    if calibration is not None:
        check_calibration(calibration, sha256=hashlib.sha256(content).hexdigest(), labels=labels, name=name)
        labels = calibration.labels
    return Scorer(
        classifier=classifier,
        value_L=_values(classifier, labels or {POSITIVE: 1.0}, name),
        calibration=calibration,
    )


def check_calibration(calibration: Calibration, *, sha256: str, labels: dict[str, float], name: str) -> None:
    """Raises ArtifactError when a calibration is not of the model `name` and these labels (empty: any)."""
    if calibration.model_sha256 != sha256:
        raise ArtifactError(
            f"{name}: expected the model that its calibration was fitted for (sha256 {calibration.model_sha256}), "
            f"found {sha256}; calibrate again"
        )
    if labels and labels != calibration.labels:
        raise ArtifactError(
            f"{name}: expected the labels that its calibration was fitted for ({calibration.labels}), found {labels}; "
            "calibrate again"
        )


def _values(classifier: Classifier, labels: dict[str, float], name: str) -> Floats:
    known = [label.removeprefix(PREFIX) for label in classifier.names]
    missing = [label for label in labels if label not in known]
    if missing:
        shown = ", ".join(known[:SHOWN_LABELS]) + (" ..." if len(known) > SHOWN_LABELS else "")
        raise ArtifactError(
            f"{name}: expected the label {missing[0]!r}, found {shown}; name the labels that make the score"
        )
    return np.array([labels.get(label, 0.0) for label in known])
