"""Starts queued jobs while there is room, watches the running ones, and writes down how they ended.

All of it is `tick`, which may be killed at any line and called again, by this service or another one: the database
says what is wanted, the job's lock and exit file say what is (`pipelines.service.processes`). Jobs start in the order
they were queued in; one that does not fit yet is waited for, so that small ones never starve a large one.
"""

import logging
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.inputs.confinement import environment_of
from pipelines.service import memory, processes
from pipelines.service.jobs import Jobs
from pipelines.service.settings import ServiceSettings
from pipelines.service.tables import Job, State

LOG = logging.getLogger("gristmill.service")
ATTEMPT = (sys.executable, "-P", "-m", "pipelines.service.attempt")
"""Runs an attempt, given the job's folder; -P: what lies in that folder is no module."""


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """The queue's worker of one service; `owner` tells services apart."""

    settings: ServiceSettings
    jobs: Jobs
    command: Sequence[str] = ATTEMPT
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    owner: str = field(default_factory=lambda: process_name(os.getpid()))
    home: str = ""
    """Tells the folders of services apart: only in a job's own folder can a process of it be seen."""
    last_tick_ms: int = 0
    taken: dict[str, int] = field(default_factory=dict)
    """Bytes of memory that each running job was found to take when they were looked at last."""
    looked_ms: int = 0
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def tick(self) -> None:
        """Looks after every job once."""
        self._bury()
        lease = self.settings.lease_seconds
        for job in self.jobs.take_over(self.owner, gone=self._gone(), lease_seconds=lease, home=self.home):
            self._look_after(job)
        self.jobs.renew(self.owner, lease_seconds=lease)
        self._look_at_memory()
        self._start_queued()
        self.last_tick_ms = self.jobs.now_ms()

    def _bury(self) -> None:
        """Waits for the processes that ended, of jobs that another service took over too: none stays a zombie."""
        for job in [job for job, child in self.children.items() if child.poll() is not None]:
            del self.children[job]

    def folder(self, job: Job) -> Path:
        """Returns the folder of a job's own files."""
        return self.settings.jobs / job.id

    def _gone(self) -> list[str]:
        """Returns services of this machine that watch jobs and live no more: their leases need not be waited for."""
        here = f"{platform.node()}:"
        return [owner for owner in self.jobs.owners() if owner.startswith(here) and not _lives(owner)]

    def _look_after(self, job: Job) -> None:
        folder = self.folder(job)
        if processes.is_running(folder):
            self._stop_if_asked(job, folder)
            return
        if child := self.children.pop(job.id, None):
            child.wait()
        ended = processes.exit_of(folder, job.attempt)
        if ended is not None:
            self._ended(job, ended)
        else:
            self._vanished(job, folder)

    def _stop_if_asked(self, job: Job, folder: Path) -> None:
        if job.cancel_ms is None:
            return
        waited = (self.jobs.now_ms() - job.cancel_ms) / 1000
        if waited < self.settings.stop_seconds:
            processes.interrupt(folder)
        else:
            processes.kill(folder)

    def _ended(self, job: Job, ended: processes.Exit) -> None:
        counts = counts_of(Path(job.run)) if ended.code == 0 else None
        state: State = "done" if ended.code == 0 else "cancelled" if job.cancel_ms is not None else "failed"
        if self.jobs.finish(job, owner=self.owner, state=state, exit_code=ended.code, error=ended.error, counts=counts):
            LOG.info("job ended", extra={"job": job.id, "state": state, "exit_code": ended.code})

    def _vanished(self, job: Job, folder: Path) -> None:
        """The process was killed, or its service was before it started it: what it wrote stays, and it goes on."""
        processes.kill(folder)
        if job.cancel_ms is not None:
            self.jobs.finish(job, owner=self.owner, state="cancelled", exit_code=None, error=None)
        elif job.deaths >= self.settings.restarts:
            error = (
                f"its process was killed {job.deaths + 1} times; is there enough memory? What is written stays: retry"
            )
            self.jobs.finish(job, owner=self.owner, state="failed", exit_code=None, error=error)
        else:
            self.jobs.put_back(job, owner=self.owner)
        LOG.warning("process vanished", extra={"job": job.id, "attempt": job.attempt})

    def _look_at_memory(self) -> None:
        """Ends a job that takes more than it was queued with where there is no more: one a look, the worst first."""
        now = self.jobs.now_ms()
        if now - self.looked_ms < memory.LOOK_SECONDS * 1000:
            return
        watched, found = {job.id: job for job in self.jobs.watched_by(self.owner)}, memory.taken_by_folder()
        self.taken = {name: found.get(self.folder(job), 0) for name, job in watched.items()}
        self.looked_ms = now
        reserved = {name: job.memory_bytes for name, job in watched.items()}
        worst = memory.one_too_many(reserved, self.taken, most=self.settings.memory_bytes)
        if worst is not None:
            self._end_for_memory(watched[worst], self.taken.pop(worst))

    def _end_for_memory(self, job: Job, taken: int) -> None:
        processes.kill(self.folder(job))
        error = (
            f"expected at most {job.memory_bytes} bytes of memory, which it was queued with, and a quarter more, found "
            f"{taken}, and the service has no more to give. What is written stays: retry with a larger memory_bytes, "
            "or with fewer cores"
        )
        self.jobs.finish(job, owner=self.owner, state="failed", exit_code=None, error=error)
        LOG.warning("job took too much memory", extra={"job": job.id, "attempt": job.attempt, "bytes": taken})

    def _start_queued(self) -> None:
        watched = self.jobs.watched_by(self.owner)
        cores = self.settings.cores - sum(job.cores for job in watched)
        given = sum(memory.counted(job.memory_bytes, self.taken.get(job.id, 0)) for job in watched)
        left = self.settings.memory_bytes - given
        for job in self.jobs.queued(home=self.home):
            if job.cores > cores or job.memory_bytes > left:
                return
            if self._start(job):
                cores -= job.cores
                left -= job.memory_bytes

    def _start(self, job: Job) -> bool:
        lease = self.settings.lease_seconds
        attempt = self.jobs.claim(job, owner=self.owner, lease_seconds=lease, home=self.home)
        if attempt is None:
            return False
        try:
            child = processes.start(
                job,
                attempt=attempt,
                folder=self.folder(job),
                command=self.command,
                environment=self.environment | environment_of(self.settings.allowed, self.settings.model_servers),
                is_wanted=lambda: self.jobs.is_attempt(job.id, attempt, owner=self.owner),
            )
        except processes.AlreadyRunning:  # one of an earlier attempt: it is watched as this one
            LOG.warning("still running", extra={"job": job.id, "attempt": attempt})
            return True
        if child is None:  # this service slept, and another one took the job
            return False
        self.children[job.id] = child
        LOG.info("job started", extra={"job": job.id, "attempt": attempt, "pid": child.pid})
        return True


def counts_of(run: Path) -> dict[str, int] | None:
    """Returns the counts in a finished run's manifest."""
    counts = processes.read_json(run / "manifest.json").get("counts")
    if not isinstance(counts, dict):
        return None
    return {str(name): int(value) for name, value in counts.items()}


def process_name(pid: int) -> str:
    """Returns `host:pid:start` of a process of this machine; no later process has the same."""
    return f"{platform.node()}:{pid}:{start_ticks(pid)}"


def start_ticks(pid: int) -> int | None:
    """Returns when a process was started, in clock ticks since boot; None: there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _lives(owner: str) -> bool:
    _, pid, _ = owner.rsplit(":", 2)
    return process_name(int(pid)) == owner
