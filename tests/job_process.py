"""A run in a process of its own, so that it can be killed."""

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
from pipelines.job import run_job
from pipelines.progress import silent
from pipelines.spec_file import load_spec
spec = Path(sys.argv[1])
run_job(load_spec(spec), spec_path=spec, output=sys.argv[2], limit=None, settings=(), progress=silent())
"""
REPOSITORY = Path(__file__).parents[1]


def started(spec: Path, output: Path) -> subprocess.Popen[bytes]:
    """Starts the job of a spec and returns its process."""
    command = [sys.executable, "-c", PROGRAM, str(spec), str(output)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
