"""Calibrates a fastText model of the user's on labelled documents that it was not trained on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from curation.errors import InputError
from curation.intervals import Measure
from curation.quality.calibration import Calibration
from curation.quality.scores import Scorer
from pipelines.classifiers.evaluation import raw_scores, read_scorer, scored
from pipelines.classifiers.examples import (
    TEST,
    TRAIN,
    VALIDATION,
    Examples,
    Floats,
    Source,
    Splitting,
    check_classes,
    examples_of,
    read_sources,
    texts_of,
)
from pipelines.classifiers.fitting import Method, fit_calibration
from pipelines.classifiers.measures import measure
from pipelines.output_file import write_output
from pipelines.spec import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a model is to be calibrated; see `pipelines.classifiers.fitting.fit_calibration`."""

    labels: dict[str, float]
    method: Method = "isotonic"
    positive_share: float | None = None
    reference: tuple[str, ...] = ()
    columns: Columns = field(default_factory=Columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A calibration, and the expected calibration error on test without and with it."""

    calibration: Calibration
    before: Measure
    after: Measure

    def facts(self) -> Mapping[str, object]:
        """Returns what was measured."""
        return {"knots": len(self.calibration.scores), "ece_before": self.before, "ece_after": self.after}

    def write(self, path: Path) -> None:
        """Writes the calibration.

        Raises:
            GristmillError: the file cannot be written.
        """
        write_output(path, self.calibration.to_json())


def calibrate_model(model: Path, examples: Examples, asked: Asked) -> Calibrated:
    """Returns the calibration of a model file, fitted on all documents but those of test and what is held out.

    Raises:
        ArtifactError: it is no fastText model, or lacks a label.
        InputError: documents of a label are missing, or a reference matches no file.
    """
    check_classes(examples, TEST)
    bare = read_scorer(model, labels=asked.labels, calibration=None)
    chosen = examples.of(TRAIN, VALIDATION)
    calibration = fit_calibration(
        raw_scores(bare, texts_of(examples, chosen)),
        examples.is_positive_N[chosen],
        method=asked.method,
        positive_share=asked.positive_share,
        model=model.read_bytes(),
        labels=asked.labels,
        reference_M=_reference(bare, asked) if asked.reference else None,
    )
    tested = examples.tested()
    before, after = (
        measure(scored(scorer, examples, tested), threshold=0.5).ece
        for scorer in (bare, replace(bare, calibration=calibration))
    )
    return Calibrated(calibration=calibration, before=before, after=after)


def _reference(scorer: Scorer, asked: Asked) -> Floats:
    sources = [Source(name=f"reference-{n}", files=path, is_positive=True) for n, path in enumerate(asked.reference)]
    table = examples_of([read_sources(sources, asked.columns)], Splitting()).table
    if not table.num_rows:
        raise InputError("--reference: expected documents with text, found none")
    return raw_scores(scorer, table["text"].combine_chunks())
