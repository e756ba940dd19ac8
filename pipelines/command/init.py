"""`gristmill init`: looks at files and writes a spec that runs as it is."""

import shlex
from pathlib import Path

import click

from pipelines.command.choosing import check_free, force_option, json_option
from pipelines.command.speaking import say, show, show_json


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("job.yaml"), show_default=True)
@force_option
@json_option
def init(*, files: tuple[str, ...], output: Path, force: bool, as_json: bool) -> None:
    """Looks at FILES (paths, globs, folders, URLs), shows three documents, and writes a short spec.

    Example: gristmill init 'data/*.jsonl.gz' && gristmill run job.yaml
    """
    from pipelines.output_file import write_output  # noqa: PLC0415
    from pipelines.proposing import propose_spec  # noqa: PLC0415

    check_free(output, force=force)
    proposal = propose_spec(files, folder=output.parent)
    write_output(output, proposal.spec.encode())
    if as_json:
        show_json({"spec": str(output), "files": list(proposal.looked), "documents": list(proposal.documents)})
        return
    lines = [
        *proposal.looked,
        *(f"document {number}: {text}" for number, text in enumerate(proposal.documents, start=1)),
    ]
    show("\n".join(lines))
    say(f"\n{output} is written; look it over, then:\n  gristmill run {shlex.quote(str(output))}")
