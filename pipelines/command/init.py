"""`gristmill init`: looks at files and writes a spec that runs as it is."""

from pathlib import Path

import click

from pipelines.command.speaking import say, show


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("job.yaml"), show_default=True)
@click.option("--force", is_flag=True, help="Replace an existing file.")
def init(files: tuple[str, ...], output: Path, force: bool) -> None:
    """Looks at FILES, guesses format and columns, shows three documents, and writes a short spec.

    Example: gristmill init 'data/*.jsonl.gz' && gristmill run job.yaml
    """
    from pipelines.proposing import propose_spec  # noqa: PLC0415

    proposal = propose_spec(files, folder=output.parent)
    for line in proposal.shown:
        show(line)
    if output.exists() and not force:
        raise click.UsageError(f"{output} exists; choose another name with -o, or --force")
    output.write_text(proposal.spec, encoding="utf-8")
    say(f"{output} written; check it, then: gristmill run {output}")
