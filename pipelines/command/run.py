"""`gristmill run` and `gristmill resume`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.command.choosing import chosen_run, json_option, run_argument
from pipelines.command.speaking import say, show, show_json, table

if TYPE_CHECKING:
    from pipelines.job import RunResult

SPEC_SUFFIXES = frozenset({".yaml", ".yml"})
SHOWN_DOCUMENTS = 3
FUNNEL = (
    ("input_files", "input files"),
    ("skipped", "records skipped"),
    ("dead_letters", "dead letters"),
    ("read", "documents read"),
    ("dropped", "dropped"),
    ("exact_duplicates", "  exact duplicates"),
    ("url_duplicates", "  same URL"),
    ("near_duplicates", "  near duplicates"),
    ("review", "in review"),
    ("borderline", "  borderline pairs"),
    ("kept", "kept"),
    ("validation", "  held out for validation"),
    ("export_rows", "training rows"),
    ("export_tokens", "tokens"),
)


@click.command()
@click.argument("what", nargs=-1, required=True, metavar="SPEC | PATH...")
@click.option("--output", "-o", metavar="DIR", help="Run directory or URL. Default: runs/<job>-<fingerprint8>.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="At most N documents, always the same ones; inputs are still read to their end, as all is accounted for.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one key of the spec; recorded.")
@json_option
def run(
    *, what: tuple[str, ...], output: str | None, limit: int | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Curates what a SPEC describes, or plain PATHs with default settings.

    The same command again goes on where an earlier one stopped, and does nothing to a finished run.

    Example: gristmill run pipelines/jobs/quickstart.yaml --limit 1000
    """
    from pipelines.job import run_job  # noqa: PLC0415 - Beam takes seconds to import
    from pipelines.progress import LineProgress  # noqa: PLC0415
    from pipelines.spec_file import load_spec, spec_of_paths  # noqa: PLC0415

    path = spec_path_of(what)
    spec = load_spec(path, settings=settings) if path else spec_of_paths(what, settings=settings)
    result = run_job(spec, spec_path=path, output=output, limit=limit, settings=settings, progress=LineProgress())
    _told(result, as_json=as_json)


@click.command()
@run_argument
@json_option
def resume(*, run: str | None, as_json: bool) -> None:
    """Goes on with a RUN that was stopped, as it was last started; does nothing to a finished one.

    Example: gristmill resume runs/web-1a2b3c4d
    """
    from pipelines.progress import LineProgress  # noqa: PLC0415
    from pipelines.resuming import resume_run  # noqa: PLC0415

    _told(resume_run(chosen_run(run), progress=LineProgress()), as_json=as_json)


def _told(result: "RunResult", *, as_json: bool) -> None:
    """Shows the counts of a run and where it is."""
    where = result.run.uri
    if as_json:
        facts = {"run": where, "report": f"{where}/report.html", "fingerprint": result.fingerprint}
        show_json({**facts, "reused": result.reused, "counts": result.counts})
        return
    if result.reused:
        say("this run was finished before; nothing was done again")
    show(table([(label, f"{result.counts[name]:,}") for name, label in FUNNEL if name in result.counts]))
    if result.counts.get("export_rows") and result.run.is_local:
        show(_first_rows(where))
    show(closing(where))


def spec_path_of(what: tuple[str, ...]) -> Path | None:
    """Returns the path of the spec, None when plain paths are given."""
    if not any(Path(item).suffix.lower() in SPEC_SUFFIXES for item in what):
        return None
    if len(what) > 1:
        raise click.UsageError(f"expected one spec, or paths of data only, found {shlex.join(what)}")
    return Path(what[0])


def _first_rows(run: str) -> str:
    """Returns the first sequences of the export and the documents behind them."""
    from gristmill import first_rows  # noqa: PLC0415

    lines = ["", "first training rows"]
    for row in first_rows(run):
        more = f" and {len(row.documents) - SHOWN_DOCUMENTS} more" if len(row.documents) > SHOWN_DOCUMENTS else ""
        lines.append(f"  {row.row}  {row.text!r}\n     of {', '.join(row.documents[:SHOWN_DOCUMENTS])}{more}")
    return "\n".join(lines)


def closing(run: str) -> str:
    """Returns the last lines of a run: where the report and the run are, and three commands to try next."""
    named = shlex.quote(run)
    return (
        f"\nreport  {run}/report.html\nrun     {run}\n"
        f"try     gristmill inspect {named} --state dropped\n"
        f"        gristmill verify {named}\n"
        f"        gristmill export {named} --to jsonl.zst"
    )
