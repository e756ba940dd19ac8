"""`gristmill tokenizer train`."""

from pathlib import Path

import click

from pipelines.command.choosing import chosen_run, run_argument
from pipelines.command.speaking import say


@click.group()
def tokenizer() -> None:
    """Tokenizers are data: trained by a separate command, pinned by digest in the spec."""


@tokenizer.command()
@run_argument
@click.option("--output", "-o", type=click.Path(path_type=Path), default=Path("tokenizer.json"), show_default=True)
@click.option("--vocab-size", type=click.IntRange(300, 1 << 20), default=8192, show_default=True)
@click.option("--max-bytes", type=click.IntRange(min=1), default=16 << 20, show_default=True, help="Text to train on.")
def train(run: str | None, output: Path, vocab_size: int, max_bytes: int) -> None:
    """Trains a byte-level BPE tokenizer on the kept documents of a RUN; twice gives the same bytes.

    Example: gristmill tokenizer train runs/web-1a2b3c4d -o tokenizer.json
    """
    from pipelines.training_text import train_on_run  # noqa: PLC0415

    sha256 = train_on_run(chosen_run(run), output, vocab_size=vocab_size, max_bytes=max_bytes)
    say(f"{output}: vocabulary of {vocab_size}, sha256 {sha256}")
