"""Presets: functions that return a frozen configuration for an export's vocabulary, length and rows."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

from trainer.manifest import Manifest
from trainer.model import ModelConfig
from trainer.parallel import ParallelConfig
from trainer.progress import num_steps, step_of_row
from trainer.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything that decides a training run, but for the ranks it runs on.

    `global_batch` is in rows. A step's rows and loss follow from it, whatever the ranks and `micro_batch`, the rows
    that a rank computes at a time. It ends after the schedule's steps, or after `epochs` if those are over first. The
    last `average_last` checkpoints are averaged at the end.
    """

    name: str
    model: ModelConfig
    schedule: Schedule
    global_batch: int
    micro_batch: int
    epochs: int = 1
    seed: int = 0
    weight_decay: float = 0.1  # Llama 2, section 2.2, as the two below
    betas: tuple[float, float] = (0.9, 0.95)
    max_gradient_norm: float = 1.0
    checkpoint_steps: int = 500
    keep_checkpoints: int = 4
    average_last: int = 1
    parallel: ParallelConfig = field(default_factory=ParallelConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a user may say beside a preset's name; None: as the preset has it.

    A run ends after `epochs`, unless `steps` or `tokens` say when: then it goes through the export as often as need be.
    `tokens` are positions of rows, padding included; the last step is done whole.
    """

    epochs: int = 1
    steps: int | None = None
    tokens: int | None = None
    global_batch: int | None = None
    micro_batch: int | None = None
    schedule: str = "wsd"
    average_last: int = 1
    checkpoint_steps: int = 500
    seed: int = 0
    data: str | None = None
    tensor: int | None = None
    precision: str | None = None
    recompute: bool | None = None
    compile: bool | None = None

    def num_steps(self, manifest: Manifest, *, global_batch: int) -> int:
        """Returns how many steps a run takes."""
        rows = manifest.rows * self.epochs if self.tokens is None else -(-self.tokens // manifest.sequence_length)
        return self.steps or step_of_row(rows, rows=manifest.rows, global_batch=global_batch)

    def over(self, preset: ParallelConfig) -> ParallelConfig:
        """Returns `preset` with what was chosen."""
        names = [field.name for field in dataclasses.fields(preset)]
        return dataclasses.replace(
            preset, **{name: getattr(self, name) for name in names if getattr(self, name) is not None}
        )


def tiny(manifest: Manifest, choices: Choices) -> TrainConfig:
    """A model for a laptop's CPU: 2 layers of width 64, to try a loop and not to judge data."""
    model = ModelConfig(
        vocab_size=manifest.vocab_size,
        dim=64,
        num_layers=2,
        num_heads=4,
        num_kv_heads=2,
        ffn_dim=176,
        pattern=("sliding", "global"),
        window=max(manifest.sequence_length // 4, 1),
    )
    return _config("tiny", manifest, choices, model=model, peak=3e-3, global_batch=8, micro_batch=4)


def gpt_125m(manifest: Manifest, choices: Choices) -> TrainConfig:
    """About 125 million weights, vocabulary aside the shape of GPT-3 Small (arXiv 2005.14165, table 2.1)."""
    model = ModelConfig(
        vocab_size=manifest.vocab_size, dim=768, num_layers=12, num_heads=12, num_kv_heads=4, ffn_dim=2048
    )
    parallel = ParallelConfig(precision="bf16", compile=True)
    return _config(
        "125m", manifest, choices, model=model, peak=6e-4, global_batch=256, micro_batch=16, parallel=parallel
    )


def gpt_1b(manifest: Manifest, choices: Choices) -> TrainConfig:
    """About a billion weights; sliding windows in three of four layers."""
    model = ModelConfig(
        vocab_size=manifest.vocab_size,
        dim=2048,
        num_layers=20,
        num_heads=16,
        num_kv_heads=8,
        ffn_dim=5632,
        pattern=("sliding", "sliding", "sliding", "global"),
        tied=False,
    )
    parallel = ParallelConfig(precision="bf16", compile=True, recompute=True)
    return _config("1b", manifest, choices, model=model, peak=3e-4, global_batch=512, micro_batch=4, parallel=parallel)


def preset_config(name: str, manifest: Manifest, choices: Choices) -> TrainConfig:
    """Returns the configuration of preset `name` for an export; raises ValueError for choices that cannot be."""
    return PRESETS[name](manifest, choices)


PRESETS: dict[str, Callable[[Manifest, Choices], TrainConfig]] = {"tiny": tiny, "125m": gpt_125m, "1b": gpt_1b}


def _config(
    name: str,
    manifest: Manifest,
    choices: Choices,
    *,
    model: ModelConfig,
    peak: float,
    global_batch: int,
    micro_batch: int,
    parallel: ParallelConfig | None = None,
) -> TrainConfig:
    batch = choices.global_batch or global_batch
    steps = max(choices.num_steps(manifest, global_batch=batch), 1)
    steps_of_epoch = max(num_steps(manifest.rows, global_batch=batch), 1)
    return TrainConfig(
        name=name,
        model=model,
        schedule=Schedule(peak=peak, total_steps=steps, kind=choices.schedule, warmup_steps=min(steps // 20, 500)),
        global_batch=batch,
        micro_batch=choices.micro_batch or micro_batch,
        epochs=-(-steps // steps_of_epoch),
        seed=choices.seed,
        checkpoint_steps=choices.checkpoint_steps,
        keep_checkpoints=max(choices.average_last, 4),
        average_last=choices.average_last,
        parallel=choices.over(parallel or ParallelConfig()),
    )
