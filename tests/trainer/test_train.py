"""The training loop: the same losses however the work is spread, and after any crash."""

import dataclasses
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from curation.errors import SpecError, VerifyError
from pipelines.shards import export_shards
from tests.token_runs import documents, texts, with_turns, write_run
from tests.trainer.ranks import RankDied, RankGroup
from trainer.batch import Batch
from trainer.checkpoint import Checkpoints, finished, load, model_state, read_saved
from trainer.metrics import read_log
from trainer.model import Transformer
from trainer.parallel import ParallelConfig, Ranks
from trainer.presets import Choices, TrainConfig, preset_config
from trainer.shards import Shards, open_shards
from trainer.train import Trained, train

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5
"""Ranks add up the same float32 numbers in another order; the largest difference of a loss seen was 3e-8."""


def config_for(shards: Shards, **changed: object) -> TrainConfig:
    config = preset_config("tiny", shards.manifest, Choices(global_batch=8, micro_batch=2, checkpoint_steps=2))
    return dataclasses.replace(config, **changed)


def silent(_text: str) -> None:
    pass


def train_here(export: Path, output: Path, config: TrainConfig) -> Trained:
    torch.set_num_threads(1)
    return train(open_shards(export), config, output, tell=silent)


def train_on_ranks(export: Path, output: Path, config: TrainConfig) -> Trained:
    return train(open_shards(export), config, output, tell=silent)


def rows_and_losses(output: Path) -> tuple[list[tuple[object, ...]], list[float]]:
    lines = read_log(output)
    return [(line["step"], line["row_start"], line["row_end"]) for line in lines], [line["loss"] for line in lines]


def norms(output: Path) -> list[float]:
    """AdamW hides a wrong scale of gradients from the losses, but not from these."""
    return [line["gradient_norm"] for line in read_log(output)]


