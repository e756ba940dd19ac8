"""`gristmill train` as a user meets it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from pipelines.command.main import main
from tests.pipelines.service.services import live, service_in
from trainer.command import train
from trainer.presets import PRESETS, Choices
from trainer.shards import open_shards

pytestmark = pytest.mark.slow


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of TensorBoard and what it imports
def test_a_run_is_trained_and_the_same_command_again_does_nothing(trained_on: Path, tmp_path: Path):
    torch.set_num_threads(1)
    run, out = trained_on.parents[1], tmp_path / "out"
    arguments = [str(run), "--preset", "tiny", "-o", str(out), "--precision", "bf16", "--average-last", "2"]
    first = CliRunner().invoke(train, arguments, catch_exceptions=False)
    assert first.stdout.strip() == str(out)
    log = (out / "metrics.jsonl").read_text()
    assert [json.loads(line)["step"] for line in log.splitlines()] == list(range(len(log.splitlines())))
    assert list((out / "tensorboard").iterdir()), "TensorBoard's events"
    assert list((out / "averaged").iterdir()), "the average of the last checkpoints"
    second = CliRunner().invoke(train, arguments, catch_exceptions=False)
    assert f"going on after step {len(log.splitlines())}" in second.stderr
    assert (out / "metrics.jsonl").read_text() == log


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_registered_training_of_so_many_steps_tells_the_service_of_each_loss_and_of_its_end(
    trained_on: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    torch.set_num_threads(1)
    service = service_in(tmp_path)
    monkeypatch.setenv("GRISTMILL_TOKEN", service.tokens.make("trainer", ("run",)))
    rows, out = len(open_shards(trained_on)), tmp_path / "out"
    steps = 3
    assert rows < 32 * steps, "more than an epoch"
    with live(service) as url:
        arguments = [str(trained_on), "-o", str(out), "--global-batch", "32", "--steps", str(steps), "--register", url]
        done = CliRunner().invoke(train, arguments, catch_exceptions=False)

    log = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["epoch"]) for line in log] == [(0, 0), (1, 0), (2, 1)]
    assert "step 3 of 3: loss" in done.stderr
    (training,) = service.trainings.page()
    assert (training.export, training.state, training.step, training.steps) == (trained_on.name, "done", 2, steps)
    assert (training.name, training.global_batch) == (str(out), 32)
    points = service.trainings.points(training.id)
    assert [(point.step, point.loss) for point in points] == [(line["step"], line["loss"]) for line in log]
    assert "does not take" not in done.stderr


def test_a_run_ends_with_the_step_that_reaches_a_number_of_tokens(trained_on: Path):
    manifest = open_shards(trained_on).manifest
    batch, length = manifest.rows // 2 + 1, manifest.sequence_length  # two steps an epoch, the second one short
    for tokens, steps in {
        1: 1,
        batch * length: 1,
        batch * length + 1: 2,
        manifest.rows * length: 2,
        manifest.rows * length + 1: 3,
    }.items():
        config = PRESETS["tiny"](manifest, Choices(tokens=tokens, global_batch=batch))
        assert (config.schedule.total_steps, config.epochs) == (steps, -(-steps // 2)), tokens


def test_two_ends_of_a_run_are_refused(trained_on: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["train", str(trained_on), "--steps", "1", "--epochs", "1"]) == 2
    assert "expected one of --epochs, --steps and --tokens, found several" in capsys.readouterr().err


def test_a_run_without_an_export_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["train", str(tmp_path)]) == 2
    told = capsys.readouterr().err.strip()
    assert told == f"error: {tmp_path}: expected a run with an export, found none; give its spec a `shards` section"


@pytest.mark.parametrize(("name", "least", "most"), [("125m", 100e6, 150e6), ("1b", 0.9e9, 1.3e9)])
def test_a_preset_is_as_large_as_its_name_says(name: str, least: float, most: float, trained_on: Path):
    import dataclasses

    from trainer.model import Transformer

    manifest = dataclasses.replace(open_shards(trained_on).manifest, vocab_size=50_000)
    config = PRESETS[name](manifest, Choices())
    with torch.device("meta"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transformer, "_draw", lambda *_: None)
        assert least < Transformer(config.model).num_parameters() < most
