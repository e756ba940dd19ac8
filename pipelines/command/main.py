"""Entry point of `gristmill`: lazy subcommands, exit codes, one place where errors become messages."""

import atexit
import contextlib
import importlib
import logging
import os
import shlex
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import click

from curation.errors import GristmillError
from pipelines.command.shadowing import shadowed_package
from pipelines.command.speaking import say
from pipelines.teardown import hush_teardown

FAILED, USAGE, INTERRUPTED = 1, 2, 130
GOES_ON = frozenset({"run", "resume", "dedup"})
"""Commands that go on where they stopped when given again."""
EXTRAS = {
    "torch": "trainer",
    "urllib3": "annotator",
    "alembic": "service",
    "apscheduler": "service",
    "fastapi": "service",
    "itsdangerous": "service",
    "prometheus_client": "service",
    "sqlalchemy": "service",
    "starlette": "service",
    "uvicorn": "service",
    "sklearn": "classifier",
    "onnxruntime": "embedding",
    "tenacity": "synthesis",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command as `--help` shows it: `module` of `package` defines it, and is imported when it is called."""

    module: str
    does: str
    example: str
    package: str = "pipelines.command"
    beside: Mapping[str, str] = field(default_factory=dict)
    """Further subcommands of a group, and the module of `pipelines.command` that defines each."""


SECTIONS: dict[str, dict[str, Entry]] = {
    "Jobs": {
        "init": Entry(module="init", does="Look at files and write a spec.", example="init 'data/*.jsonl.gz'"),
        "run": Entry(module="run", does="Run a spec, or plain paths; go on where it stopped.", example="run job.yaml"),
        "plan": Entry(module="plan", does="Forecast a run from a sample.", example="plan job.yaml"),
        "resume": Entry(module="run", does="Go on with a stopped run.", example="resume runs/web-1a2b3c4d"),
        "validate": Entry(
            module="specs", does="Check a spec and its files; start nothing.", example="validate job.yaml"
        ),
        "schema": Entry(module="specs", does="Print the JSON Schema of specs.", example="schema > job.schema.json"),
    },
    "One stage": {
        "dedup": Entry(
            module="dedup",
            does="Mark or drop duplicates in any JSONL or Parquet.",
            example="dedup data/*.parquet -o out/",
        ),
    },
    "Runs (RUN is a run directory; the newest under ./runs if not given)": {
        "report": Entry(module="seeing", does="Write report.html again.", example="report runs/web-1a2b3c4d"),
        "why": Entry(module="seeing", does="Tell all about one document.", example="why RUN https://example.org/page"),
        "inspect": Entry(module="seeing", does="Show samples by state and rule.", example="inspect --state review"),
        "whatif": Entry(
            module="whatif",
            does="Tell what other thresholds would keep.",
            example="whatif RUN --set quality.num_words.min=40",
        ),
        "compare": Entry(module="whatif", does="Tell what two runs keep otherwise.", example="compare RUN_A RUN_B"),
        "verify": Entry(module="seeing", does="Check checksums and the conservation laws.", example="verify RUN"),
        "export": Entry(
            module="seeing",
            does="Write the kept text to one file, or training rows in another layout.",
            example="export RUN --to jsonl.zst",
        ),
        "trace": Entry(
            module="trace",
            does="List the documents of a training step, or the steps of a document.",
            example="trace RUN --step 1200 --global-batch 256",
        ),
    },
    "Service": {
        "serve": Entry(module="serve", does="Run jobs from a queue, over HTTP.", example="serve --root data"),
        "schedule": Entry(
            module="schedule",
            does="Run a job by the clock, or when files appear.",
            example="schedule add nightly job.yaml --cron '0 3 * * *'",
        ),
        "token": Entry(module="token", does="Say who may ask the service.", example="token add airflow --scope run"),
    },
    "People": {
        "review": Entry(
            package="annotator",
            module="command",
            does="Ask people in Label Studio (up, down, status, push, pull); learn from them (gold, learn).",
            example="review push runs/web-1a2b3c4d",
            beside={"gold": "learn", "learn": "learn", "adjudicate": "learn"},
        ),
    },
    "Training": {
        "train": Entry(
            package="trainer",
            module="command",
            does="Train a model on the shards of a run.",
            example="train runs/web-1a2b3c4d --preset tiny",
        ),
        "evaluate": Entry(
            package="trainer",
            module="command",
            does="Measure a trained model on held-out documents.",
            example="evaluate RUN trained/web-1a2b3c4d-tiny",
        ),
    },
    "Evaluation sets": {
        "contamination": Entry(
            module="contamination",
            does="Index sets that a run's text is to be free of.",
            example="contamination index mmlu=mmlu/*.jsonl -o index.npz",
        ),
    },
    "Models": {
        "classifier": Entry(
            module="classifier",
            does="Train, evaluate or calibrate a classifier of documents.",
            example="classifier train --positive good.jsonl --negative web.jsonl -o quality",
        ),
        "perplexity": Entry(
            module="perplexity",
            does="Train an n-gram model that tells text like its own.",
            example="perplexity train wiki.jsonl.gz --calibrate web.jsonl.gz --language en -o en.npz",
        ),
        "tokenizer": Entry(
            module="tokenizer",
            does="Train a tokenizer on the kept text of a run.",
            example="tokenizer train RUN -o tokenizer.json",
        ),
    },
    "This machine": {
        "warm": Entry(module="machine", does="Compile the kernels once.", example="warm"),
        "doctor": Entry(module="machine", does="Say whether all that a run needs is there.", example="doctor"),
    },
}
ENTRIES = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class LazyGroup(click.Group):
    """The commands of `ENTRIES`, each imported when it is called, so that `--help` needs neither Beam nor Numba."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of all commands."""
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports and returns one command."""
        if cmd_name not in ENTRIES:
            return None
        entry = ENTRIES[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"{entry.package}.{entry.module}"), cmd_name)
        for name, module in entry.beside.items():
            assert isinstance(command, click.Group), "only a group has subcommands"
            command.add_command(getattr(importlib.import_module(f"pipelines.command.{module}"), name))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands by section, each with an example, without importing them."""
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                for name, entry in entries.items():
                    formatter.write(f"  {name:10} {entry.does}\n{'':13}$ gristmill {entry.example}\n")


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 spec or usage, 3 too many bad records, 4 conservation or verify failed, "
    "130 interrupted.",
)
@click.version_option(package_name="gristmill", message="%(version)s")
def cli() -> None:
    """Raw corpora in, training-ready shards out, every document accounted for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line `arguments` (None: this process's) and returns its exit code."""
    logging.basicConfig(level=logging.ERROR)  # Beam warns of extras that nobody asked for
    atexit.register(hush_teardown)
    found = shadowed_package()
    if found is not None:
        say(f"error: {found}")
        return FAILED
    try:
        code = cli(args=None if arguments is None else list(arguments), standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:  # the one place where any error becomes a message and a code
        return _told(error)


def _told(error: BaseException) -> int:
    """Tells the user what went wrong; returns the exit code."""
    message, code = explained(error)
    if message:
        say(message)
    return code


def explained(error: BaseException) -> tuple[str, int]:
    """Returns what to tell the user of an error (empty: nothing), and the exit code."""
    return next(handle(error) for kinds, handle in HANDLERS if isinstance(error, kinds))


def _ours(error: BaseException) -> tuple[str, int]:
    return f"error: {error}", getattr(error, "exit_code", FAILED)


def _left(error: BaseException) -> tuple[str, int]:
    code = getattr(error, "exit_code", getattr(error, "code", FAILED))
    return "", code if isinstance(code, int) else FAILED


def _interrupted(error: BaseException) -> tuple[str, int]:
    if not GOES_ON.issuperset(sys.argv[1:2] or [""]):
        return "interrupted", INTERRUPTED
    return f"interrupted; what is written stays. To go on:\n  gristmill {shlex.join(sys.argv[1:])}", INTERRUPTED


def _reader_left(error: BaseException) -> tuple[str, int]:
    """The reader of our output went away, as `head` does: say nothing, and let nothing be flushed at exit."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return "", FAILED


def _missing_module(error: BaseException) -> tuple[str, int]:
    name = str(getattr(error, "name", "")).partition(".")[0]
    extra = f"[{EXTRAS[name]}]" if name in EXTRAS else ""
    return f"error: the Python package {name!r} is missing: pip install 'gristmill{extra}'", FAILED


def _refused(error: BaseException) -> tuple[str, int]:
    named = getattr(error, "filename", None) or "this machine"
    return f"error: {named}: {getattr(error, 'strerror', None) or error}", FAILED


def _defect(error: BaseException) -> tuple[str, int]:
    lines = "".join(traceback.format_exception(error))
    return f"{lines}error: this is a defect of gristmill; please report it with the lines above", FAILED


def _usage(error: BaseException) -> tuple[str, int]:
    assert isinstance(error, click.ClickException), "the handler of click's errors"
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error.format_message(), USAGE
    context = getattr(error, "ctx", None)
    usage = f"{context.get_usage()}\n" if context is not None else ""
    return f"{usage}error: {error.format_message()}", USAGE


HANDLERS: tuple[tuple[tuple[type[BaseException], ...], Callable[[BaseException], tuple[str, int]]], ...] = (
    ((GristmillError,), _ours),
    ((click.ClickException,), _usage),
    ((click.exceptions.Exit, SystemExit), _left),
    ((click.Abort, KeyboardInterrupt), _interrupted),
    ((BrokenPipeError,), _reader_left),
    ((ModuleNotFoundError,), _missing_module),
    ((OSError,), _refused),
    ((BaseException,), _defect),
)
"""What is said about an error, and the exit code; the first entry that fits."""


if __name__ == "__main__":
    sys.exit(main())
