"""`gristmill classifier train`, `evaluate` and `calibrate`."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.command.choosing import check_free, json_option
from pipelines.command.classifier_data import (
    DataOptions,
    Option,
    WantedOptions,
    data_options,
    gathered,
    labels_of,
    share,
    wanted_options,
)
from pipelines.command.speaking import say, show, show_json, table

if TYPE_CHECKING:
    from pipelines.classifiers.evaluation import Evaluation
    from pipelines.classifiers.fitting import Training


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Settings of fastText."""

    dim: int
    epochs: int
    learning_rate: float
    word_ngrams: int
    buckets: int
    min_count: int
    quantize: bool
    kept_rows: int

    def training(self, seed: int) -> "Training":
        """Returns them with the seed."""
        from pipelines.classifiers.fitting import Training  # noqa: PLC0415

        names = [name for name in self.__slots__ if isinstance(name, str)]
        return replace(Training(seed=seed), **{name: getattr(self, name) for name in names})


training_options: Option[Callable[..., None]] = gathered(
    "options",
    TrainingOptions,
    [
        click.option("--dim", type=click.IntRange(1, 1024), default=16, show_default=True, help="Numbers per word."),
        click.option(
            "--epochs", type=click.IntRange(1, 1000), default=10, show_default=True, help="Passes over the data."
        ),
        click.option("--learning-rate", type=click.FloatRange(0, 10, min_open=True), default=0.5, show_default=True),
        click.option("--word-ngrams", type=click.IntRange(1, 5), default=2, show_default=True, help="Longest."),
        click.option(
            "--buckets", type=click.IntRange(1, 1 << 24), default=200_000, show_default=True, help="For n-grams."
        ),
        click.option("--min-count", type=click.IntRange(1, 1 << 20), default=2, show_default=True, help="Of a word."),
        click.option("--quantize/--no-quantize", default=True, show_default=True, help="Write .ftz or .bin."),
        click.option(
            "--kept-rows", type=click.IntRange(256, 1 << 24), default=50_000, show_default=True, help="Of an .ftz."
        ),
    ],
)
method_option = click.option(
    "--method",
    type=click.Choice(["isotonic", "logistic"]),
    default="isotonic",
    show_default=True,
    help="Of calibration.",
)
share_option = click.option(
    "--positive-share", type=share, help="Share of positives among what will be scored; default: as in the data."
)
model_argument = click.argument("model", type=click.Path(path_type=Path, dir_okay=False))
labels_option = click.option(
    "--label", "labels", multiple=True, metavar="LABEL=VALUE", help="Labels that make the score; default: positive=1."
)
force_option = click.option("--force", is_flag=True, help="Replace what is there.")


@click.group()
def classifier() -> None:
    """Classifiers of documents: trained, measured and calibrated here, or brought along (docs/classifiers.md).

    Example: gristmill classifier train --positive good.jsonl --negative web.jsonl -o quality
    """
    for package in ("sklearn", "fasttext"):
        importlib.import_module(package)  # a missing extra is told before anything is read


