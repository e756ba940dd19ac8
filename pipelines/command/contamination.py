"""`gristmill contamination index`."""

from pathlib import Path

import click

from pipelines.command.choosing import check_free, force_option, json_option
from pipelines.command.speaking import say, show_json


@click.group()
def contamination() -> None:
    """Evaluation sets that training text is to be free of: an index of them is a file that a spec names.

    Example: gristmill contamination index mmlu=mmlu/*.jsonl -o index.npz
    """


@contamination.command()
@click.argument("sets", nargs=-1, required=True, metavar="NAME=FILES...")
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("evaluation.npz"), show_default=True)
@click.option("--field", "fields", multiple=True, default=("text",), show_default=True, help="An item's text; repeat.")
@click.option("--id", "id_field", default="id", show_default=True, help="An item's own name.")
@click.option("--ngram", type=click.IntRange(8, 13), default=13, show_default=True, help="Words of a run.")
@click.option(
    "--common", multiple=True, metavar="FILES", help="Clean text (field `text`): its common runs are ignored."
)
@force_option
@json_option
def index(
    *,
    sets: tuple[str, ...],
    output: Path,
    fields: tuple[str, ...],
    id_field: str,
    ngram: int,
    common: tuple[str, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Indexes evaluation sets in JSONL or Parquet by their runs of words; twice gives the same bytes.

    A set is NAME=FILES, a path, glob or URL; a name may come again. Every field of an item is a passage of its own; of
    a list or of keys, every text in it. A set that lacks a field after the first is taken without it. --common names
    files of the same kinds, with their text in `text`.

    Example: gristmill contamination index mmlu=mmlu/*.jsonl.gz --field question --field choices
    """
    import hashlib  # noqa: PLC0415

    from curation.contamination.index import write_index  # noqa: PLC0415
    from pipelines.evaluation_sets import EvaluationSet, index_of_sets  # noqa: PLC0415
    from pipelines.output_file import write_output  # noqa: PLC0415

    check_free(output, force=force)
    pairs = [given.partition("=") for given in sets]
    for name, _, files in pairs:
        if not name or not files or "/" in name:
            raise click.UsageError(f"expected NAME=FILES with a name without /, found {name + '=' + files!r}")
    chosen = [EvaluationSet(name=name, files=(files,), fields=fields, id=id_field) for name, _, files in pairs]
    made = index_of_sets(chosen, root=Path(), ngram=ngram, common=common)
    content = write_index(made)
    write_output(output, content)
    facts = {
        "file": str(output),
        "ngram": ngram,
        "items": len(made.names),
        "short": made.num_short,
        "common": made.num_common,
        "runs": int(made.hash_G.size),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if as_json:
        show_json(facts)
        return
    say(
        f"{output}: {len(made.names):,} items by {made.hash_G.size:,} runs of words; "
        f"{made.num_short:,} items are too short to look for, {made.num_common:,} have common runs only\n"
        f"To use it, add to the spec:\ndecontamination: {{index: {output}, sha256: {facts['sha256']}}}"
    )