@pytest.fixture(scope="module")
def alone(trained_on: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of one process that was never disturbed."""
    output = tmp_path_factory.mktemp("alone") / "out"
    train_here(trained_on, output, config_for(open_shards(trained_on)))
    return output


def assert_same_run(output: Path, expected: Path) -> None:
    (rows, losses), (wanted_rows, wanted_losses) = rows_and_losses(output), rows_and_losses(expected)
    assert rows == wanted_rows, "each step, once, with the same rows"
    assert losses == pytest.approx(wanted_losses, rel=TOLERANCE)
    assert norms(output) == pytest.approx(norms(expected), rel=TOLERANCE)


def test_the_loss_falls(alone: Path):
    _, losses = rows_and_losses(alone)
    assert losses[-1] < losses[0] - 0.2, "the model learns"


@pytest.mark.parametrize(
    "spread",
    [
        (2, ParallelConfig(data="ddp")),
        (2, ParallelConfig(data="fsdp")),
        (2, ParallelConfig(tensor=2)),
        (4, ParallelConfig(data="ddp")),
        (4, ParallelConfig(data="fsdp", recompute=True)),
        (4, ParallelConfig(data="fsdp", tensor=2)),
    ],
    ids=["ddp-2", "fsdp-2", "tensor-2", "ddp-4", "fsdp-4", "fsdp-2-tensor-2"],
)
def test_losses_do_not_depend_on_how_the_work_is_spread(
    spread: tuple[int, ParallelConfig],
    trained_on: Path,
    alone: Path,
    tmp_path: Path,
    ranks: "Callable[[int], RankGroup]",
):
    world, parallel = spread
    config = config_for(open_shards(trained_on), parallel=parallel)
    ranks(world).call(train_on_ranks, trained_on, tmp_path / "out", config)
    assert_same_run(tmp_path / "out", alone)


def test_a_mixture_of_experts_has_the_same_losses_on_two_ranks(
    trained_on: Path, tmp_path: Path, ranks: "Callable[[int], RankGroup]"
):
    config = config_for(open_shards(trained_on))
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, num_experts=4, capacity_factor=1.0))
    train_here(trained_on, tmp_path / "one", config)
    ranks(2).call(train_on_ranks, trained_on, tmp_path / "two", config)
    assert_same_run(tmp_path / "two", tmp_path / "one")
    lines = read_log(tmp_path / "one")
    assert [line["dropped"] for line in lines] == [line["dropped"] for line in read_log(tmp_path / "two")]
    assert any(line["dropped"] for line in lines), "the capacity is an even share, so some find no slot"


class Deadly(Shards):
    """Shards whose reader is killed by `kill -9` at row `at`."""

    at = 0

    def rows(self, start: int, stop: int) -> Batch:
        if start <= self.at < stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().rows(start, stop)


def train_until_killed(export: Path, output: Path, config: TrainConfig, at: int) -> Trained:
    opened = open_shards(export)
    deadly = Deadly(opened.root, opened.manifest)
    deadly.at = at
    return train(deadly, config, output, tell=silent)


@pytest.mark.parametrize(("before", "after"), [(4, 3), (2, 4), (3, 1)])
def test_a_run_killed_anywhere_goes_on_with_other_ranks_to_the_same_losses(
    before: int, after: int, trained_on: Path, alone: Path, tmp_path: Path
):
    at = random.Random(before).randrange(20, len(open_shards(trained_on)))
    config = config_for(open_shards(trained_on))
    output = tmp_path / "out"
    with closing(RankGroup(before, tmp_path)) as group, pytest.raises(RankDied):
        group.call(train_until_killed, trained_on, output, config, at)
    (tmp_path / "store").unlink(missing_ok=True)
    assert len(read_log(output)) < len(read_log(alone)), "it was killed before its end"
    if after == 1:
        train_here(trained_on, output, config)
    else:
        with closing(RankGroup(after, tmp_path)) as group:
            group.call(train_on_ranks, trained_on, output, config)
    assert_same_run(output, alone)


def test_sigterm_saves_and_the_run_goes_on(trained_on: Path, alone: Path, tmp_path: Path):
    class Terminating(Shards):
        def rows(self, start: int, stop: int) -> Batch:
            if start == 24:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().rows(start, stop)

    opened = open_shards(trained_on)
    config = config_for(opened, checkpoint_steps=1000)
    stopped = train(Terminating(opened.root, opened.manifest), config, tmp_path, tell=silent)
    assert stopped.stopped
    assert 0 < stopped.step < stopped.steps
    assert [read_saved(folder).step for folder in finished(tmp_path / "checkpoints")] == [stopped.step]
    assert not train_here(trained_on, tmp_path, config).stopped
    assert_same_run(tmp_path, alone)


def test_a_flipped_bit_in_a_shard_is_refused_with_its_file_and_page(trained_on: Path, tmp_path: Path):
    copy = Path(shutil.copytree(trained_on, tmp_path / "copy"))
    last = open_shards(copy).files[-1]
    group = len(last.file.row_groups) - 1
    flip(last.path, last.file.row_groups[group].tokens_offset + 3)
    with pytest.raises(VerifyError, match=rf"{last.path.name}: row group {group}: expected tokens with CRC \d+, found"):
        train_here(copy, tmp_path / "out", config_for(open_shards(copy)))


def test_a_flipped_bit_in_a_checkpoint_is_refused_with_its_file(trained_on: Path, alone: Path, tmp_path: Path):
    output = Path(shutil.copytree(alone, tmp_path / "out"))
    newest = finished(output / "checkpoints")[-1]
    damaged = next(newest.glob("*.distcp"))
    flip(damaged, damaged.stat().st_size // 2)
    with pytest.raises(VerifyError, match=rf"{newest.name}/{damaged.name}: expected sha256 \w+, found \w+; the file"):
        train_here(trained_on, output, config_for(open_shards(trained_on)))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_finished_run_is_not_trained_again(trained_on: Path, alone: Path, tmp_path: Path):
    output = Path(shutil.copytree(alone, tmp_path / "out"))
    done = train_here(trained_on, output, config_for(open_shards(trained_on)))
    assert (done.step, done.loss) == (done.steps, None)
    assert_same_run(output, alone)


def test_checkpoints_of_another_configuration_are_refused(trained_on: Path, alone: Path):
    config = config_for(open_shards(trained_on), seed=1)
    with pytest.raises(SpecError, match=r"expected checkpoints of this configuration.*give another --output"):
        train_here(trained_on, alone, config)


def test_only_the_newest_checkpoints_stay_and_hold_the_place_in_the_data(alone: Path, trained_on: Path):
    saved = [read_saved(folder) for folder in finished(alone / "checkpoints")]
    config = config_for(open_shards(trained_on))
    assert len(saved) == config.keep_checkpoints
    assert saved[-1].data["next_row"] == len(open_shards(trained_on))
    assert not list((alone / "checkpoints").glob("unfinished-*"))


def test_the_average_is_the_mean_of_the_last_checkpoints(trained_on: Path, tmp_path: Path):
    config = config_for(open_shards(trained_on), average_last=2)
    train_here(trained_on, tmp_path, config)

    def weights_of(folder: Path) -> dict[str, "torch.Tensor"]:
        model = Transformer(config.model)
        load(read_saved(folder), {"model": model_state(model)})
        return model_state(model)

    with Ranks().joined():
        first, second = (weights_of(folder) for folder in finished(tmp_path / "checkpoints")[-2:])
        averaged = weights_of(finished(tmp_path / "averaged")[0])
    for name, weight in averaged.items():
        torch.testing.assert_close(weight, (first[name].double() + second[name].double()).float() / 2)


def test_the_log_tells_losses_by_stage_and_source_that_add_up(alone: Path, trained_on: Path):
    manifest = open_shards(trained_on).manifest
    stages, sources = set(), set()
    for line in read_log(alone):
        stages |= set(line["loss_by_stage"])
        sources |= set(line["loss_by_source"])
        lowest, highest = min(line["loss_by_source"].values()), max(line["loss_by_source"].values())
        assert lowest - 1e-6 <= line["loss"] <= highest + 1e-6, "a mean of means"
    assert (stages, sources) == ({stage.name for stage in manifest.stages}, set(manifest.sources))


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of texts and of conversations."""
    root = tmp_path_factory.mktemp("answered")
    talks = [
        f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n"
        for question, answer in zip(texts(8, seed=1), texts(8, seed=2), strict=True)
    ]
    request = write_run(root, [documents(texts(6)), with_turns(documents(talks, source="chat"), ["user", "assistant"])])
    return root / export_shards(request).folder


def test_only_answers_are_learnt_and_a_loss_is_the_mean_over_them(answered: Path, tmp_path: Path):
    shards = open_shards(answered)
    config = config_for(shards, global_batch=len(shards))
    train_here(answered, tmp_path, config)
    batch = shards.rows(0, len(shards))
    with torch.no_grad():
        tensors = [torch.from_numpy(part[:, :-1]) for part in (batch.segments(), batch.positions())]
        logits, _ = Transformer(config.model, seed=config.seed)(torch.from_numpy(batch.inputs()), *tensors)
    likelihood = (
        logits.float().log_softmax(-1).gather(-1, torch.from_numpy(batch.tokens_RC[:, 1:].astype("int64"))[..., None])
    )
    is_same = batch.documents()[:, 1:] == batch.documents()[:, :-1]
    counted = torch.from_numpy((batch.mask_RC[:, 1:] == 1) & is_same)
    (line,) = read_log(tmp_path)
    assert line["targets"] == int(counted.sum()) == shards.manifest.targets
    assert line["targets"] < shards.manifest.tokens * 0.8, "questions are not learnt"
    assert line["loss"] == pytest.approx(float(-likelihood[..., 0][counted].mean()), rel=1e-5)


@pytest.mark.parametrize("data", ["ddp", "fsdp"])
def test_in_bfloat16_losses_are_close_and_weights_stay_float32(
    data: str, trained_on: Path, alone: Path, tmp_path: Path, ranks: "Callable[[int], RankGroup]"
):
    config = config_for(open_shards(trained_on), parallel=ParallelConfig(data=data, precision="bf16"))
    ranks(2).call(train_on_ranks, trained_on, tmp_path / "out", config)
    (rows, losses), (wanted_rows, wanted) = rows_and_losses(tmp_path / "out"), rows_and_losses(alone)
    assert rows == wanted_rows
    assert losses == pytest.approx(wanted, rel=0.01)
    assert losses != pytest.approx(wanted, rel=TOLERANCE), "it is computed in another precision"
    model = Transformer(config.model)
    with Ranks().joined():
        load(read_saved(finished(tmp_path / "out" / "checkpoints")[-1]), {"model": model_state(model)})
    assert any((weight != weight.bfloat16().float()).any() for weight in model.parameters()), "kept in float32"


def test_training_goes_on_while_a_checkpoint_is_written_and_what_is_written_is_what_was_saved(tmp_path: Path):
    let_go = threading.Event()

    class Slow(Checkpoints):
        def _publish(self, *written: object) -> None:
            let_go.wait()
            super()._publish(*written)

    weights = {"weight": torch.zeros(1000)}
    with Ranks().joined():
        checkpoints = Slow(tmp_path, keep=1, config={})
        checkpoints.save(1, {"model": weights}, {"manifest_sha256": "00" * 32, "next_row": 8})
        weights["weight"] += 1
        assert finished(tmp_path) == [], "it is not there yet, and the loop was not held up"
        let_go.set()
        checkpoints.wait()
        place = load(read_saved(finished(tmp_path)[0]), {"model": weights})
    assert place["next_row"] == 8
    assert not weights["weight"].any(), "the weights of the step that was saved"
