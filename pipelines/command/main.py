"""Entry point of `gristmill`: lazy subcommands, exit codes, one place where errors become messages."""

import contextlib
import importlib
import os
import shlex
import sys
import traceback
from dataclasses import dataclass

import click

from curation.errors import GristmillError
from pipelines.command.shadowing import shadowed_package
from pipelines.command.speaking import say

FAILED, USAGE, INTERRUPTED = 1, 2, 130
EXTRAS = {"torch": "trainer", "label_studio_sdk": "annotator", "starlette": "service", "uvicorn": "service"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A command as `--help` shows it: `module` of this package defines it, and is imported when it is called."""

    module: str
    does: str
    example: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Jobs": {
        "init": Entry(module="init", does="Look at files and write a spec.", example="init 'data/*.jsonl.gz'"),
        "run": Entry(module="run", does="Run a spec, or plain paths; go on where it stopped.", example="run job.yaml"),
        "validate": Entry(module="specs", does="Check a spec and its files; start nothing.", example="validate job.yaml"),
        "schema": Entry(module="specs", does="Print the JSON Schema of specs.", example="schema > job.schema.json"),
    },
    "Runs (RUN is a run directory; the newest under ./runs if not given)": {
        "report": Entry(module="seeing", does="Write report.html again.", example="report runs/web-1a2b3c4d"),
        "why": Entry(module="seeing", does="Tell all about one document.", example="why RUN https://example.org/page"),
        "inspect": Entry(module="seeing", does="Show samples by state and rule.", example="inspect --state review"),
        "verify": Entry(module="seeing", does="Check checksums and the conservation laws.", example="verify RUN"),
        "export": Entry(module="seeing", does="Write the kept text to one file.", example="export RUN --to jsonl.zst"),
    },
    "Tokenizers": {
        "tokenizer": Entry(
            module="tokenizer", does="Train one on the kept text of a run.", example="tokenizer train RUN -o tokenizer.json"
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
        module = importlib.import_module(f"pipelines.command.{ENTRIES[cmd_name].module}")
        command: click.Command = getattr(module, cmd_name)
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


def main() -> int:
    """Runs the command line and returns its exit code."""
    found = shadowed_package()
    if found is not None:
        say(f"error: {found}")
        return FAILED
    try:
        code = cli(standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:  # noqa: BLE001 - the one place where any error becomes a message and a code
        return _told(error)


def _told(error: BaseException) -> int:
    """Tells the user what went wrong; returns the exit code."""
    if isinstance(error, GristmillError):
        say(f"error: {error}")
        return error.exit_code
    if isinstance(error, click.ClickException):
        say(_usage(error))
        return USAGE
    if isinstance(error, click.exceptions.Exit | SystemExit):
        return error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else getattr(error, "exit_code", FAILED)
    if isinstance(error, click.Abort | KeyboardInterrupt):
        say(f"interrupted; what is written stays. To go on:\n  gristmill {shlex.join(sys.argv[1:])}")
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):  # the reader of our output went away, as `head` does
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in EXTRAS:
        say(f"error: {error.name} is missing: pip install 'gristmill[{EXTRAS[str(error.name).partition('.')[0]]}]'")
        return FAILED
    if isinstance(error, OSError):
        say(f"error: {error.filename or 'this machine'}: {error.strerror or error}")
        return FAILED
    say("".join(traceback.format_exception(error)).rstrip())
    say("error: this is a defect of gristmill; please report it with the lines above")
    return FAILED


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    usage = f"{context.get_usage()}\n" if context is not None else ""
    return f"{usage}error: {error.format_message()}"


if __name__ == "__main__":
    sys.exit(main())
