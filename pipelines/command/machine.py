"""`gristmill warm` and `gristmill doctor`."""

import click

from pipelines.command.choosing import json_option
from pipelines.command.speaking import say, show, show_json, table


@click.command()
def warm() -> None:
    """Compiles every kernel, so that the first run need not.

    Example: gristmill warm
    """
    from curation.kernels.warming import warm as compile_kernels  # noqa: PLC0415

    say("compiling kernels (about a minute the first time) ...")
    compile_kernels()
    say("kernels are ready")


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Says whether all that a run needs is there: Python, packages, memory, disk, folders, the language model.

    Example: gristmill doctor
    """
    from pipelines.health import findings  # noqa: PLC0415

    found = findings()
    if as_json:
        show_json([{"check": item.check, "found": item.found, "ok": item.ok} for item in found])
    else:
        show(table([("ok" if item.ok else "NOT OK", item.check, item.found) for item in found]))
    if not all(item.ok for item in found):
        raise click.exceptions.Exit(1)
