"""`gristmill validate` and `gristmill schema`."""

from pathlib import Path

import click

from pipelines.command.choosing import json_option
from pipelines.command.speaking import show, show_json, table


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one key of the spec.")
@json_option
def validate(spec: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Checks a SPEC, that its gates read what is measured, and that its files are there. Starts nothing.

    Example: gristmill validate job.yaml
    """
    from pipelines.preflight import examine  # noqa: PLC0415
    from pipelines.spec_file import load_spec  # noqa: PLC0415

    found = examine(load_spec(spec, settings=settings), root=spec.parent)
    if as_json:
        show_json({"spec": str(spec), "inputs": [item.facts() for item in found]})
        return
    rows: list[tuple[str, ...]] = [("input", "files", "bytes", "formats", "problems")]
    for item in found:
        rows.append(
            (item.name, f"{item.files:,}", f"{item.bytes:,}", ", ".join(item.formats), ", ".join(item.problems))
        )
    show(f"{spec}: valid\n{table(rows)}")


@click.command()
@click.option("--markdown", is_flag=True, help="The reference page docs/spec.md instead of JSON Schema.")
def schema(markdown: bool) -> None:
    """Prints the JSON Schema of specs, for editors and other tools.

    Example: gristmill schema > job.schema.json
    """
    from pipelines.spec_schema import json_schema, markdown_reference  # noqa: PLC0415

    if markdown:
        click.echo(markdown_reference(), nl=False)
    else:
        show_json(json_schema())
