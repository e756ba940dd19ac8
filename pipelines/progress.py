"""Progress of a run: what the driver tells, and two listeners: silence, and lines on a stream.

On a terminal one line is refreshed while a stage runs; elsewhere a plain line is written when a stage ends, and one
every half minute while it lasts. Neither uses colour.
"""

import contextlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TextIO

PLAIN_SECONDS = 30.0
POLL_SECONDS = 0.5
CLEAR = "\r\x1b[2K"


class Progress(Protocol):
    """Told about stages by the driver."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """Begins a stage of `total` units: `bytes`, `parts` or `keys`."""
        ...

    def update(self, done: int) -> None:
        """Says how much of the stage is done, units of earlier attempts included."""
        ...

    def finish(self, summary: str) -> None:
        """Ends the stage."""
        ...


@dataclass(frozen=True, slots=True)
class _Silent:
    def start(self, stage: str, total: int, unit: str) -> None:
        pass

    def update(self, done: int) -> None:
        pass

    def finish(self, summary: str) -> None:
        pass


def silent() -> Progress:
    """Returns a listener that says nothing."""
    return _Silent()


@dataclass(slots=True, kw_only=True)
class _Stage:
    """The stage that runs; `before` was done by earlier attempts and counts for no speed."""

    name: str
    total: int
    unit: str
    started: float
    before: int | None = None
    done: int = 0
    told: float = 0.0


@dataclass(slots=True)
class LineProgress:
    """Writes progress as lines to `stream`; `clock` counts seconds."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    clock: Callable[[], float] = time.monotonic
    _stage: _Stage | None = None

    @property
    def _is_live(self) -> bool:
        return self.stream.isatty() and os.environ.get("TERM") != "dumb"

    def start(self, stage: str, total: int, unit: str) -> None:
        """Begins a stage."""
        now = self.clock()
        self._stage = _Stage(name=stage, total=total, unit=unit, started=now, told=now)
        if self._is_live:
            self._write(f"{CLEAR}{stage:10} ...")

    def update(self, done: int) -> None:
        """Shows how far the stage is."""
        stage = self._stage
        if stage is None:
            return
        if stage.before is None:
            stage.before = done
        stage.done = done
        now = self.clock()
        line = f"{stage.name:10} {_going(stage, now - stage.started)}"
        if self._is_live:
            self._write(CLEAR + line[: shutil.get_terminal_size().columns - 1])
        elif now - stage.told >= PLAIN_SECONDS:
            stage.told = now
            self._write(f"{line}\n")

    def finish(self, summary: str) -> None:
        """Ends the stage with one line that stays."""
        stage, self._stage = self._stage, None
        if stage is None:
            return
        seconds = self.clock() - stage.started
        speed = f", {_speed(stage.total - (stage.before or 0), seconds, stage.unit)}" if stage.unit == "bytes" else ""
        clear = CLEAR if self._is_live else ""
        self._write(f"{clear}{stage.name:10} {summary} in {duration(seconds)}{speed}\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


def _going(stage: _Stage, seconds: float) -> str:
    """Returns e.g. ` 42%  12.5 MB/s  8 s left`."""
    share = min(stage.done / stage.total, 1.0) if stage.total else 1.0
    new = stage.done - (stage.before or 0)
    left = f"{duration((stage.total - stage.done) * seconds / new)} left" if new > 0 else "..."
    return f"{share:4.0%}  {_speed(new, seconds, stage.unit)}  {left}"


def _speed(units: int, seconds: float, unit: str) -> str:
    rate = units / max(seconds, 1e-6)
    return f"{rate / 1e6:.1f} MB/s" if unit == "bytes" else f"{rate:.1f} {unit}/s"


@dataclass(slots=True)
class StageCpu:
    """Adds up the CPU seconds of this process by stage; says nothing."""

    seconds: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _started: float = 0.0

    def start(self, stage: str, total: int, unit: str) -> None:
        """Begins a stage."""
        self._stage, self._started = stage, time.process_time()

    def update(self, done: int) -> None:
        """Is of no use here."""

    def finish(self, summary: str) -> None:
        """Ends the stage."""
        taken = time.process_time() - self._started
        self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + taken


@contextlib.contextmanager
def watched(progress: Progress, stage: str, unit: str, total: int, published: Callable[[], int]) -> Iterator[None]:
    """Reports a stage from what workers have `published` of `total` units, until the block ends."""
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(POLL_SECONDS):
            progress.update(published())

    progress.start(stage, total, unit)
    watcher = threading.Thread(target=poll, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


def duration(seconds: float) -> str:
    """Returns e.g. `8.2 s`, `3 min 20 s` or `2 h 5 min`."""
    if seconds < 60:  # noqa: PLR2004 - units of time
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
