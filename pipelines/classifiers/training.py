"""From labelled documents to a folder with a model, its calibration and its card."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pyarrow.parquet as pq

from curation.errors import GristmillError
from curation.quality.calibration import Calibration
from curation.quality.scores import POSITIVE, Scorer, scorer_of
from pipelines.classifiers.card import card_json, card_page, data_facts, plain, versions
from pipelines.classifiers.evaluation import evaluate, raw_scores, scored, thresholds
from pipelines.classifiers.examples import (
    HELD_OUT,
    TEST,
    TRAIN,
    VALIDATION,
    Examples,
    Splitting,
    check_classes,
    lines_for_training,
    texts_of,
)
from pipelines.classifiers.fitting import Method, Training, fit_calibration, train_fasttext
from pipelines.classifiers.measures import Wanted

LABELS = {POSITIVE: 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a model is to be."""

    name: str = "classifier"
    description: str = "A classifier of documents."
    training: Training = field(default_factory=Training)
    splitting: Splitting = field(default_factory=Splitting)
    method: Method = "isotonic"
    positive_share: float | None = None
    asked: tuple[Wanted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model with its calibration and its card."""

    model: bytes
    calibration: Calibration
    card: Mapping[str, object]
    model_name: str
    thresholds: tuple[Mapping[str, object], ...]

    def facts(self) -> Mapping[str, object]:
        """Returns the card as plain values."""
        return plain(self.card)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A model file and its calibrated scorer."""

    model: bytes
    scorer: Scorer
    calibration: Calibration


def fit_classifier(examples: Examples, wish: Wish) -> Fitted:
    """Returns a model trained on `train` and calibrated on `validation`.

    Raises:
        InputError: a split lacks documents of one of the labels.
        GristmillError: fastText refuses the data or the settings.
    """
    check_classes(examples, TRAIN, VALIDATION)
    model = train_fasttext(lines_for_training(examples), wish.training)
    bare = scorer_of(model, name=wish.name, labels=LABELS, calibration=None)
    chosen = examples.of(VALIDATION)
    calibration = fit_calibration(
        raw_scores(bare, texts_of(examples, chosen)),
        examples.is_positive_N[chosen],
        method=wish.method,
        positive_share=wish.positive_share,
        model=model,
        labels=LABELS,
    )
    return Fitted(model=model, scorer=replace(bare, calibration=calibration), calibration=calibration)


def train_classifier(examples: Examples, wish: Wish) -> Trained:
    """Returns a model with its card: measured on `test`, and on sources that are held out.

    Raises:
        InputError: a split lacks documents of one of the labels.
        GristmillError: fastText refuses the data or the settings.
    """
    check_classes(examples, TEST)
    fitted = fit_classifier(examples, wish)
    found = {split: scored(fitted.scorer, examples, examples.of(split)) for split in (VALIDATION, TEST, HELD_OUT)}
    named = [(TEST, "test"), *([(HELD_OUT, "held_out")] if examples.of(HELD_OUT).any() else [])]
    rows = thresholds(found[VALIDATION], found[TEST], wish.asked)
    model_name = "model.ftz" if wish.training.quantize else "model.bin"
    card = {
        "name": wish.name,
        "description": wish.description,
        "model": _file_facts(model_name, fitted.model),
        "calibration": {
            **_file_facts("calibration.json", fitted.calibration.to_json()),
            "method": wish.method,
            "positive_share": wish.positive_share,
        },
        "training": asdict(wish.training),
        "splitting": asdict(wish.splitting),
        "versions": versions(),
        "data": data_facts(examples),
        "evaluation": {name: evaluate(examples, examples.of(split), found[split]) for split, name in named},
        "thresholds": rows,
    }
    return Trained(
        model=fitted.model,
        model_name=model_name,
        calibration=fitted.calibration,
        card=card,
        thresholds=tuple(rows),
    )


def _file_facts(name: str, content: bytes) -> dict[str, object]:
    return {"file": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_classifier(trained: Trained, examples: Examples, folder: Path) -> None:
    """Writes model, calibration, card (JSON and page) and the dead letters of the data.

    Raises:
        GristmillError: the folder cannot be written to.
    """
    contents = {
        trained.model_name: trained.model,
        "calibration.json": trained.calibration.to_json(),
        "card.json": card_json(trained.card),
        "CARD.md": card_page(trained.card).encode(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        pq.write_table(examples.dead_letters, folder / "dead_letter.parquet")
    except OSError as error:
        raise GristmillError(f"{folder}: cannot write: {error.strerror}") from None
