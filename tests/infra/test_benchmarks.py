"""`make bench`: every script runs, also after one that misses its target."""

import os
import re
import subprocess
import time

MISSES = """#!/bin/sh
echo "$1" >> "$RAN"
case "$1" in *heuristics*|*privacy*) exit 1;; esac
"""


def test_make_bench_runs_every_script_and_names_at_the_end_those_that_missed(repository, tmp_path):
    venv, ran = tmp_path / "venv", tmp_path / "ran.txt"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").write_text(MISSES)
    (venv / "bin" / "python").chmod(0o755)
    (venv / ".dev-stamp").touch()
    os.utime(venv / ".dev-stamp", (time.time() + 60,) * 2)  # newer than what it is made from
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "bench", f"VENV={venv}"],
        cwd=repository,
        env=kept | {"RAN": str(ran)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "missed or failed: heuristics privacy\n" in done.stderr
    names = ran.read_text().split()
    assert len(names) == len(set(names))
    known = {
        f"infra/benchmarks/{path.name}"
        for path in (repository / "infra" / "benchmarks").glob("*.py")
        if re.search(r"^def main\(\)", path.read_text(), re.MULTILINE) and not path.stem.endswith("_side")
    }
    assert known - set(names) <= {"infra/benchmarks/scaling_rates.py"}, "scripts that `make bench` does not run"
