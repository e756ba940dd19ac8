"""`gristmill tokenizer train`."""

from pathlib import Path

import click

from pipelines.command.choosing import check_free, chosen_run, force_option, json_option, run_argument
from pipelines.command.speaking import say, show_json


@click.group()
def tokenizer() -> None:
    """Tokenizers are files that a spec names: trained here, or brought along."""


@tokenizer.command()
@run_argument
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("tokenizer.json"), show_default=True)
@click.option("--vocab-size", type=click.IntRange(300, 1 << 20), default=8192, show_default=True)
@click.option("--max-bytes", type=click.IntRange(min=1), default=16 << 20, show_default=True, help="Text to train on.")
@force_option
@json_option
def train(*, run: str | None, output: Path, vocab_size: int, max_bytes: int, force: bool, as_json: bool) -> None:
    """Trains a byte-level BPE tokenizer on the kept documents of a RUN; twice gives the same bytes.

    Example: gristmill tokenizer train runs/web-1a2b3c4d -o tokenizer.json
    """
    from pipelines.training_text import train_on_run  # noqa: PLC0415

    check_free(output, force=force)
    sha256 = train_on_run(chosen_run(run), output, vocab_size=vocab_size, max_bytes=max_bytes)
    if as_json:
        show_json({"file": str(output), "vocab_size": vocab_size, "sha256": sha256})
    else:
        say(
            f"{output}: at most {vocab_size:,} tokens, sha256 {sha256}\nTo use it, add to the spec:\n"
            f"shards: {{tokenizer: {output}}}"
        )
