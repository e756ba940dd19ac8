"""A real service with real runs, whose processes a test kills."""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from pipelines.service import processes
from tests.conftest import REPOSITORY
from tests.pipelines.service.services import until
from tests.token_runs import texts

SPEC = """
job: small
inputs: {lines: {files: [lines.txt], document: line}}
signals: [statistics]
dedup: {near: null}
validation: {fraction: 0.1}
shards: {tokenizer: tokenizer.json, sequence_length: 64}
runner: {mode: in_memory}
"""
READY_SECONDS = 120.0
STAGES = ("start", "measure", "judge", "link", "decide", "tokenize", "emit")
STAGE_SECONDS = 0.5
"""A kill comes at most so long after a run was seen in a stage."""


@dataclass(slots=True)
class RealService:
    """`gristmill serve` in a process, on a folder and a port that stay the same when it is started again."""

    folder: Path
    cores: int = 1
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    token: str = ""

    def start(self) -> None:
        """Starts it and waits until it answers."""
        arguments = ["serve", "--data", "service", "--runs", "runs", "--root", "files", "--port", str(self.port)]
        arguments += ["--cores", str(self.cores), "--memory-gib", "64", "--restarts", "1000"]
        with (self.folder / "serve.log").open("ab") as log:
            command = [sys.executable, "-m", "pipelines.command.main", *arguments]
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=self.environment)
        until(self.answers, seconds=READY_SECONDS)

    def answers(self) -> bool:
        """Whether it is ready."""
        with contextlib.suppress(OSError):
            return bool(self.ask("/readyz"))
        return False

    def ask(
        self, path: str, body: dict[str, object] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, object]:
        """Sends a GET, or a POST with `body`, and returns the JSON answer."""
        data = None if body is None else json.dumps(body).encode()
        names = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data=data, headers=names | dict(headers or {})
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        return found if isinstance(found, dict) else {"list": found}

    def jobs_in(self, state: str) -> list[dict[str, object]]:
        """Returns the jobs in a state."""
        return cast("list[dict[str, object]]", self.ask(f"/api/jobs?state={state}&count=200")["jobs"])

    def kill(self) -> None:
        """Kills it with SIGKILL."""
        assert self.process is not None, "it was started"
        self.process.kill()
        self.process.wait()

    def job_folder(self, job: str) -> Path:
        """Folder of a job's own files."""
        return self.folder / "service" / "jobs" / job

    def kill_run(self, job: str) -> bool:
        """Kills the process of a job's run with SIGKILL; False: it has none."""
        found = processes.members(self.job_folder(job))
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(found)

    def wait(self, job: str, *, seconds: float = 300.0) -> dict[str, object]:
        """Waits until a job has ended and returns it."""
        end = time.monotonic() + seconds
        while (found := self.ask(f"/api/jobs/{job}"))["state"] in ("queued", "running"):
            assert time.monotonic() < end, f"{found}: waited in vain"
            time.sleep(0.1)
        return found


def input_files(folder: Path) -> Path:
    """Writes what SPEC names to a folder `files` and returns it."""
    files = folder / "files"
    files.mkdir(parents=True)
    (files / "lines.txt").write_text("\n".join(texts(300)) + "\n")
    shutil.copy(REPOSITORY / "pipelines/jobs/quickstart/tokenizer.json", files / "tokenizer.json")
    return files


@contextlib.contextmanager
def real_service(folder: Path, *, cores: int = 1) -> Iterator[RealService]:
    """Yields a service that runs; at the end it is killed, and so is every run that is left."""
    input_files(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = RealService(folder=folder, cores=cores, port=port)
    service.start()
    try:
        yield service
    finally:
        service.kill()
        for job in (folder / "service" / "jobs").iterdir():
            service.kill_run(job.name)


def export_digests(run: str) -> str:
    """Returns the digests of every file of a run's newest export, and its name."""
    name = Path(run, "exports/latest").read_text().strip()
    return name + "\n" + Path(run, "exports", name, "MANIFEST.sha256").read_text()


def times_finished(run: str) -> int:
    """Returns how often a run was carried to its end, by its ledger."""
    lines = [line for file in Path(run, "ledger").glob("events-*.jsonl") for line in file.read_text().splitlines()]
    return sum(json.loads(line)["event"] == "finished" for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """A kill that met a run at work: of the service above it, or of the run itself, in a stage of its job."""

    of: Literal["service", "run"]
    stage: str


def at_random_moments(service: RealService, *, kills: int, seed: int) -> tuple[list[Kill], list[str]]:
    """Kills the service or a run while runs work, so often, and starts the service again.

    A stage is drawn, and a moment soon after some run is seen in it: the start takes most of so small a run, and most
    moments of its time would fall into it. Where the run has ended by then, or ends while the kill is on its way, that
    one does not count and another is drawn.

    Returns:
        The kills, and the jobs, of which enough were submitted that some always waited.
    """
    draw = random.Random(seed)
    jobs: list[str] = []
    done: list[Kill] = []
    while len(done) < kills:
        job = _found_in(service, jobs, draw.choice(STAGES))
        time.sleep(draw.uniform(0.0, STAGE_SECONDS))
        stage = working(service, [job]).get(job)
        if stage is None:
            continue
        if draw.random() < 0.5:
            service.kill()
            done += [Kill(of="service", stage=stage)] if job in working(service, [job]) else []
            service.start()
        elif service.kill_run(job):
            done.append(Kill(of="run", stage=stage))
    return done, jobs


def _found_in(service: RealService, jobs: list[str], stage: str) -> str:
    """Waits until a run is seen in a stage and returns its job; submits jobs so that some always wait."""
    end = time.monotonic() + READY_SECONDS
    while True:
        active = [str(job["id"]) for state in ("queued", "running") for job in service.jobs_in(state)]
        jobs += [str(service.ask("/api/jobs", {"spec": SPEC, "cores": 1})["id"]) for _ in range(3 - len(active))]
        for _ in range(50):
            found = [job for job, at in working(service, active).items() if at == stage]
            if found:
                return found[0]
            time.sleep(0.01)
        assert time.monotonic() < end, f"{stage}: waited in vain"


def working(service: RealService, jobs: list[str]) -> dict[str, str]:
    """Returns the jobs that have a process which has said who it is and not how it ended, with the stage they are in."""
    found = {}
    for job in jobs:
        folder = service.job_folder(job)
        attempt = processes.read_json(folder / processes.PROCESS).get("attempt")
        has_ended = processes.exit_of(folder, int(str(attempt or 0))) is not None
        if attempt is not None and not has_ended and processes.is_running(folder):
            now = processes.read_json(folder / processes.PROGRESS).get("now")
            found[job] = str(now.get("stage") or "start") if isinstance(now, dict) else "start"
    return found
