"""`gristmill dedup`: one stage for people who bring their own data."""

import time
from typing import TYPE_CHECKING, Literal

import click

from pipelines.command.choosing import json_option
from pipelines.command.speaking import say, show, show_json, table

if TYPE_CHECKING:
    from pipelines.dedup_files import Deduplicated

PRESET_NAMES = ("fineweb", "dolma3", "nemo")
ROWS = (
    ("input_files", "input files"),
    ("read", "records read"),
    ("without_text", "records without text (no verdict)"),
    ("exact_duplicates", "exact duplicates"),
    ("near_duplicates", "near duplicates"),
    ("clusters", "clusters"),
    ("kept", "kept"),
)


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--output", "-o", required=True, metavar="OUT", help="Folder, or NAME.parquet, .jsonl, .jsonl.gz, .jsonl.zst"
)
@click.option("--text-column", default="text", show_default=True, metavar="NAME")
@click.option("--preset", type=click.Choice(PRESET_NAMES), help="Published settings, instead of the next three.")
@click.option("--ngram", type=int, metavar="N", help="Words per shingle [5].")
@click.option("--bands", type=int, metavar="N", help="LSH bands [14].")
@click.option("--rows", type=int, metavar="N", help="Rows per band [8].")
@click.option("--min-jaccard", type=float, metavar="J", help="Least similarity of near duplicates [0.7].")
@click.option("--survivors", type=click.Choice(["earlier", "component"]), help="Which rule removes documents.")
@click.option("--exact-only", is_flag=True, help="Only records with the same text.")
@click.option("--drop", is_flag=True, help="Write only the records that are kept.")
@click.option("--prefix", default="", metavar="TEXT", help="Goes before the names of the added columns.")
@click.option("--keep-run", is_flag=True, help="Keep OUT.run, for gristmill why, inspect and report.")
@click.option("--force", is_flag=True, help="Replace an output that is there.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one key of the job's spec.")
@json_option
def dedup(
    *,
    inputs: tuple[str, ...],
    output: str,
    text_column: str,
    preset: str | None,
    ngram: int | None,
    bands: int | None,
    rows: int | None,
    min_jaccard: float | None,
    survivors: Literal["earlier", "component"] | None,
    exact_only: bool,
    drop: bool,
    prefix: str,
    keep_run: bool,
    force: bool,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Adds verdict, cluster_id and cluster_size to the records of INPUTs (JSONL or Parquet), or drops duplicates.

    Columns and their order stay as they are. The same command again goes on where an earlier one stopped.

    Example: gristmill dedup 'data/*.parquet' -o out/
    """
    from pipelines.dedup_files import Request, dedup_files, dedup_job  # noqa: PLC0415
    from pipelines.progress import LineProgress, duration  # noqa: PLC0415
    from pipelines.spec import NearSpec  # noqa: PLC0415
    from pipelines.spec_file import dump_spec, parse_spec  # noqa: PLC0415

    given = {
        "preset": preset,
        "ngram": ngram,
        "bands": bands,
        "rows": rows,
        "min_jaccard": min_jaccard,
        "survivors": survivors,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    if exact_only and changed:
        raise click.UsageError(f"--exact-only: expected no settings of near duplicates, found {', '.join(changed)}")
    request = Request(
        inputs=inputs,
        output=output,
        text_column=text_column,
        near=None if exact_only else NearSpec(**changed),  # type: ignore[arg-type]
        only_kept=drop,
        prefix=prefix,
        keep_run=keep_run,
        force=force,
    )
    spec = parse_spec(dump_spec(dedup_job(request)).encode(), name="command line", settings=settings)
    start = time.monotonic()
    done = dedup_files(request, spec, progress=LineProgress())
    _told(done, duration(time.monotonic() - start), as_json=as_json)


def _told(done: "Deduplicated", took: str, *, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "output": done.output,
                "run": done.run,
                "reused": done.reused,
                **done.counts,
                "dead_letters": done.dead_letters,
            }
        )
        return
    if done.reused:
        say("this output was finished before; nothing was done again")
    lines = [(label, f"{done.counts[name]:,}") for name, label in ROWS]
    lines += [(f"left out: {reason}", f"{count:,}") for reason, count in done.dead_letters.items()]
    show(table(lines))
    where = f"\noutput  {done.output} ({took})\nrecord  {done.output.rstrip('/')}.gristmill.json"
    show(where if done.run is None else f"{where}\nrun     {done.run}")
