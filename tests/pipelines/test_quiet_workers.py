"""What a run says on stderr: our progress and, when it fails, one last line; nothing of Beam's."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRESS = re.compile(r"(measure|judge|link|decide) +\S.* in [0-9].* s.*")


def run(folder, mode, workers):
    program = "import sys; from pipelines.command.main import main; sys.exit(main())"
    arguments = ["run", "data.jsonl", "-o", "run", "--set", f"runner.mode={mode}", "--set", f"runner.workers={workers}"]
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "workers"), [("in_memory", 1), ("multi_threading", 2), ("multi_processing", 1)])
def test_stderr_has_only_progress_and_after_a_failure_only_our_last_line(tmp_path, mode, workers):
    """One worker process prints what each of several would; it takes 3 s to start, and each stage starts its own."""
    (tmp_path / "data.jsonl").write_text('{"text": "one small document"}\n')
    done = run(tmp_path, mode, workers)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    stages = dict.fromkeys(line.split()[0] for line in lines)  # one that lasts half a minute speaks more than once
    assert list(stages) == ["measure", "judge", "link", "decide"]
    assert all(PROGRESS.fullmatch(line) for line in lines), done.stderr

    (part,) = (tmp_path / "run" / "measured").iterdir()
    part.write_bytes(b"not what the unit would write")
    (tmp_path / "run" / "accounts" / part.name).unlink()
    (tmp_path / "run" / "manifest.json").unlink()
    failed = run(tmp_path, mode, workers)
    assert failed.returncode == 1
    (line,) = failed.stderr.splitlines()
    assert re.fullmatch(
        rf"error: measured/{part.name}: written before with sha256 [0-9a-f]{{16}}, now [0-9a-f]{{16}}; "
        "the same work unit must give the same bytes: remove the run directory and report this",
        line,
    )
