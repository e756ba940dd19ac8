"""`gristmill validate` and `gristmill schema`."""

from pathlib import Path

import click

from pipelines.command.choosing import json_option
from pipelines.command.speaking import show, show_json


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one key of the spec.")
@json_option
def validate(spec: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Checks a spec, its gates and its input files, and starts nothing.

    Example: gristmill validate job.yaml
    """
    from pipelines.run_plan import plan_run  # noqa: PLC0415
    from pipelines.spec_file import load_spec  # noqa: PLC0415

    job = load_spec(spec, settings=settings)
    plan = plan_run(job, root=spec.parent)
    facts = {"job": job.job, "fingerprint": plan.fingerprint, "files": len(plan.files), "units": len(plan.units)}
    if as_json:
        show_json(facts | {"bytes": plan.input_bytes})
    else:
        show(f"{spec}: valid. {len(plan.files)} files, {plan.input_bytes:,} bytes, {len(plan.units)} work units.")


@click.command()
@click.option("--markdown", is_flag=True, help="The reference page of docs/ instead of JSON Schema.")
def schema(markdown: bool) -> None:
    """Prints the JSON Schema of specs.

    Example: gristmill schema > spec.schema.json
    """
    from pipelines.spec_schema import json_schema, markdown_reference  # noqa: PLC0415

    if markdown:
        click.echo(markdown_reference(), nl=False)
    else:
        show_json(json_schema())
