"""docs/training.md does what it says."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `trainer` is not installed: bash infra/setup.sh trainer")

from tests.docs.pages import run_page

pytestmark = pytest.mark.slow


def test_the_page_on_training_trains_a_run(trained_on: Path, repository: Path, tmp_path: Path):
    shutil.copytree(trained_on.parents[1], tmp_path / "run")
    outputs = run_page(repository / "docs" / "training.md", tmp_path)
    assert "step-" in outputs[0]
    assert "steps, loss 5." in outputs[1], "an untrained model knows nothing: the logarithm of its vocabulary"
    assert "eval.html" in outputs[2]
