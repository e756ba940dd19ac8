"""`gristmill report`, `inspect`, `why`, `verify`, `export`: commands that read a run."""

import click

from curation.errors import VerifyError
from pipelines.command.choosing import chosen_run, json_option, run_argument
from pipelines.command.speaking import say, show, show_json


@click.command()
@run_argument
def report(run: str | None) -> None:
    """Writes report.html of a RUN again.

    Example: gristmill report runs/web-1a2b3c4d
    """
    from pipelines.report import write_report  # noqa: PLC0415

    show(write_report(chosen_run(run)))


@click.command()
@run_argument
@json_option
def verify(run: str | None, as_json: bool) -> None:
    """Checks every checksum and the three conservation laws of a RUN.

    Example: gristmill verify runs/web-1a2b3c4d
    """
    from pipelines.verify import verify_run  # noqa: PLC0415

    chosen = chosen_run(run)
    found = verify_run(chosen)
    if as_json:
        show_json({"run": chosen, "findings": found})
    elif not found:
        show(f"{chosen}: every file is as the manifest says, and the conservation laws hold")
    if found and not as_json:
        show("\n".join(found))
    if found:
        raise VerifyError(f"{chosen}: {len(found)} findings")


@click.command()
@run_argument
@click.option("--state", type=click.Choice(["kept", "dropped", "review"]), default="dropped", show_default=True)
@click.option("--rule", metavar="NAME", help="Only documents that this rule decided, e.g. gopher/num_words.")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=5, show_default=True, help="Documents to show.")
@json_option
def inspect(run: str | None, state: str, rule: str | None, count: int, as_json: bool) -> None:
    """Shows samples of a RUN by state and rule, always the same ones.

    Example: gristmill inspect --state dropped --rule dedup/near -n 3
    """
    from pipelines.questions import inspect_run, samples_text  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    samples = inspect_run(open_run(chosen_run(run)), state=state, rule=rule, count=count)
    if as_json:
        show_json(samples)
    else:
        show(samples_text(samples))


@click.command()
@click.argument("arguments", nargs=-1, required=True, metavar="[RUN] DOC")
@json_option
def why(arguments: tuple[str, ...], as_json: bool) -> None:
    """Explains what happened to DOC: a document id (hex), URL, WARC record id, or the data's own id.

    Example: gristmill why runs/web-1a2b3c4d https://example.org/
    """
    from pipelines.questions import answer_text, why_document  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    *named, document = arguments
    if len(named) > 1:
        raise click.UsageError("expected [RUN] DOC")
    answers = why_document(open_run(chosen_run(named[0] if named else None)), document)
    if as_json:
        show_json(answers)
    else:
        show("\n\n".join(answer_text(answer) for answer in answers))


@click.command()
@run_argument
@click.option("--to", "kind", type=click.Choice(["parquet", "jsonl.zst"]), default="parquet", show_default=True)
@click.option("--output", "-o", metavar="FILE", help="Default: documents.<kind> in the working directory.")
@click.option("--where", metavar="SQL", help="Only documents for which this DuckDB expression holds.")
def export(run: str | None, kind: str, output: str | None, where: str | None) -> None:
    """Writes the kept text of a RUN to one file.

    Example: gristmill export --to jsonl.zst --where "\\"signal.language\\" = 'de'"
    """
    from pipelines.export_text import export_text  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    target = output or f"documents.{kind}"
    count = export_text(open_run(chosen_run(run)), kind, target, where=where)
    say(f"{target}: {count:,} documents")
