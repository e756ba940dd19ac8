"""Training that takes minutes: compiled models, and agents of torchrun that are killed."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from pipelines.shards import export_shards
from tests.token_runs import documents, texts, write_run
from trainer.metrics import read_log
from trainer.presets import Choices, preset_config
from trainer.shards import open_shards
from trainer.train import train

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    return root / export_shards(write_run(root, [documents(texts(40))])).folder


def test_a_compiled_model_has_the_losses_of_one_that_is_not(export: Path, tmp_path: Path):
    shards = open_shards(export)
    for name, is_compiled in (("plain", False), ("compiled", True)):
        config = preset_config("tiny", shards.manifest, Choices(compile=is_compiled))
        train(shards, config, tmp_path / name, tell=lambda _text: None)
    losses = [[line["loss"] for line in read_log(tmp_path / name)] for name in ("plain", "compiled")]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


KILLED = """
import os, pathlib, signal, sys
from trainer.shards import Shards
from pipelines.command.main import main
real, mark, agent_too = Shards.rows, pathlib.Path(sys.argv[2], "killed"), sys.argv[3] == "agent"
def rows(self, start, stop):
    if start > 60 and os.environ["RANK"] == "1" and not mark.exists():
        mark.touch()
        if agent_too:
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, start, stop)
Shards.rows = rows
code = main(["train", sys.argv[1], "-o", sys.argv[2], "--checkpoint-steps", "2"])
if code == 0:
    pathlib.Path(sys.argv[2], "ended-of-" + os.environ["WORLD_SIZE"]).touch()
sys.exit(code)
"""
"""Trains; the first process of rank 1 that comes to row 60 kills itself, and its agent where it is told so."""


def torchrun(export: Path, folder: Path, *options: str, kills: str) -> "subprocess.Popen[str]":
    (folder / "out").mkdir(exist_ok=True)
    (folder / "killed_once.py").write_text(KILLED)
    command = [sys.executable, "-m", "torch.distributed.run", *options]
    command += [str(folder / "killed_once.py"), str(export), str(folder / "out"), kills]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def assert_undisturbed(export: Path, folder: Path) -> None:
    """Rows and losses are those of a run of one process that nobody disturbed."""
    assert (folder / "out" / "killed").exists()
    shards = open_shards(export)
    train(shards, preset_config("tiny", shards.manifest, Choices()), folder / "alone", tell=lambda _text: None)
    found, wanted = (read_log(folder / name) for name in ("out", "alone"))
    assert [line["row_start"] for line in found] == [line["row_start"] for line in wanted]
    assert [line["loss"] for line in found] == pytest.approx([line["loss"] for line in wanted], rel=1e-4)


def test_torchrun_starts_again_after_a_rank_was_killed(export: Path, tmp_path: Path):
    run = torchrun(export, tmp_path, "--standalone", "--nproc-per-node", "2", "--max-restarts", "1", kills="rank")
    _, told = run.communicate(timeout=600)
    assert run.returncode == 0, told[-3000:]
    assert_undisturbed(export, tmp_path)


def test_torchrun_goes_on_with_fewer_ranks_after_an_agent_is_gone(export: Path, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--nnodes", "1:2", "--nproc-per-node", "1", "--max-restarts", "3", "--rdzv-backend", "c10d"]
    options += ["--rdzv-id", "elastic", "--rdzv-endpoint", f"127.0.0.1:{port}", "--local-addr", "127.0.0.1"]
    conf = "last_call_timeout=5,keep_alive_interval=1,keep_alive_max_attempt=3"
    agents = [
        torchrun(export, tmp_path, *options, "--rdzv-conf", f"{conf},is_host={is_host}", kills="agent")
        for is_host in ("true", "false")
    ]
    told = [agent.communicate(timeout=600)[1] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, -signal.SIGKILL], "\n".join(text[-3000:] for text in told)
    assert [path.name for path in (tmp_path / "out").glob("ended-of-*")] == ["ended-of-1"], "one rank was left"
    assert_undisturbed(export, tmp_path)