@classifier.command()
@data_options
@training_options
@method_option
@share_option
@wanted_options
@click.option("--name", default="classifier", show_default=True, help="On the card.")
@click.option("--description", default="A classifier of documents.", help="On the card: what it is for.")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="A folder.")
@force_option
@json_option
def train(
    *,
    data: DataOptions,
    options: TrainingOptions,
    method: str,
    positive_share: float | None,
    asked: WantedOptions,
    name: str,
    description: str,
    output: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Trains a fastText classifier; writes model, calibration and card. The same data gives the same bytes.

    Example: gristmill classifier train --positive wiki.jsonl.gz --negative web.parquet -o quality
    """
    from pipelines.classifiers.fitting import method_of  # noqa: PLC0415
    from pipelines.classifiers.training import Wish, train_classifier, write_classifier  # noqa: PLC0415

    if output.exists() and not (output.is_dir() and (force or not any(output.iterdir()))):
        raise click.UsageError(f"{output} exists already; choose another folder with -o, or --force")
    examples = data.examples()
    wish = Wish(
        name=name,
        description=description,
        training=options.training(data.seed),
        splitting=data.splitting(),
        method=method_of(method),
        positive_share=positive_share,
        asked=asked.wanted(),
    )
    trained = train_classifier(examples, wish)
    write_classifier(trained, examples, output)
    if as_json:
        show_json(trained.facts())
        return
    say(f"{output}: {trained.model_name}, {len(trained.model):,} bytes; CARD.md says what is in it and how good it is")
    show(_thresholds(trained.thresholds))


@classifier.command()
@model_argument
@data_options
@labels_option
@click.option("--calibration", type=click.Path(path_type=Path), help="Measure the calibrated score.")
@click.option("--threshold", type=float, default=0.5, show_default=True, help="Scores from it on are kept.")
@click.option("--split", type=click.Choice(["all", "test"]), default="all", help="test: what `train` set apart.")
@wanted_options
@json_option
def evaluate(
    *,
    model: Path,
    data: DataOptions,
    labels: tuple[str, ...],
    calibration: Path | None,
    threshold: float,
    split: str,
    asked: WantedOptions,
    as_json: bool,
) -> None:
    """Measures any fastText MODEL on labelled documents: by source and language, with intervals.

    Example: gristmill classifier evaluate model.bin --label hq=1 --positive a.jsonl --negative b.jsonl
    """
    from pipelines.classifiers.card import data_facts, plain  # noqa: PLC0415
    from pipelines.classifiers.evaluation import evaluate as measured  # noqa: PLC0415
    from pipelines.classifiers.evaluation import read_scorer, scored, thresholds  # noqa: PLC0415

    scorer = read_scorer(model, labels=labels_of(labels) if labels or not calibration else {}, calibration=calibration)
    examples = data.examples()
    chosen = examples.tested() if split == "test" else examples.all()
    scores = scored(scorer, examples, chosen)
    found = measured(examples, chosen, scores, threshold=threshold)
    rows = thresholds(scores, scores, asked.wanted())
    if as_json:
        show_json(plain({"data": data_facts(examples), "evaluation": found, "thresholds": rows}))
        return
    say(_left_out(data_facts(examples)))
    show(f"{_measures(found)}\n\n{_thresholds(rows)}")


@classifier.command()
@model_argument
@data_options
@labels_option
@method_option
@share_option
@click.option(
    "--reference", multiple=True, metavar="PATH", help="Documents, unlabelled, that make 20 buckets of equal size."
)
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("calibration.json"), show_default=True)
@force_option
@json_option
def calibrate(
    *,
    model: Path,
    data: DataOptions,
    labels: tuple[str, ...],
    method: str,
    positive_share: float | None,
    reference: tuple[str, ...],
    output: Path,
    force: bool,
    as_json: bool,
) -> None:
    """Fits what makes probabilities of the scores of any fastText MODEL, on documents it was not trained on.

    The documents of the test split are not fitted on: the error, before and after, is measured on them.

    Example: gristmill classifier calibrate dclm.bin --label hq=1 --positive a.jsonl --negative b.jsonl
    """
    from pipelines.classifiers.calibrating import Asked, calibrate_model  # noqa: PLC0415
    from pipelines.classifiers.card import data_facts, plain, shown  # noqa: PLC0415
    from pipelines.classifiers.fitting import method_of  # noqa: PLC0415

    check_free(output, force=force)
    asked = Asked(
        labels=labels_of(labels),
        method=method_of(method),
        positive_share=positive_share,
        reference=reference,
        columns=data.columns(),
    )
    examples = data.examples()
    found = calibrate_model(model, examples, asked)
    found.write(output)
    if as_json:
        show_json(plain({"file": str(output), "data": data_facts(examples), **found.facts()}))
        return
    say(_left_out(data_facts(examples)))
    say(
        f"{output}: {len(found.calibration.scores):,} knots; expected calibration error on test "
        f"{shown(found.before)} before, {shown(found.after)} after"
    )


def _left_out(data: Mapping[str, object]) -> str:
    counts = [
        f"{count:,} {reason}"
        for key in ("left_out", "dead_letters")
        if isinstance(found := data[key], dict)
        for reason, count in found.items()
    ]
    return f"not counted: {', '.join(counts) or 'nothing'}"


def _measures(found: "Evaluation") -> str:
    from pipelines.classifiers.card import shown  # noqa: PLC0415

    rows: list[tuple[str, ...]] = [("", "documents", "positive", "accuracy", "precision", "recall", "AUC", "ECE")]
    sections = (("", {"all": found.all}), ("source ", found.by_source), ("language ", found.by_language))
    for title, slices in sections:
        for name, of in slices.items():
            shares = (of.accuracy, of.precision, of.recall, of.auc, of.ece)
            rows.append((f"{title}{name}", f"{of.documents:,}", f"{of.positives:,}", *map(shown, shares)))
    return table(rows)


def _thresholds(found: Sequence[Mapping[str, object]]) -> str:
    from curation.intervals import Measure  # noqa: PLC0415
    from pipelines.classifiers.card import shown  # noqa: PLC0415

    rows: list[tuple[str, ...]] = [("wanted", "threshold", "precision", "recall", "keep share")]
    for row in found:
        cells = [row.get(key) for key in ("precision", "recall", "keep_share")]
        threshold = "none gives it" if row["threshold"] is None else f"{row['threshold']:.6g}"
        rows.append(
            (str(row["wanted"]), threshold, *(shown(cell) if isinstance(cell, Measure) else "-" for cell in cells))
        )
    return table(rows)
