"""The process of one attempt of a job: `python -m pipelines.service.attempt <job folder>`.

It does what `gristmill run` or `resume` does, tells how far it is in `progress.json`, and ends by writing its exit
code. It holds the job's lock as long as it lives (`pipelines.service.processes`), so it needs no service above it.
"""

import contextlib
import json
import logging
import os
import shutil
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from pipelines.command.main import explained
from pipelines.command.speaking import say
from pipelines.inputs import confinement
from pipelines.progress import LineProgress
from pipelines.service.processes import ORDER, PLAN, PROCESS, PROGRESS, SPEC, Order, read_json, write_file
from pipelines.spec import JobSpec

PROGRESS_SECONDS = 0.5
OOM_SCORE = "500"
MAX_POINTS = 60
PLAN_SAMPLE_BYTES = 32 << 20


@dataclass(slots=True)
class FileProgress:
    """Tells progress as lines on stderr, and in a file for whoever watches the job."""

    path: Path
    attempt: int
    lines: LineProgress = field(default_factory=LineProgress)
    _stage: dict[str, object] = field(default_factory=dict)
    _ended: list[dict[str, object]] = field(default_factory=list)
    _points: list[list[int]] = field(default_factory=list)
    _written: float = 0.0

    def start(self, stage: str, total: int, unit: str) -> None:
        """Begins a stage."""
        self.lines.start(stage, total, unit)
        self._stage = {"stage": stage, "total": total, "done": 0, "unit": unit, "started_ms": _now_ms()}
        self._points = [[_now_ms(), 0]]
        self._write()

    def update(self, done: int) -> None:
        """Says how far the stage is."""
        self.lines.update(done)
        self._stage["done"] = done
        if time.monotonic() - self._written >= PROGRESS_SECONDS:
            self._note(done)
            self._write()

    def _note(self, done: int) -> None:
        """Keeps how far the stage is at this time; of many points, every second one is forgotten."""
        self._points.append([_now_ms(), done])
        if len(self._points) > MAX_POINTS:
            self._points = self._points[::2]

    def finish(self, summary: str) -> None:
        """Ends the stage."""
        self.lines.finish(summary)
        self._note(int(str(self._stage.get("total", 0))))
        named = {name: self._stage.get(name) for name in ("stage", "started_ms", "total")}
        self._ended.append(named | {"summary": summary, "finished_ms": _now_ms(), "points": self._points})
        self._stage = {}
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        now = {**self._stage, "points": self._points} if self._stage else {}
        content = {"attempt": self.attempt, "now": now, "ended": self._ended}
        write_file(self.path, json.dumps(content).encode(), durable=False)


def _now_ms() -> int:
    return int(time.time() * 1000)


def main(folder: Path) -> int:
    """Carries out the order in a job's folder and returns the exit code, which it also writes there."""
    logging.basicConfig(level=logging.ERROR)  # as the command line: Beam warns of extras that nobody asked for
    order = Order(**cast("dict[str, Any]", read_json(folder / ORDER)))
    write_file(folder / PROCESS, json.dumps({"pid": os.getpid(), "attempt": order.attempt}).encode())
    with contextlib.suppress(OSError):  # where memory ends, the system is to kill a run and not its service
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    message, code = "", 0
    try:
        _carry_out(order, folder)
    except BaseException as error:  # as on the command line, any error becomes a message and a code
        message, code = explained(error)
        say(message)
    ending = {"code": code, "error": message or None}
    write_file(folder / f"exit-{order.attempt}.json", json.dumps(ending).encode())
    return code


def _carry_out(order: Order, folder: Path) -> None:
    from pipelines.job import run_job  # noqa: PLC0415 - what cannot be imported is told like any other error
    from pipelines.resuming import resume_run  # noqa: PLC0415
    from pipelines.spec_file import parse_spec  # noqa: PLC0415

    progress = FileProgress(folder / PROGRESS, order.attempt)
    if order.action == "resume":
        resume_run(order.run, progress=progress)
        return
    base = Path(order.folder)
    settings = tuple(order.settings)
    spec = parse_spec((folder / SPEC).read_bytes(), name=SPEC, settings=settings, folder=base)
    if order.action == "plan":
        _plan(spec, base, folder)
        return
    workers = spec.runner.workers or order.cores
    run_job(
        replace(spec, runner=replace(spec.runner, workers=workers)),
        spec_path=base / SPEC,
        output=order.run,
        limit=order.sample_documents,
        settings=settings,
        progress=progress,
    )


def _plan(spec: JobSpec, base: Path, folder: Path) -> None:
    """Writes a forecast; the runs that it makes of a sample lie in the job's folder, which its own process may read."""
    from pipelines.planning import forecast  # noqa: PLC0415

    scratch = folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)  # of an attempt that was killed
    scratch.mkdir()
    confinement.allow(scratch)
    facts = forecast(spec, root=base, sample_bytes=PLAN_SAMPLE_BYTES, scratch=scratch).facts()
    scratch.rmdir()
    write_file(folder / PLAN, json.dumps(facts).encode())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
