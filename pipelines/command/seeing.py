"""`gristmill report`, `why`, `inspect`, `verify`, `export`: commands that read a run."""

from pathlib import Path

import click

from curation.errors import SpecError, VerifyError
from pipelines.command.choosing import chosen_run, json_option, run_argument
from pipelines.command.speaking import say, show, show_json


@click.command()
@run_argument
@json_option
def report(run: str | None, as_json: bool) -> None:
    """Writes report.html of a RUN again. With --json also what each rule removed, by group.

    Example: gristmill report runs/web-1a2b3c4d
    """
    from pipelines.report import write_report  # noqa: PLC0415

    written = write_report(chosen_run(run))
    if as_json:
        show_json({"report": written.path, "bias": [item.facts() for item in written.bias]})
    else:
        show(written.path)


@click.command()
@run_argument
@json_option
def verify(run: str | None, as_json: bool) -> None:
    """Checks every checksum, the three conservation laws and the export of a RUN.

    Example: gristmill verify runs/web-1a2b3c4d
    """
    from pipelines.verify import verify_run  # noqa: PLC0415

    chosen = chosen_run(run)
    found = verify_run(chosen)
    if as_json:
        show_json({"run": chosen, "findings": found})
    else:
        show("\n".join(found) or f"{chosen}: every file is as its manifest says, and the conservation laws hold")
    if found:
        raise VerifyError(f"{chosen}: {len(found)} finding{'s' if len(found) > 1 else ''}")


@click.command()
@run_argument
@click.option("--state", type=click.Choice(["kept", "dropped", "review"]), help="Default: any.")
@click.option("--rule", metavar="NAME", help="Only documents that this rule touched, e.g. num_words or dedup/near.")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=5, show_default=True, help="Documents to show.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed, other documents.")
@json_option
def inspect(*, run: str | None, state: str | None, rule: str | None, count: int, seed: int, as_json: bool) -> None:
    """Shows samples of a RUN with the reasons for their state, always the same ones.

    Example: gristmill inspect --state dropped --rule dedup/near -n 3
    """
    from pipelines.questions import inspect_run, samples_text  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    samples = inspect_run(open_run(chosen_run(run)), state=state, rule=rule, count=count, seed=seed)
    if as_json:
        show_json(samples)
    else:
        show(samples_text(samples))


@click.command()
@click.argument("arguments", nargs=-1, required=True, metavar="[RUN] DOC")
@json_option
def why(arguments: tuple[str, ...], as_json: bool) -> None:
    """Tells what happened to DOC, and why: its measurements, the rule that decided, its copies.

    DOC is a document id (hex, or the start of one), a URL, a WARC record id, or the data's own id.

    Example: gristmill why runs/web-1a2b3c4d https://example.org/
    """
    from pipelines.questions import answer_text, why_document  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    *named, document = arguments
    if len(named) > 1:
        raise click.UsageError(f"expected [RUN] DOC, found {len(arguments)} arguments; quote what belongs together")
    if not named and (Path(document) / "spec.yaml").is_file():
        raise click.UsageError(f"expected [RUN] DOC, found the run {document} and no document")
    answers = why_document(open_run(chosen_run(named[0] if named else None)), document)
    if as_json:
        show_json(answers)
    else:
        show("\n\n".join(answer_text(answer) for answer in answers))


@click.command()
@run_argument
@click.option("--to", "kind", type=click.Choice(["parquet", "jsonl.zst"]), default="parquet", show_default=True)
@click.option("--layout", type=click.Choice(["list", "npy", "megatron", "mds"]), help="Training rows instead of text.")
@click.option("--output", "-o", metavar="FILE", help="Default: documents.<kind> or shards-<layout> here.")
@click.option("--where", metavar="SQL", help="Only documents for which this DuckDB expression holds.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@json_option
def export(
    *,
    run: str | None,
    kind: str,
    layout: str | None,
    output: str | None,
    where: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Writes the kept text of a RUN, with its provenance and signals, to one file.

    With --layout instead: the training rows of its newest export, in order, into a new folder for another trainer.

    Example: gristmill export --to jsonl.zst --where "license = 'CC-BY-4.0'"
    """
    from pipelines.export_text import export_text  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415

    if layout is not None:
        if where is not None or force:
            raise click.UsageError("expected --layout without --where and --force: it copies an export as it is")
        _export_rows(chosen_run(run), layout, Path(output or f"shards-{layout}"), as_json=as_json)
        return
    target = output or f"documents.{kind}"
    if Path(target).exists() and not force:
        raise SpecError(f"{target}: exists already; choose another name with -o, or --force")
    count = export_text(open_run(chosen_run(run)), kind, target, where=where)
    if as_json:
        show_json({"file": target, "documents": count})
    else:
        say(f"{target}: {count:,} documents")


def _export_rows(run: str, layout: str, target: Path, *, as_json: bool) -> None:
    from pipelines.exported import open_export  # noqa: PLC0415
    from pipelines.layouts import write_layout  # noqa: PLC0415

    count = write_layout(open_export(run), layout, target)
    what = "documents" if layout == "megatron" else "rows"
    if as_json:
        show_json({"folder": str(target), what: count})
    else:
        say(f"{target}: {count:,} {what}")
