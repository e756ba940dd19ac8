"""Review of a run from the service: documents sent by a person, and `gristmill review` where a server is asked.

Packages meet on disk, so Label Studio is reached as at the command line: a process of `gristmill review push` or
`pull`, which finds the server and its token in this process's environment. Both may be killed and done again. What the
last one said lies beside the job, for its page.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from curation.text.safe import visible
from pipelines.rundir import open_run
from pipelines.sending import Sent, ids_of, send_to_review
from pipelines.service.processes import read_json, write_file
from pipelines.service.run_queries import TooSlow, newest
from pipelines.service.tables import Job

COMMAND = (sys.executable, "-P", "-m", "pipelines.command.main", "review")
SECONDS = 60.0
AT_ONCE = threading.BoundedSemaphore(2)
LAST = "review.json"
MAX_MESSAGE = 2000
Errand = Literal["push", "pull"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What `gristmill review push` or `pull` did last for a run."""

    errand: Errand
    worked: bool
    message: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewing:
    """Reviews of the jobs of a service; `command` is what `push` and the run's path are added to."""

    command: Sequence[str] = COMMAND

    def send(self, job: Job, digits: Sequence[str]) -> Sent:
        """Asks people about documents, given by their ids in hex; as `pipelines.sending.send_to_review`."""
        return send_to_review(open_run(job.run), ids_of(digits), decided=newest(job.run))

    def ask_server(self, job: Job, errand: Errand, *, folder: Path, now_ms: int) -> Ran:
        """Puts a run's questions into Label Studio, or fetches what was answered; notes in `folder` what it said.

        Raises:
            TooSlow: two of these run already.
        """
        if not AT_ONCE.acquire(timeout=1):
            raise TooSlow("other reviews are pushed or pulled; ask again")
        try:
            worked, message = self._run(errand, job.run)
        finally:
            AT_ONCE.release()
        ran = Ran(errand=errand, worked=worked, message=visible(message, limit=MAX_MESSAGE), at_ms=now_ms)
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / LAST, json.dumps(asdict(ran)).encode())
        return ran

    def _run(self, errand: Errand, run: str) -> tuple[bool, str]:
        try:
            done = subprocess.run(  # noqa: S603 - this Python, and a folder of ours
                [*self.command, errand, run],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                env={**os.environ, "NO_COLOR": "1"},
            )
        except subprocess.TimeoutExpired:
            return False, f"the review server took more than {SECONDS:g} s; what was done stays, so ask again"
        said = done.stdout if done.returncode == 0 else done.stderr
        return done.returncode == 0, " · ".join(said.decode(errors="replace").split("\n")).strip(" ·")


def last_of(folder: Path) -> Ran | None:
    """Returns what was done last, None before the first time."""
    content = read_json(folder / LAST)
    return Ran(**content) if content else None  # type: ignore[arg-type]
