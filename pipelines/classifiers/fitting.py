"""Fits a model and its calibration: the library's fastText, scikit-learn's isotonic or logistic regression.

The same documents, settings and seed give the same bytes. fastText is trained on one thread for that: with more, they
write the same weights without locks (Joulin et al. 2016, arXiv 1607.01759), and no two models are alike.
"""

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import fasttext
import numpy as np
from numpy.typing import NDArray

from curation.errors import GristmillError, InputError
from curation.quality.calibration import Calibration

LOGISTIC_KNOTS = 513
"""Steps of a logistic curve: between them its interpolation is off by less than 1e-4 over scores in [0, 1]."""
REFERENCE_BUCKETS = 20

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Method = Literal["isotonic", "logistic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """Settings of fastText; word bigrams as DCLM's classifier (Li et al. 2024, arXiv 2406.11794)."""

    dim: int = 16
    epochs: int = 10
    learning_rate: float = 0.5
    word_ngrams: int = 2
    buckets: int = 200_000
    min_count: int = 2
    min_chars: int = 0
    max_chars: int = 0
    quantize: bool = True
    kept_rows: int = 50_000
    """Rows of a quantised model: the words and n-grams of the largest norm (Joulin et al. 2016, arXiv 1612.03651)."""
    seed: int = 0


def method_of(name: str) -> Method:
    """Returns a method by its name."""
    return "logistic" if name == "logistic" else "isotonic"


def train_fasttext(lines: Iterable[str], training: Training) -> bytes:
    """Returns the file of a model (`.ftz` if quantised, else `.bin`).

    Args:
        lines: `__label__NAME text` each, in an order that is good for training: a random one.
        training: settings.

    Raises:
        GristmillError: the library refuses the data or the settings.
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-classifier-") as folder:
        given, path = Path(folder, "examples.txt"), Path(folder, "model")
        with given.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        try:
            model = fasttext.train_supervised(
                str(given),
                dim=training.dim,
                epoch=training.epochs,
                lr=training.learning_rate,
                wordNgrams=training.word_ngrams,
                bucket=training.buckets,
                minCount=training.min_count,
                minn=training.min_chars,
                maxn=training.max_chars,
                seed=training.seed,
                thread=1,
                verbose=0,
            )
            if training.quantize:
                model.quantize(qnorm=True, cutoff=training.kept_rows, thread=1, verbose=0)
            model.save_model(str(path))
        except (ValueError, RuntimeError) as error:
            raise GristmillError(
                f"fastText: expected documents and settings that it can learn from, found others ({error}); "
                "give more documents, or --no-quantize"
            ) from None
        return path.read_bytes()


def fit_calibration(
    score_N: Floats,
    is_positive_N: Mask,
    *,
    method: Method = "isotonic",
    positive_share: float | None = None,
    model: bytes,
    labels: dict[str, float],
    reference_M: Floats | None = None,
) -> Calibration:
    """Returns the calibration of a model.

    Args:
        score_N: of documents that the model was not trained on.
        is_positive_N: their labels.
        method: isotonic regression bends to any shape; logistic regression needs fewer documents.
        positive_share: of the documents that will be scored; null: as of these.
        model: the file whose scores they are.
        labels: the values that made the scores.
        reference_M: scores of documents that say what buckets of equal size are.

    Raises:
        InputError: there is no document of one of the labels.
    """
    num_positive, num = int(is_positive_N.sum()), is_positive_N.size
    if num_positive in {0, num}:
        raise InputError(
            f"calibration: expected positive and negative documents, found {num_positive} and {num - num_positive}"
        )
    share = num_positive / num if positive_share is None else positive_share
    weight_N = np.where(is_positive_N, share / num_positive, (1 - share) / (num - num_positive)) * num
    fit = _isotonic if method == "isotonic" else _logistic
    score_K, probability_K = fit(score_N, is_positive_N, weight_N)
    edges = () if reference_M is None else _edges(reference_M)
    return Calibration(
        model_sha256=hashlib.sha256(model).hexdigest(),
        labels=labels,
        method=method,
        scores=tuple(score_K.tolist()),
        probabilities=tuple(probability_K.tolist()),
        bucket_edges=edges,
    )


def _isotonic(score_N: Floats, is_positive_N: Mask, weight_N: Floats) -> tuple[Floats, Floats]:
    """Returns knots of centred isotonic regression (Oron and Flournoy 2017, arXiv 1701.05964).

    Each step of isotonic regression becomes one knot at its mean score, so that scores that differ stay different and
    any share of documents can be kept. No probability is 0 or 1, which no number of documents can show: a step has at
    least what Laplace's rule gives to something never seen, the ends half of it.
    """
    from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415 - an extra

    least = 1 / (score_N.size + 2)
    fitted = IsotonicRegression(y_min=least, y_max=1 - least, out_of_bounds="clip")
    step_N = fitted.fit_transform(score_N, is_positive_N.astype(np.float64), sample_weight=weight_N)
    probability_K, step_N = np.unique(step_N, return_inverse=True)
    weight_K = np.bincount(step_N, weights=weight_N)
    score_K = np.bincount(step_N, weights=weight_N * score_N) / weight_K
    first, last = (float(score_N.min()), least / 2), (float(score_N.max()), 1 - least / 2)
    return _with_ends(score_K, probability_K, first, last)


def _with_ends(
    score_K: Floats, probability_K: Floats, first: tuple[float, float], last: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Returns knots that begin and end at these, where those lie outside."""
    if first[0] < score_K[0]:
        score_K, probability_K = np.insert(score_K, 0, first[0]), np.insert(probability_K, 0, first[1])
    if last[0] > score_K[-1]:
        score_K, probability_K = np.append(score_K, last[0]), np.append(probability_K, last[1])
    return score_K, probability_K


def _logistic(score_N: Floats, is_positive_N: Mask, weight_N: Floats) -> tuple[Floats, Floats]:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - an extra

    fitted = LogisticRegression(C=1e6, max_iter=1000)
    fitted.fit(score_N[:, None], is_positive_N, sample_weight=weight_N)
    low, high = float(score_N.min()), float(score_N.max())
    score_K = np.linspace(low, high if high > low else low + 1, LOGISTIC_KNOTS)
    probability_K = fitted.predict_proba(score_K[:, None])[:, 1]
    falls = probability_K[-1] < probability_K[0]
    return score_K, np.full(score_K.shape, probability_K.mean()) if falls else np.maximum.accumulate(probability_K)


def _edges(reference_M: Floats) -> tuple[float, ...]:
    shares = np.arange(1, REFERENCE_BUCKETS) / REFERENCE_BUCKETS
    return tuple(np.quantile(reference_M, shares, method="higher").tolist())
