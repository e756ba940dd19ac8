"""Training that takes minutes: compiled models, and agents of torchrun that are killed."""

import os
import shutil
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


def test_torchrun_starts_again_after_a_rank_was_killed(export: Path, tmp_path: Path):
    shutil.copytree(export, tmp_path / "export")
    program = tmp_path / "killed_once.py"
    program.write_text(
        "import os, pathlib, signal, sys\n"
        "from trainer.shards import Shards\n"
        "from pipelines.command.main import main\n"
        "real, mark = Shards.rows, pathlib.Path(sys.argv[2], 'killed')\n"
        "def rows(self, start, stop):\n"
        "    if start > 60 and os.environ['RANK'] == '1' and not mark.exists():\n"
        "        mark.touch()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(self, start, stop)\n"
        "Shards.rows = rows\n"
        "sys.exit(main(['train', sys.argv[1], '-o', sys.argv[2], '--checkpoint-steps', '2']))\n"
    )
    (tmp_path / "out").mkdir()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "--max-restarts", "1", str(program), str(tmp_path / "export"), str(tmp_path / "out")]
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "out" / "killed").exists()
    shards = open_shards(export)
    train(shards, preset_config("tiny", shards.manifest, Choices()), tmp_path / "alone", tell=lambda _text: None)
    found, wanted = (read_log(tmp_path / name) for name in ("out", "alone"))
    assert [line["row_start"] for line in found] == [line["row_start"] for line in wanted]
    assert [line["loss"] for line in found] == pytest.approx([line["loss"] for line in wanted], rel=1e-4)
