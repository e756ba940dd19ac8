"""A classifier measured on labelled documents: all of them, by source and by language, and its thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from curation.errors import InputError
from curation.quality.calibration import read_calibration
from curation.quality.model_files import verified_fasttext, verified_file
from curation.quality.scores import Scorer, scorer_of
from pipelines.classifiers.examples import Examples, Floats, Mask, texts_of
from pipelines.classifiers.measures import (
    ALL_WANTED,
    Measures,
    Scored,
    Wanted,
    measure,
    measures_by,
    threshold_table,
)

BATCH_DOCUMENTS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Measures of documents of which those at or above `threshold` are kept."""

    threshold: float
    all: Measures
    by_source: Mapping[str, Measures]
    by_language: Mapping[str, Measures]


def read_scorer(model: Path, *, labels: dict[str, float], calibration: Path | None) -> Scorer:
    """Returns the scorer of a model file.

    Raises:
        ArtifactError: see `curation.quality.scores.scorer_of`.
    """
    knots = verified_file(calibration, None, what="a calibration") if calibration else None
    return scorer_of(
        verified_fasttext(model, None),
        name=str(model),
        labels=labels,
        calibration=read_calibration(knots, name=str(calibration)) if knots else None,
    )


def raw_scores(scorer: Scorer, texts: pa.Array) -> Floats:
    """Returns the score before calibration of each text, float64 (N,); 0 where there is none."""
    parts = [np.zeros(0)]
    for start in range(0, len(texts), BATCH_DOCUMENTS):
        score_N, is_null_N = scorer.scores(texts.slice(start, BATCH_DOCUMENTS))
        parts.append(np.where(is_null_N, 0.0, score_N))
    return np.concatenate(parts)


def scored(scorer: Scorer, examples: Examples, chosen_N: Mask) -> Scored:
    """Returns the chosen documents with the scores that a run would give them: calibrated, where that is known."""
    score_N = raw_scores(scorer, texts_of(examples, chosen_N))
    return Scored(
        is_positive_N=examples.is_positive_N[chosen_N],
        score_N=score_N if scorer.calibration is None else scorer.calibration.apply(score_N),
        group_N=examples.group_N[chosen_N],
    )


def evaluate(examples: Examples, chosen_N: Mask, found: Scored, *, threshold: float = 0.5) -> Evaluation:
    """Returns the measures of scored documents.

    Raises:
        InputError: there are none.
    """
    if not chosen_N.any():
        raise InputError("evaluation: expected labelled documents, found none")
    table = examples.table.filter(pa.array(chosen_N))
    return Evaluation(
        threshold=threshold,
        all=measure(found, threshold=threshold),
        by_source=dict(measures_by(found, table["source"].to_pylist(), threshold=threshold)),
        by_language=dict(measures_by(found, table["language"].to_pylist(), threshold=threshold)),
    )


def thresholds(fitted: Scored, tested: Scored, asked: Sequence[Wanted] = ()) -> list[Mapping[str, object]]:
    """Returns the table of thresholds: the usual ones, or those asked for."""
    return threshold_table(fitted, tested, asked or ALL_WANTED)
