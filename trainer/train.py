"""The training loop: rows of an export in, checkpoints and a log out; killed and started again, it goes on.

The loss of a step is the sum over its labels divided by how many labels all ranks have, so it does not depend on how
the rows are spread. Everything that decides a step follows from its number, the configuration and the export.
"""

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim import AdamW

from curation.errors import SpecError, VerifyError
from trainer.batch import IGNORE, Batch
from trainer.checkpoint import (
    Checkpoints,
    State,
    average_weights,
    finished,
    load,
    model_state,
    optimizer_state,
    read_saved,
)
from trainer.loader import CurriculumDataset, Step
from trainer.metrics import (
    Log,
    StepLoss,
    documents_behind,
    flops_per_label,
    is_spike,
    losses_told,
    peak_flops,
    sources_of,
)
from trainer.model import Transformer
from trainer.parallel import Ranks, Spread, clip_gradients, spread
from trainer.presets import TrainConfig
from trainer.shards import Shards
from trainer.verification import FirstUse

CHECKPOINTS = "checkpoints"
AVERAGED = "averaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """How a run ended: after all its `steps`, or `stopped` by SIGTERM with a checkpoint to go on from."""

    step: int
    steps: int
    loss: float | None
    stopped: bool


def train(
    shards: Shards, config: TrainConfig, output: Path, *, ranks: Ranks | None = None, tell: Callable[[str], None]
) -> Trained:
    """Trains on `shards` and writes into folder `output`; goes on from the newest checkpoint there.

    Args:
        shards: the export.
        config: what to train, and how.
        output: holds `checkpoints/`, `metrics.jsonl`, `spikes.jsonl`, `tensorboard/`.
        ranks: this process among the others; None: as `torchrun` says.
        tell: is given a line of progress, on the first rank only.

    Raises:
        VerifyError: data or a checkpoint are not what their manifests say, or are of another run.
        SpecError: `output` holds the checkpoints of another configuration, or there are more ranks than rows in a step.
    """
    ranks = ranks or Ranks()
    with ranks.joined(), _terminated() as terminated:
        return _Run(shards, config, output, ranks, tell if ranks.rank == 0 else _silence).go(terminated)


def _silence(_text: str) -> None:
    """Says nothing: the first rank speaks for all."""


class _Run:
    """A training run on one rank, between its start and its end."""

    def __init__(
        self, shards: Shards, config: TrainConfig, output: Path, ranks: Ranks, tell: Callable[[str], None]
    ) -> None:
        self.shards, self.config, self.output, self.tell = shards, config, output, tell
        self.is_first = ranks.rank == 0
        self.spread = spread(Transformer(config.model, seed=config.seed), config.parallel, ranks)
        if self.spread.data_world > config.global_batch:
            raise SpecError(
                f"expected at most {config.global_batch} data-parallel ranks, one for each row of a step, "
                f"found {self.spread.data_world}"
            )
        self.optimizer = _optimizer(self.spread, config)
        self.first_use = FirstUse(shards)
        self.data = CurriculumDataset(
            shards,
            global_batch=config.global_batch,
            rank=self.spread.data_rank,
            world=self.spread.data_world,
            micro_batch=config.micro_batch,
            epochs=config.epochs,
        )
        self.num_steps = min(config.schedule.total_steps, len(self.data))
        described = plain(config)
        self.checkpoints = Checkpoints(output / CHECKPOINTS, keep=config.keep_checkpoints, config=described)

    def go(self, terminated: threading.Event) -> Trained:
        """Trains to the end, or until SIGTERM."""
        last = self._resume()
        log = Log(self.output, step=last) if self.is_first else None
        loss, stopped = None, False
        for step, now in enumerate(islice(self.data, self.num_steps - last), start=last):
            begun = time.monotonic()
            told, norm, stopped = self._step(step, now, terminated)
            last, loss = step + 1, told.mean
            if log is not None:
                self._log(log, step, now, told, norm=norm, seconds=time.monotonic() - begun)
            if stopped or last % self.config.checkpoint_steps == 0:
                self.checkpoints.save(last, self._state(), self.data.state_dict())
            if stopped:
                break
        if not stopped:
            self.checkpoints.save(last, self._state(), self.data.state_dict())
        self.checkpoints.wait()
        if log is not None:
            log.close()
        if not stopped and self.config.average_last > 1:
            self._average(last)
        return Trained(step=last, steps=self.num_steps, loss=loss, stopped=stopped)

    def _resume(self) -> int:
        """Loads the newest checkpoint, if there is one; returns the steps done."""
        if self.is_first:
            self.output.mkdir(parents=True, exist_ok=True)
        found = finished(self.output / CHECKPOINTS)
        if not found:
            return 0
        saved = read_saved(found[-1])
        if decisive(saved.config) != decisive(plain(self.config)):
            raise SpecError(
                f"{self.output}: expected checkpoints of this configuration, found those of {decisive(saved.config)}; "
                "give another --output"
            )
        if saved.data.get("manifest_sha256") != self.shards.manifest.sha256:
            raise VerifyError(
                f"{saved.folder}: expected a checkpoint of the export {self.shards.manifest.sha256}, found one of "
                f"{saved.data.get('manifest_sha256')}; open that export, or give another --output"
            )
        self.data.load_state_dict(load(saved, self._state()))
        self.tell(f"going on after step {saved.step}")
        return saved.step

    def _state(self) -> State:
        model = self.spread.model
        return {"model": model_state(model), "optimizer": optimizer_state(model, self.optimizer)}

    def _rate(self, step: int, now: Step) -> float:
        """Returns the learning rate of a step: the schedule's, times the factor of the stage."""
        return self.config.schedule.rate(step) * self.shards.manifest.stage_at(now.rows.start).lr_factor

    def _step(self, step: int, now: Step, terminated: threading.Event) -> tuple[StepLoss, float, bool]:
        """Updates the weights once; returns the losses, the norm of the gradient, and whether to stop."""
        for batch in now.batches:
            self.first_use.check(range(batch.first_row, batch.first_row + len(batch.n_valid_R)))
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate(step, now)
        self.optimizer.zero_grad(set_to_none=True)
        tally = _Tally(len(now.rows), len(self.shards.sources), self.spread.device)
        batches = list(self._micro_batches(now))
        for number, batch in enumerate(batches):
            with self.spread.accumulating(is_last=number == len(batches) - 1):
                share = self._share_of_loss(batch, now, tally)
                (share * self.spread.data_world).backward()  # FSDP and DDP divide the sum by their ranks
        norm = clip_gradients(self.spread.model, self.config.max_gradient_norm)
        self.optimizer.step()
        told, stopped = tally.over_ranks(self.spread, is_stopping=terminated.is_set())
        return told, norm, stopped

    def _micro_batches(self, now: Step) -> Iterator[Batch]:
        """Yields this rank's batches, and as many without labels as other ranks have more: all must take part."""
        most = -(-len(now.rows) // self.spread.data_world)
        yield from now.batches
        for _ in range(-(-most // self.config.micro_batch) - len(now.batches)):
            yield dataclasses.replace(
                self.shards.rows(now.rows.start, now.rows.start + 1),
                n_valid_R=np.zeros(1, dtype=np.int64),
                doc_lens_P=np.zeros(0, dtype=np.int64),
                source_P=np.zeros(0, dtype=np.int64),
                pieces_R1=np.zeros(2, dtype=np.int64),
                mask_RC=None,
            )

    def _share_of_loss(self, batch: Batch, now: Step, tally: "_Tally") -> Tensor:
        """Returns this batch's share of the step's loss, to go backward from."""
        inputs, segments, positions, labels = on_device(batch, self.spread.device)
        with self.spread.autocast():
            logits, routed = self.spread.call(inputs, segments, positions)
        losses = token_losses(logits, labels)
        tally.add(batch, now.rows, losses.detach(), labels, routed.detach())
        balance = self.config.model.balance_weight * routed[0] if self.config.model.num_experts else 0.0
        return (losses.sum() + balance) / max(now.num_targets, 1)

    def _log(self, log: Log, step: int, now: Step, told: StepLoss, *, norm: float, seconds: float) -> None:
        loss, speed = told.mean, now.num_targets / seconds
        if is_spike(loss, log.losses):
            documents = documents_behind(self.shards, now.rows, told)
            log.write_spike({"step": step, "loss": loss, "rows": documents})
            self.tell(f"step {step}: the loss jumped to {loss:.3f}; {log.spikes} names the documents")
        line = {"step": step, "epoch": now.epoch, "row_start": now.rows.start, "row_end": now.rows.stop}
        losses = losses_told(self.shards, now.rows, told)
        rate, mfu = self._rate(step, now), self._mfu(speed)
        fast = {"learning_rate": rate, "gradient_norm": norm, "tokens_per_second": speed, "mfu": mfu}
        routed = {"balance": told.balance, "dropped": told.dropped} if self.config.model.num_experts else {}
        log.write({**line, **losses, **fast, **routed})
        if step % 10 == 0 or step == self.num_steps - 1:
            self.tell(f"step {step + 1} of {self.num_steps}: loss {loss:.4f}, {speed:,.0f} tokens/s")

    def _mfu(self, speed: float) -> float | None:
        """Returns which share of all GPUs' operations training makes use of; None on a device of unknown speed."""
        if self.spread.device.type != "cuda":
            return None
        peak = peak_flops(torch.cuda.get_device_name(self.spread.device))
        model = self.spread.model
        flops = flops_per_label(
            model.config,
            num_parameters=model.num_parameters(),
            sequence_length=self.shards.manifest.sequence_length,
        )
        return speed * flops / (peak * dist.get_world_size()) if peak else None

    def _average(self, step: int) -> None:
        """Writes the mean of the last checkpoints' weights as a checkpoint of its own."""
        average_weights(finished(self.output / CHECKPOINTS)[-self.config.average_last :], self.spread.model)
        averaged = Checkpoints(self.output / AVERAGED, keep=1, config=self.checkpoints.config)
        averaged.save(step, {"model": model_state(self.spread.model)}, self.data.state_dict())
        averaged.wait()


class _Tally:
    """Sums of a step's losses on this rank: one vector, so that one message adds up all ranks."""

    def __init__(self, rows: int, sources: int, device: torch.device) -> None:
        self.rows, self.sources = rows, sources + 1  # the last is no source that we know
        self.values = torch.zeros(2 * rows + 2 * self.sources + 3, dtype=torch.float64, device=device)

    def parts(self) -> Sequence[Tensor]:
        """Returns losses and labels by row, losses and labels by source, and balance, dropped, stop."""
        parts: Sequence[Tensor] = self.values.split([self.rows, self.rows, self.sources, self.sources, 3])
        return parts

    def add(self, batch: Batch, rows: range, losses: Tensor, labels: Tensor, routed: Tensor) -> None:
        """Adds the losses (R, T) of a batch and what its experts tell."""
        row_loss, row_targets, source_loss, source_targets, other = self.parts()
        counted = (labels != IGNORE).double()
        at = slice(batch.first_row - rows.start, batch.first_row - rows.start + len(losses))
        row_loss[at] += losses.double().sum(1)
        row_targets[at] += counted.sum(1)
        source = torch.from_numpy(sources_of(batch) % self.sources).to(losses.device).flatten()
        source_loss.index_add_(0, source, losses.double().flatten())
        source_targets.index_add_(0, source, counted.flatten())
        other[:2] += routed.double()

    def over_ranks(self, spread: Spread, *, is_stopping: bool) -> tuple[StepLoss, bool]:
        """Returns the sums over all ranks, and whether one of them was told to stop."""
        self.values[-1] = float(is_stopping)
        self.values[:-1] /= spread.config.tensor  # ranks of one tensor-parallel group count the same rows
        dist.all_reduce(self.values)
        row_loss, row_targets, source_loss, source_targets, other = (part.cpu().numpy() for part in self.parts())
        told = StepLoss(
            loss_G=row_loss,
            targets_G=row_targets,
            source_loss_S=source_loss[:-1],
            source_targets_S=source_targets[:-1],
            balance=float(other[0] / max(row_targets.sum(), 1)),
            dropped=float(other[1]),
        )
        return told, bool(other[2])


def token_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns (R, T) float32: the loss of each label in nats, 0 where there is none."""
    flat = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="none")
    return flat.view_as(labels)


def on_device(batch: Batch, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns inputs, segments, positions and labels of a batch, (R, T) each."""
    arrays = (batch.inputs(), batch.segments()[:, :-1], batch.positions()[:, :-1], batch.labels())
    inputs, segments, positions, labels = (
        torch.from_numpy(np.ascontiguousarray(array)).to(device, non_blocking=True) for array in arrays
    )
    return inputs, segments, positions, labels


def plain(config: TrainConfig) -> dict[str, object]:
    """Returns the configuration as plain JSON values."""
    value = dataclasses.asdict(config)
    value["betas"] = list(config.betas)
    value["model"]["pattern"] = list(config.model.pattern)
    return value


def decisive(config: Mapping[str, object]) -> dict[str, object]:
    """Returns what may not change when a run goes on: all but how the work is spread, and how often it is saved."""
    free = {"parallel", "micro_batch", "checkpoint_steps", "keep_checkpoints", "average_last"}
    return {key: value for key, value in config.items() if key not in free}


def _optimizer(spread: Spread, config: TrainConfig) -> AdamW:
    """Returns AdamW; weight decay is for matrices only, as in GPT-3 and Llama."""
    weights = list(spread.model.parameters())
    groups = [
        {"params": [weight for weight in weights if weight.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [weight for weight in weights if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=config.schedule.peak, betas=config.betas, fused=spread.device.type == "cuda")


@contextmanager
def _terminated() -> Iterator[threading.Event]:
    """Yields an event that SIGTERM sets, as schedulers send it before they take the machine away."""
    event = threading.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        event.set()

    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = signal.signal(signal.SIGTERM, note)
    try:
        yield event
    finally:
        signal.signal(signal.SIGTERM, before)
