"""What a run tells of itself: spikes with their documents, a log with each step once, sources of labels."""

import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from trainer.batch import IGNORE
from trainer.metrics import (
    Log,
    StepLoss,
    documents_behind,
    flops_per_label,
    is_spike,
    losses_told,
    read_log,
    sources_of,
)
from trainer.model import ModelConfig
from trainer.shards import Shards

pytestmark = pytest.mark.slow


def test_a_jump_is_a_spike_and_a_falling_noisy_loss_is_none():
    draw = random.Random(1)
    losses = [4 * 0.999**step + draw.gauss(0, 0.03) for step in range(200)]
    told = [step for step in range(200) if is_spike(losses[step], losses[:step])]
    assert told == []
    assert is_spike(losses[-1] + 1, losses)
    assert is_spike(math.nan, []), "a loss that is no number, at any time"
    assert not is_spike(9.0, losses[:15]), "too few steps to know what is usual"


def test_a_spike_names_the_documents_of_its_worst_row_first(shards: Shards):
    rows = range(8, 12)
    loss = step_loss(np.array([1.0, 50.0, 2.0, 3.0]), shards)
    told = documents_behind(shards, rows, loss)
    assert [row["row"] for row in told] == [9, 11, 10, 8]
    pieces = shards.documents(9)
    assert told[0]["documents"] == [
        {"doc_id": piece.doc_id.hex(), "source": piece.source, "tokens": piece.length} for piece in pieces
    ]


def step_loss(loss_G: np.ndarray, shards: Shards) -> StepLoss:
    sources = np.zeros(len(shards.manifest.sources))
    return StepLoss(
        loss_G=loss_G,
        targets_G=np.ones(len(loss_G)),
        source_loss_S=sources,
        source_targets_S=sources,
        balance=0.0,
        dropped=0.0,
    )


def test_a_step_across_two_stages_has_a_loss_for_each(shards: Shards):
    border = shards.manifest.stages[0].row_end
    told = losses_told(shards, range(border - 1, border + 1), step_loss(np.array([1.0, 3.0]), shards))
    names = [stage.name for stage in shards.manifest.stages]
    assert told["loss_by_stage"] == {names[0]: 1.0, names[1]: 3.0}
    assert told["loss"] == 2.0


def test_each_label_has_the_source_of_its_document(shards: Shards):
    batch = shards.rows(0, len(shards))
    found, labels = sources_of(batch), batch.labels()
    for row in range(len(shards)):
        names = [piece.source for piece in shards.documents(row) for _ in range(piece.length)][1:]
        for at, name in enumerate(names):
            assert shards.manifest.sources[found[row, at]] == name
    assert (found[labels != IGNORE] >= 0).all()


def test_a_log_forgets_what_lies_after_its_checkpoint_and_a_line_cut_short(tmp_path: Path):
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in range(5)) + '{"step": 5, "lo')
    log = Log(tmp_path, step=3)
    log.write({"step": 3, "loss": 2.0})
    log.close()
    assert [(line["step"], line["loss"]) for line in read_log(tmp_path)] == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0)]


def test_operations_of_a_token_follow_the_published_formula():
    config = ModelConfig(
        vocab_size=10, dim=8, num_layers=2, num_heads=2, num_kv_heads=1, ffn_dim=16, pattern=("global",)
    )
    assert flops_per_label(config, num_parameters=1000, sequence_length=64) == 6 * 1000 + 12 * 2 * 8 * 64
