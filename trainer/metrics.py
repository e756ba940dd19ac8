"""What a training run tells of itself: one JSON line a step, TensorBoard where it is installed, spikes of the loss.

A line is a function of data and configuration but for its speed. A resumed run first drops the lines after its
checkpoint, so the file has each step once, as if nothing had happened.
"""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.batch import Batch
from trainer.model import ModelConfig
from trainer.shards import Shards

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LOG = "metrics.jsonl"
SPIKES = "spikes.jsonl"
FLOPS_OF = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16 operations per second by GPU, from NVIDIA's data sheets (SXM)."""
SPIKE_WINDOW = 64
SPIKE_HISTORY = 16
SPIKE_DEVIATIONS = 6.0
SPIKE_FLOOR = 0.05
"""A spike is above the median of the last losses by so many deviations, and by that share of the median: this project's
choice."""
SPIKE_ROWS = 16


def sources_of(batch: Batch) -> NDArray[np.int64]:
    """Returns (R, T): which source each label's document is from, by number; -1 where it is none or unknown."""
    documents = batch.documents()[:, 1:]
    padded = np.append(batch.source_P, -1)
    piece = np.where(documents < 0, batch.source_P.size, batch.pieces_R1[:-1, None] + documents)
    return padded[piece]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLoss:
    """The summed loss of a step in nats, over all ranks: by row, and by source with the labels it has."""

    loss_G: NDArray[np.float64]
    source_loss_S: NDArray[np.float64]
    source_targets_S: NDArray[np.float64]
    targets_G: NDArray[np.float64]
    balance: float
    dropped: float

    @property
    def mean(self) -> float:
        """The loss of the step: nats per label."""
        return float(self.loss_G.sum() / max(self.targets_G.sum(), 1))


def losses_told(shards: Shards, rows: range, loss: StepLoss) -> dict[str, object]:
    """Returns the losses of a step as a line of the log has them: means in nats per label."""
    manifest = shards.manifest
    stages = [manifest.stage_at(row).name for row in rows]
    by_stage = {}
    for stage in dict.fromkeys(stages):
        is_in = np.array([name == stage for name in stages])
        by_stage[stage] = float(loss.loss_G[is_in].sum() / max(loss.targets_G[is_in].sum(), 1))
    seen = np.flatnonzero(loss.source_targets_S)
    by_source = {
        shards.sources[number]: float(loss.source_loss_S[number] / loss.source_targets_S[number]) for number in seen
    }
    return {
        "loss": loss.mean,
        "loss_by_stage": by_stage,
        "loss_by_source": by_source,
        "targets": int(loss.targets_G.sum()),
    }


def is_spike(loss: float, before: Sequence[float]) -> bool:
    """Whether `loss` is not finite, or far above the median of the last losses `before` it."""
    recent = [value for value in before[-SPIKE_WINDOW:] if math.isfinite(value)]
    if not math.isfinite(loss):
        return True
    if len(recent) < SPIKE_HISTORY:
        return False
    median = statistics.median(recent)
    spread = 1.4826 * statistics.median(abs(value - median) for value in recent)
    return loss > median + max(SPIKE_DEVIATIONS * spread, SPIKE_FLOOR * median)


def documents_behind(shards: Shards, rows: range, loss: StepLoss) -> list[dict[str, object]]:
    """Returns the worst rows of a step by loss per label, worst first, each with the documents in it."""
    mean_G = loss.loss_G / np.maximum(loss.targets_G, 1)
    order = np.argsort(-np.nan_to_num(mean_G, nan=np.inf, posinf=np.inf), kind="stable")[:SPIKE_ROWS]
    return [
        {
            "row": rows[int(number)],
            "loss": float(mean_G[number]),
            "documents": [
                {"doc_id": piece.doc_id.hex(), "source": piece.source, "tokens": piece.length}
                for piece in shards.documents(rows[int(number)])
            ],
        }
        for number in order
    ]


def flops_per_label(config: ModelConfig, *, num_parameters: int, sequence_length: int) -> float:
    """Returns the operations of training on one token: 6 per weight, and 12 * T * D a layer (arXiv 2204.02311, B)."""
    lengths = [sequence_length if kind == "global" else min(config.window, sequence_length) for kind in config.pattern]
    attended = sum(lengths[number % len(lengths)] for number in range(config.num_layers))
    idle = max(config.num_experts - config.experts_per_token, 0) * 3 * config.dim * config.ffn_dim * config.num_layers
    return 6.0 * (num_parameters - idle) + 12.0 * config.dim * attended


def peak_flops(device_name: str) -> float | None:
    """Returns what the GPU can do, if it is one we know."""
    return next((flops for name, flops in FLOPS_OF.items() if name in device_name), None)


class Log:
    """The log in folder `root`; opening it forgets the steps from `step` on."""

    def __init__(self, root: Path, *, step: int) -> None:
        self._path, self.spikes = root / LOG, root / SPIKES
        for path in (self._path, self.spikes):
            _keep_before(path, step)
        self.losses = [float(line["loss"]) for line in read_log(root)]
        self._board = _board(root, step)

    def write(self, line: Mapping[str, object]) -> None:
        """Adds the line of one step."""
        _append(self._path, line)
        loss, step = line["loss"], line["step"]
        assert isinstance(loss, float), "a mean"
        self.losses.append(loss)
        if self._board is not None:
            for name, value in _flat(line):
                self._board.add_scalar(name, value, step)

    def write_spike(self, line: Mapping[str, object]) -> None:
        """Adds a spike and the documents behind it."""
        _append(self.spikes, line)

    def close(self) -> None:
        """Ends TensorBoard's thread."""
        if self._board is not None:
            self._board.close()


def read_log(root: Path) -> list[dict[str, float]]:
    """Returns the lines of a run's log; none where there is none."""
    path = root / LOG
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _board(root: Path, step: int) -> "SummaryWriter | None":
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415  an extra that need not be there
    except ImportError:
        return None
    return SummaryWriter(str(root / "tensorboard"), purge_step=step)


def _flat(line: Mapping[str, object], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in line.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}/")
        elif isinstance(value, int | float):
            found.append((f"{prefix}{name}", float(value)))
    return found


def _append(path: Path, line: Mapping[str, object]) -> None:
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def _keep_before(path: Path, step: int) -> None:
    """Drops lines of `step` and later, and one that a killed process left unfinished."""
    if not path.exists():
        return
    whole = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    kept = path.with_suffix(".kept")
    kept.write_text("".join(line for line in whole if json.loads(line)["step"] < step))
    kept.replace(path)
