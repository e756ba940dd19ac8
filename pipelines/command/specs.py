"""`gristmill validate` and `gristmill schema`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.dedup.banding import s_curve
from pipelines.command.choosing import json_option
from pipelines.command.speaking import show, show_json, table

if TYPE_CHECKING:
    from pipelines.spec import NearSpec


@click.command()
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one key of the spec.")
@json_option
def validate(spec: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Checks a SPEC, that its gates read what is measured, and that its files are there. Starts nothing.

    Example: gristmill validate job.yaml
    """
    from pipelines.judging import unused_gates  # noqa: PLC0415
    from pipelines.preflight import examine  # noqa: PLC0415
    from pipelines.spec_file import load_spec  # noqa: PLC0415

    job = load_spec(spec, settings=settings)
    found = examine(job, root=spec.parent)
    near, unused = near_facts(job.dedup.near), unused_gates(job)
    if as_json:
        facts = [item.facts() for item in found]
        show_json({"spec": str(spec), "inputs": facts, "unused_gates": unused, "near": near})
        return
    rows: list[tuple[str, ...]] = [("input", "files", "bytes", "formats", "problems")]
    for item in found:
        rows.append(
            (item.name, f"{item.files:,}", f"{item.bytes:,}", ", ".join(item.formats), ", ".join(item.problems))
        )
    idle = [f"gate {name}: no input names it under `gates:`, so it judges nothing" for name in unused]
    show("\n".join([f"{spec}: valid", table(rows), *idle, *near_lines(near)]))


def near_facts(near: "NearSpec | None") -> dict[str, object] | None:
    """Returns how near duplicates are looked for, and the chance of being found by similarity; None: they are not."""
    if near is None:
        return None
    signing = near.signing
    curve = s_curve(bands=signing.bands, rows=signing.rows)
    return {**asdict(signing), "s_curve": {f"{similarity:g}": chance for similarity, chance in curve.items()}}


def near_lines(near: dict[str, object] | None) -> list[str]:
    """Returns `near_facts` as text: one line, and the curve as a small table."""
    if near is None:
        return ["near duplicates: off"]
    curve = near["s_curve"]
    assert isinstance(curve, dict), "near_facts makes it"
    return [
        f"near duplicates: {near['bands']} bands x {near['rows']} rows of {near['scheme']} over {near['ngram']} "
        f"{near['shingle']}, normalize {near['normalize']}",
        table([("similarity", *curve), ("caught", *(f"{chance:.3f}" for chance in curve.values()))]),
    ]


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
