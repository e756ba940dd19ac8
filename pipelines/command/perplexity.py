"""`gristmill perplexity train`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipelines.command.choosing import check_free, force_option, json_option
from pipelines.command.speaking import say, show_json

if TYPE_CHECKING:
    from pipelines.perplexity_training import Trained


@click.group()
def perplexity() -> None:
    """N-gram models, by which texts are like those of a corpus or not: a spec names one per language.

    Example: gristmill perplexity train wiki.jsonl.gz --calibrate web.jsonl.gz --language en -o en.npz
    """


@perplexity.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--calibrate", multiple=True, required=True, metavar="FILES", help="Their thirds are head, middle and tail; repeat."
)
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("model.npz"), show_default=True)
@click.option("--order", type=click.IntRange(2, 5), default=3, show_default=True, help="Words of the longest n-gram.")
@click.option(
    "--min-count", type=click.IntRange(1, 1 << 20), default=1, show_default=True, help="Of the longest n-grams."
)
@click.option("--max-bytes", type=click.IntRange(min=1), default=64 << 20, show_default=True, help="Text to train on.")
@click.option("--language", help="Documents in it only, by the package's model; default: all.")
@click.option("--text-column", default="text", show_default=True, help="Of JSONL and Parquet.")
@force_option
@json_option
def train(
    *,
    files: tuple[str, ...],
    calibrate: tuple[str, ...],
    output: Path,
    order: int,
    min_count: int,
    max_bytes: int,
    language: str | None,
    text_column: str,
    force: bool,
    as_json: bool,
) -> None:
    """Trains an n-gram model on the first documents of FILES; twice gives the same bytes.

    FILES are JSONL, Parquet, text or WARC files, globs or URLs, as in a spec. Those of --calibrate are what a run will
    score, or a sample of it.

    Example: gristmill perplexity train wiki.jsonl.gz --calibrate web.jsonl.gz --language en -o en.npz
    """
    import hashlib  # noqa: PLC0415

    from curation.quality.ngram_model import write_model  # noqa: PLC0415
    from pipelines.output_file import write_output  # noqa: PLC0415
    from pipelines.perplexity_training import Asked, train_on_files  # noqa: PLC0415

    check_free(output, force=force)
    asked = Asked(
        files=files,
        calibrate=calibrate,
        order=order,
        min_count=min_count,
        max_bytes=max_bytes,
        language=language,
        text_column=text_column,
    )
    made = train_on_files(asked)
    content = write_model(made.model)
    write_output(output, content)
    facts = {"file": str(output), "order": order, **_facts(made), "sha256": hashlib.sha256(content).hexdigest()}
    if as_json:
        show_json(facts)
        return
    say(
        f"{output}: {facts['ngrams']:,} n-grams of {made.words:,} words in {made.documents:,} documents; "
        f"head up to a perplexity of {facts['head_up_to']:.1f}, middle up to {facts['middle_up_to']:.1f}\n"
        "To use it, add to the spec:\n"
        f"perplexity: {{{language or 'any'}: {{model: {output}, sha256: {facts['sha256']}}}}}"
    )


def _facts(made: "Trained") -> dict[str, int | float]:
    head, middle = made.model.cut_offs
    return {
        "documents": made.documents,
        "words": made.words,
        "text_bytes": made.bytes,
        "ngrams": int(made.model.hash_G.size),
        "calibrating_documents": made.calibrating,
        "head_up_to": head,
        "middle_up_to": middle,
    }
