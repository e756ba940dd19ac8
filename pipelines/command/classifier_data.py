"""Options that the commands of `gristmill classifier` share, gathered into one argument each."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from pipelines.classifiers.examples import Examples, Source, Splitting
    from pipelines.classifiers.measures import Wanted
    from pipelines.spec import Columns

Command = TypeVar("Command", bound=Callable[..., None])
Option = Callable[[Command], Command]


def gathered(argument: str, kind: type, options: Sequence[Option[Command]]) -> Option[Command]:
    """Returns a decorator that adds options and gives their values to the command as one dataclass `kind`."""
    names = [item.name for item in fields(kind)]

    def decorated(command: Command) -> Command:
        @functools.wraps(command)
        def called(**values: object) -> None:
            command(**{argument: kind(**{name: values.pop(name) for name in names})}, **values)

        found: Callable[..., None] = called
        for option in reversed(options):
            found = option(found)
        return found  # type: ignore[return-value]

    return decorated


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """Where labelled documents come from, and how they are split."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    licenses: tuple[str, ...]
    decisions: Path | None
    run: str | None
    text_column: str
    url_column: str
    hold_out: tuple[str, ...]
    max_per_source: int | None
    validation_fraction: float
    test_fraction: float
    seed: int

    def columns(self) -> "Columns":
        """Returns the columns of JSONL and Parquet."""
        from pipelines.spec import Columns  # noqa: PLC0415

        return Columns(text=self.text_column, url=self.url_column)

    def splitting(self) -> "Splitting":
        """Returns how documents are split.

        Raises:
            UsageError: nothing would be left to train on.
        """
        from pipelines.classifiers.examples import Splitting  # noqa: PLC0415

        if self.validation_fraction + self.test_fraction >= 1:
            raise click.UsageError("expected --validation-fraction and --test-fraction to be less than 1 together")
        return Splitting(
            validation_fraction=self.validation_fraction,
            test_fraction=self.test_fraction,
            held_out=self.hold_out,
            max_per_source=self.max_per_source,
            seed=self.seed,
        )

    def examples(self) -> "Examples":
        """Reads the documents.

        Raises:
            UsageError: no documents of one label are named, or --decisions without --run.
        """
        from pipelines.classifiers.examples import examples_of, read_sources  # noqa: PLC0415
        from pipelines.classifiers.reviewers import read_decisions  # noqa: PLC0415

        if self.decisions is None and not (self.positive and self.negative):
            raise click.UsageError(
                "expected --positive and --negative documents, or --decisions and --run; found neither"
            )
        if (self.decisions is None) != (self.run is None):
            raise click.UsageError("expected --decisions together with the --run that they are about")
        found = [read_sources(self.sources(), self.columns())]
        if self.decisions is not None and self.run is not None:
            found.append(read_decisions(self.decisions, run=self.run))
        return examples_of(found, self.splitting())

    def sources(self) -> "list[Source]":
        """Returns the files of each label."""
        from pipelines.classifiers.examples import Source  # noqa: PLC0415

        licenses = dict(_parted(item, "--license", "NAME=SPDX") for item in self.licenses)
        sources = []
        for is_positive, items in ((True, self.positive), (False, self.negative)):
            for item in items:
                name, path = _named(item)
                sources.append(Source(name=name, files=path, is_positive=is_positive, license=licenses.pop(name, None)))
        if licenses:
            raise click.UsageError(
                f"--license {next(iter(licenses))}: expected one of the sources, found none of that name"
            )
        return sources


def _named(item: str) -> tuple[str, str]:
    """Returns (name, path): the name before `=`, else the file's without suffixes."""
    name, equals, path = item.partition("=")
    return (name, path) if equals and "/" not in name else (PurePath(item).name.partition(".")[0], item)


def _parted(item: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name or not value:
        raise click.UsageError(f"{option} {item}: expected {form}")
    return name, value


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedOptions:
    """What thresholds are asked for."""

    precision: tuple[float, ...]
    keep_share: tuple[float, ...]

    def wanted(self) -> "tuple[Wanted, ...]":
        """Returns each wish; none: the usual ones."""
        from pipelines.classifiers.measures import Wanted  # noqa: PLC0415

        return (
            *(Wanted(precision=value) for value in self.precision),
            *(Wanted(keep_share=value) for value in self.keep_share),
        )


def labels_of(items: Sequence[str]) -> dict[str, float]:
    """Returns the value of each label, without prefix; none: that of `positive` is 1.

    Raises:
        UsageError: an item is not LABEL=NUMBER.
    """
    from curation.quality.scores import POSITIVE, PREFIX  # noqa: PLC0415

    labels = {}
    for item in items:
        label, value = _parted(item, "--label", "LABEL=NUMBER, e.g. hq=1")
        try:
            labels[label.removeprefix(PREFIX)] = float(value)
        except ValueError:
            raise click.UsageError(f"--label {item}: expected LABEL=NUMBER, e.g. hq=1") from None
    return labels or {POSITIVE: 1.0}


share = click.FloatRange(0, 1, min_open=True, max_open=True)
data_options: Option[Callable[..., None]] = gathered(
    "data",
    DataOptions,
    [
        click.option(
            "--positive", multiple=True, metavar="[NAME=]PATH", help="Documents to keep: JSONL, Parquet, text or WARC."
        ),
        click.option("--negative", multiple=True, metavar="[NAME=]PATH", help="Documents to drop."),
        click.option(
            "--license", "licenses", multiple=True, metavar="NAME=SPDX", help="Licence of a source's documents."
        ),
        click.option(
            "--decisions", type=click.Path(path_type=Path), help="Parquet table of reviewers' decisions on --run."
        ),
        click.option("--run", help="The run directory that --decisions are about."),
        click.option("--text-column", default="text", show_default=True, help="Column or JSON key of the text."),
        click.option("--url-column", default="url", show_default=True, help="Its host is the site of a document."),
        click.option("--hold-out", multiple=True, metavar="NAME", help="A source for testing only."),
        click.option("--max-per-source", type=click.IntRange(min=1), help="Documents of a source at most: a sample."),
        click.option("--validation-fraction", type=share, default=0.1, show_default=True, help="To calibrate on."),
        click.option("--test-fraction", type=share, default=0.1, show_default=True, help="To measure on."),
        click.option("--seed", type=click.IntRange(0, (1 << 31) - 1), default=0, show_default=True),
    ],
)
wanted_options: Option[Callable[..., None]] = gathered(
    "asked",
    WantedOptions,
    [
        click.option("--precision", type=share, multiple=True, help="Tell the threshold that gives it."),
        click.option("--keep-share", type=share, multiple=True, help="Tell the threshold that gives it."),
    ],
)
