"""`gristmill trace`: from a training step to its documents, and back."""

import click

from curation.errors import InputError
from pipelines.command.choosing import chosen_run, json_option, run_argument
from pipelines.command.speaking import show, show_json, table

MOST_NAMED = 1000
"""Documents that one name may mean, as the same URL fetched again and again."""


@click.command()
@run_argument
@click.option("--step", type=click.IntRange(min=0), help="List the documents of this step, counted from 0.")
@click.option("--doc", metavar="DOC", help="List the steps that take this document: id, URL or the data's own id.")
@click.option("--global-batch", type=click.IntRange(min=1), required=True, help="Rows per step over all ranks.")
@click.option("--validation", is_flag=True, help="Rows of the validation split.")
@json_option
def trace(
    *, run: str | None, step: int | None, doc: str | None, global_batch: int, validation: bool, as_json: bool
) -> None:
    """Lists the documents of a training step on the newest export of a RUN, or the steps that take a document.

    Example: gristmill trace runs/web-1a2b3c4d --step 1200 --global-batch 256
    """
    from pipelines.exported import open_export  # noqa: PLC0415
    from pipelines.lookup import find  # noqa: PLC0415
    from pipelines.rundir import open_run  # noqa: PLC0415
    from pipelines.tracing import documents_of_step, steps_of_documents  # noqa: PLC0415

    if (step is None) == (doc is None):
        raise click.UsageError("expected one of --step and --doc")
    chosen = chosen_run(run)
    exported = open_export(chosen, split="validation" if validation else "train")
    if step is not None:
        found = documents_of_step(exported, step, global_batch=global_batch)
    else:
        assert doc is not None, "one of the two is given"
        named, _ = find(open_run(chosen), doc, limit=MOST_NAMED)
        if not named:
            raise InputError(f"expected a document of {chosen}, found none called {doc!r}")
        found = steps_of_documents(exported, (row["doc_id"] for row in named), global_batch=global_batch)
    if as_json:
        show_json(found)
    elif found:
        show(table([tuple(found[0]), *(tuple(str(value) for value in piece.values()) for piece in found)]))
    else:
        show("no row holds it: the order left it out")
