"""`gristmill train` and `gristmill evaluate`: a model of the newest export of a run, and what it has learnt.

The command line finds this module by name, so that `pipelines` need not import `trainer`.
"""

import contextlib
import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from curation.errors import InputError
from curation.text.safe import visible

if TYPE_CHECKING:
    from trainer.presets import TrainConfig
    from trainer.registering import Teller
    from trainer.shards import Shards

run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))


@click.command()
@run_argument
@click.option("--preset", type=click.Choice(["tiny", "125m", "1b"]), default="tiny", show_default=True)
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="DIR", help="Default: trained/<run>-<preset>.")
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Ends after so many. Default: 1.")
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Ends after so many, over epochs if need be.")
@click.option("--tokens", type=click.IntRange(min=1), metavar="N", help="Ends with the step that reaches so many.")
@click.option("--global-batch", type=click.IntRange(min=1), metavar="ROWS", help="Rows of a step, over all ranks.")
@click.option("--micro-batch", type=click.IntRange(min=1), metavar="ROWS", help="Rows a rank computes at a time.")
@click.option("--schedule", type=click.Choice(["wsd", "moderate"]), default="wsd", show_default=True)
@click.option("--average-last", type=click.IntRange(min=1), default=1, metavar="K", help="Average K checkpoints.")
@click.option("--checkpoint-steps", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--data-parallel", type=click.Choice(["fsdp", "ddp"]), help="How ranks share the model.")
@click.option("--tensor-parallel", type=click.IntRange(min=1), metavar="RANKS", help="Ranks that hold one model.")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]))
@click.option("--compile/--no-compile", "is_compiled", default=None, help="Compile the blocks.")
@click.option("--register", metavar="URL", help="Tell a service (gristmill serve) of steps and losses.")
@click.option("--recompute/--no-recompute", default=None, help="Save memory: activations are computed twice.")
def train(
    *,
    run: Path,
    preset: str,
    output: Path | None,
    epochs: int | None,
    steps: int | None,
    tokens: int | None,
    global_batch: int | None,
    micro_batch: int | None,
    schedule: str,
    average_last: int,
    checkpoint_steps: int,
    seed: int,
    data_parallel: str | None,
    tensor_parallel: int | None,
    precision: str | None,
    is_compiled: bool | None,
    recompute: bool | None,
    register: str | None,
) -> None:
    """Trains a model on the newest export of RUN, or on the export RUN itself.

    The same command again goes on after the newest checkpoint, on any number of ranks: start it by
    `torchrun --nproc-per-node 4 --no-python gristmill train RUN`.

    Example: gristmill train runs/web-1a2b3c4d --preset tiny
    """
    if sum(end is not None for end in (epochs, steps, tokens)) > 1:
        raise click.UsageError("expected one of --epochs, --steps and --tokens, found several: each says when to end")
    from trainer.presets import Choices, preset_config  # noqa: PLC0415 - torch takes seconds to import
    from trainer.schedule import advice  # noqa: PLC0415
    from trainer.shards import open_shards  # noqa: PLC0415
    from trainer.train import train as train_on  # noqa: PLC0415

    shards = open_shards(export_of(run))
    if not len(shards):
        raise InputError(f"{shards.root}: expected rows to train on, found none")
    choices = Choices(
        epochs=epochs or 1,
        steps=steps,
        tokens=tokens,
        global_batch=global_batch,
        micro_batch=micro_batch,
        schedule=schedule,
        average_last=average_last,
        checkpoint_steps=checkpoint_steps,
        seed=seed,
        data=data_parallel,
        tensor=tensor_parallel,
        precision=precision,
        recompute=recompute,
        compile=is_compiled,
    )
    config = preset_config(preset, shards.manifest, choices)
    warning = advice(config.schedule, last_stage=shards.manifest.stages[-1].name, average_last=average_last)
    if warning:
        _say(f"warning: {warning}")
    folder = output or Path("trained") / f"{run.resolve().name}-{preset}"
    with _registered(register, config, shards, folder) as told:
        done = train_on(shards, config, folder, tell=_say)
        told.state = "stopped" if done.stopped else "done"
    if done.stopped:
        _say(f"stopped after step {done.step} of {done.steps}; the same command goes on from there")
    click.echo(visible(str(folder)))


def _registered(
    url: str | None, config: "TrainConfig", shards: "Shards", folder: Path
) -> "AbstractContextManager[Teller]":
    """Returns what tells the service at `url` of a training; only the first rank does."""
    from trainer.registering import Registration, Teller, telling  # noqa: PLC0415

    registration = Registration(
        export=shards.root.name,
        name=str(folder.absolute())[-200:],
        global_batch=config.global_batch,
        steps=config.schedule.total_steps,
    )
    teller = Teller(url=(url or "").rstrip("/"), registration=registration, folder=folder, tell=_say)
    is_first = os.environ.get("RANK", "0") == "0"
    return telling(teller) if url is not None and is_first else contextlib.nullcontext(teller)


@click.command()
@run_argument
@click.argument("trained", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the perturbations.")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="Held-out documents at most.")
def evaluate(*, run: Path, trained: Path, seed: int, limit: int) -> None:
    """Measures the model in folder TRAINED on the held-out documents of RUN; writes eval.json and eval.html there.

    Example: gristmill evaluate runs/web-1a2b3c4d trained/web-1a2b3c4d-tiny
    """
    from trainer.evaluate import as_json, held_out, load_model, page  # noqa: PLC0415 - torch takes seconds to import
    from trainer.evaluate import evaluate as measured  # noqa: PLC0415
    from trainer.shards import open_shards  # noqa: PLC0415

    model, step = load_model(trained)
    documents = held_out(run, most=limit)
    found = measured(model, open_shards(export_of(run)), documents, step=step, seed=seed)
    (trained / "eval.json").write_text(json.dumps(as_json(found), indent=1) + "\n")
    (trained / "eval.html").write_text(page(found, documents))
    click.echo(visible(str(trained / "eval.html")))


def export_of(run: Path) -> Path:
    """Returns the newest export of a run directory, or the folder itself where it is an export.

    Raises:
        InputError: the run has no export.
    """
    latest = run / "exports" / "latest"
    if latest.is_file():
        return latest
    if (run / "manifest.json").is_file() and not (run / "exports").exists() and not (run / "spec.yaml").exists():
        return run
    raise InputError(f"{run}: expected a run with an export, found none; give its spec a `shards` section")


def _say(text: str) -> None:
    """Writes talk to stderr, made safe for a terminal."""
    click.echo(visible(text, keep_newlines=True), err=True)
