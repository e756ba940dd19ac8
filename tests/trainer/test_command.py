"""`gristmill train` as a user meets it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from pipelines.command.main import main
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
