"""Which run a command means (the one named, else the newest under ./runs), and where it writes."""

from pathlib import Path

import click

from curation.errors import InputError
from pipelines.command.speaking import say

RUNS = Path("runs")
_MARKS = ("manifest.json", "fingerprint")


def chosen_run(run: str | None) -> str:
    """Returns `run`, or the newest run directory under ./runs and says which.

    Raises:
        InputError: none is named and there is none.
    """
    if run is not None:
        return run
    found = [mark for name in _MARKS for mark in RUNS.glob(f"*/{name}")]
    if not found:
        raise InputError(f"expected a run, found none named and none in {RUNS.absolute()}; gristmill run makes one")
    newest = max(found, key=lambda mark: (mark.stat().st_mtime, mark))
    say(f"newest run: {newest.parent}")
    return str(newest.parent)


run_argument = click.argument("run", required=False)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout.")
force_option = click.option("--force", is_flag=True, help="Replace an existing file.")


def check_free(output: Path, *, force: bool, option: str = "-o") -> None:
    """Raises UsageError where `output` exists and may not be replaced; `option` is what chooses another name."""
    if output.exists() and not force:
        raise click.UsageError(f"{output} exists already; choose another name with {option}, or --force")
