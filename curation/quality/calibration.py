"""Calibration: from a classifier's score to a probability, by a piecewise linear function that never falls.

`gristmill classifier` fits it on documents that the model was not trained on (isotonic regression: Zadrozny and Elkan
2002; or logistic: Platt 1999) and stores its knots as JSON. Nothing but NumPy is needed to apply it. The file also says
which model and labels it is for, and may hold bucket edges: quantiles of the score on reference documents.
"""

import json
import math
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from curation.errors import ArtifactError

Floats = NDArray[np.float64]

FORMAT = "gristmill-calibration-1"
MAX_KNOTS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Knots of the function, K >= 1, and what it belongs to."""

    model_sha256: str
    """Digest (hex) of the model, or of an encoder's head, whose scores it takes."""
    labels: dict[str, float]
    """The value of each label that makes the score; empty for a head."""
    method: str
    scores: tuple[float, ...]
    """K scores, ascending."""
    probabilities: tuple[float, ...]
    """K probabilities, never falling; below the first and above the last knot their values hold."""
    bucket_edges: tuple[float, ...] = ()
    """B - 1 scores, never falling, that part B buckets of equal size on reference documents."""

    def apply(self, score_N: Floats) -> Floats:
        """Returns the probability of each score, float64 (N,), each computed alone."""
        score_K, probability_K = np.array(self.scores), np.array(self.probabilities)
        if score_K.size == 1:
            return np.full(score_N.shape, probability_K[0])
        clipped_N = np.clip(score_N, score_K[0], score_K[-1])
        below_N = np.clip(np.searchsorted(score_K, clipped_N, side="right") - 1, 0, score_K.size - 2)
        slope_K = np.diff(probability_K) / np.diff(score_K)
        raised_N = probability_K[below_N] + slope_K[below_N] * (clipped_N - score_K[below_N])
        return np.asarray(np.clip(raised_N, probability_K[below_N], probability_K[below_N + 1]))

    def bucket(self, score_N: Floats) -> Floats:
        """Returns the bucket of each score, 0 to B - 1 as float64 (N,); a score on an edge is in the upper bucket."""
        return np.searchsorted(np.array(self.bucket_edges), score_N, side="right").astype(np.float64)

    def to_json(self) -> bytes:
        """Returns the file's content."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, allow_nan=False).encode() + b"\n"


def read_calibration(data: bytes, *, name: str) -> Calibration:
    """Returns the calibration in a file's content.

    Raises:
        ArtifactError: it is no calibration, or contradicts itself.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise ArtifactError(
            f"{name}: expected a calibration (JSON with the format {FORMAT!r}), found something else; "
            "gristmill classifier calibrate makes one"
        )
    if found.keys() != {"model_sha256", "labels", "method", "scores", "probabilities", "bucket_edges"}:
        raise ArtifactError(f"{name}: expected the keys of a calibration, found {', '.join(sorted(map(str, found)))}")
    scores, probabilities, edges = (
        _numbers(found[key], key, name) for key in ("scores", "probabilities", "bucket_edges")
    )
    if not scores or len(scores) != len(probabilities):
        raise ArtifactError(
            f"{name}: expected as many probabilities as scores, and one at least, "
            f"found {len(probabilities)} and {len(scores)}"
        )
    _check_order(scores, "scores", name, strictly=True)
    _check_order(probabilities, "probabilities", name)
    _check_order(edges, "bucket_edges", name)
    if probabilities[0] < 0 or probabilities[-1] > 1:
        raise ArtifactError(
            f"{name}: probabilities: expected numbers in [0, 1], found {probabilities[0]!r} to {probabilities[-1]!r}"
        )
    labels, words = found["labels"], (found["model_sha256"], found["method"])
    if not isinstance(labels, dict) or not all(isinstance(word, str) for word in words):
        raise ArtifactError(f"{name}: expected labels with values, a method and a digest, found others")
    values = _numbers(list(labels.values()), "labels", name)
    return Calibration(
        model_sha256=words[0],
        method=words[1],
        labels=dict(zip(labels, values, strict=True)),
        scores=scores,
        probabilities=probabilities,
        bucket_edges=edges,
    )


def _numbers(values: object, key: str, name: str) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) > MAX_KNOTS:
        raise ArtifactError(f"{name}: {key}: expected a list of at most {MAX_KNOTS} numbers, found something else")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ArtifactError(f"{name}: {key}: expected finite numbers, found {value!r}")
    return tuple(map(float, values))


def _check_order(values: tuple[float, ...], key: str, name: str, *, strictly: bool = False) -> None:
    for before, after in pairwise(values):
        if after < before or (strictly and after == before):
            raise ArtifactError(f"{name}: {key}: expected ascending numbers, found {after!r} after {before!r}")
