"""The second tier: a tiny transformer of `trainer`, in a loop of our own as docs/training-loops.md has it.

The preset `tiny`, the same for every arm, with a learning rate that decays moderately: one that goes to zero would
waste what comes last, where a curriculum has its best (Luo et al., arXiv 2511.18903). Training stops at a budget of
labels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from infra.experiment.held_out import HeldOut, Reals
from trainer.loader import CurriculumDataset, Step
from trainer.model import Transformer
from trainer.presets import Choices, tiny
from trainer.schedule import Schedule
from trainer.scoring import score
from trainer.shards import open_shards
from trainer.train import on_device, token_losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a model is trained.

    `budget` in labels, kept to within half a step of `rows`; where an epoch has fewer, the next one begins. `seed` is
    that of the weights. `backwards`: rows go from the last to the first. `points` measurements at equal distances, the
    last at the end.
    """

    budget: int
    rows: int
    seed: int
    backwards: bool
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Bits of each held-out document at some numbers of training tokens; the last is the end of training."""

    tokens: tuple[int, ...]
    bits: tuple[Reals, ...]


def train(export: Path, held_out: HeldOut, plan: Plan) -> Curve:
    """Trains on the rows of an export, on one core, and measures on the way."""
    torch.set_num_threads(1)
    data = CurriculumDataset(open_shards(export), global_batch=plan.rows)
    preset = tiny(data.shards.manifest, Choices(seed=plan.seed))
    steps = list(_steps(data, plan))
    peak, warmup = preset.schedule.peak, len(steps) // 20
    schedule = Schedule(peak=peak, total_steps=len(steps), kind="moderate", warmup_steps=warmup)
    model = Transformer(preset.model, seed=plan.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=preset.betas, weight_decay=preset.weight_decay)
    measured_at = {round(len(steps) * (number + 1) / plan.points) - 1 for number in range(plan.points)}
    tokens, found, seen = [], [], 0
    for number, next_row in enumerate(steps):
        now = data.step_at(next_row)
        _update(model, optimizer, now, rate=schedule.rate(number), max_norm=preset.max_gradient_norm)
        seen += now.num_targets
        if number in measured_at:
            tokens.append(seen)
            found.append(_bits(model, held_out, length=data.shards.manifest.sequence_length))
    return Curve(tokens=tuple(tokens), bits=tuple(found))


def _steps(data: CurriculumDataset, plan: Plan) -> Iterator[int]:
    """Yields first rows of steps, epoch after epoch, until less than half a step of the budget is left."""
    starts = list(range(0, len(data.shards), data.global_batch))
    half = data.global_batch * data.shards.manifest.sequence_length // 2
    left = plan.budget
    while True:
        for start in reversed(starts) if plan.backwards else starts:
            if left < half:
                return
            left -= data.shards.num_targets(start, min(start + data.global_batch, len(data.shards)))
            yield start


def _update(model: Transformer, optimizer: torch.optim.AdamW, now: Step, *, rate: float, max_norm: float) -> None:
    """One step of the optimiser."""
    optimizer.zero_grad()
    for batch in now.batches:
        inputs, segments, positions, labels = on_device(batch, torch.device("cpu"))
        logits, _ = model(inputs, segments, positions)
        (token_losses(logits, labels).sum() / now.num_targets).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()


def _bits(model: Transformer, held_out: HeldOut, *, length: int) -> Reals:
    scored = score(model, held_out.tokens, length=length)
    return np.array([each.loss_N.sum() for each in scored]) / math.log(2)
