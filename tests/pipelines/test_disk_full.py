"""A disk that is full while a run writes: exit 1 with a clear last line, and the run goes on when there is room."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.verify import verify_run

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "pipelines" / "jobs" / "quickstart.yaml"
ROOM_BYTES = 60_000  # the first work units fit, larger parts do not


def run(output, *, room=None):
    program = "import sys; from pipelines.command.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, "run", str(QUICKSTART), "-o", str(output), "--limit", "300"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=200, check=False,
        preexec_fn=None if room is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
    )  # fmt: skip


@pytest.mark.slow
def test_a_file_that_cannot_be_written_stops_the_run_with_a_clear_last_line_and_loses_nothing(tmp_path):
    full = run(tmp_path / "run", room=ROOM_BYTES)
    assert full.returncode == 1
    last = full.stderr.strip().splitlines()[-1]
    assert "cannot write: File too large; free space or rights, then run again" in last
    assert not (tmp_path / "run" / "manifest.json").exists()
    assert list((tmp_path / "run").rglob(".tmp-*")) == []
    again = run(tmp_path / "run")
    assert again.returncode == 0, again.stderr
    assert verify_run(str(tmp_path / "run")) == []
