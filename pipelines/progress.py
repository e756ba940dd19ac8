"""Progress of a run: what the driver tells, and three listeners: silence, plain lines, one refreshed line."""

import sys
import time
from dataclasses import dataclass, field
from typing import Protocol, TextIO


class Progress(Protocol):
    """Told about stages by the driver; `done` and `total` are absolute, `unit` is `bytes` or `parts`."""

    def start(self, stage: str, total: int, unit: str) -> None: ...
    def update(self, done: int) -> None: ...
    def finish(self, summary: str) -> None: ...


@dataclass(slots=True)
class _Silent:
    def start(self, stage: str, total: int, unit: str) -> None: ...
    def update(self, done: int) -> None: ...
    def finish(self, summary: str) -> None: ...


def silent() -> Progress:
    """Returns a listener that says nothing."""
    return _Silent()


@dataclass(slots=True)
class LineProgress:
    """Writes a line per finished stage; on a terminal one line is refreshed while a stage runs."""

    stream: TextIO = field(default_factory=lambda: sys.stderr)
    _stage: str = ""
    _total: int = 0
    _unit: str = ""
    _started: float = 0.0

    def start(self, stage: str, total: int, unit: str) -> None:
        """Begins a stage."""
        self._stage, self._total, self._unit, self._started = stage, total, unit, time.monotonic()
        self.update(0)

    def update(self, done: int) -> None:
        """Shows how far the stage is, on a terminal only."""
        if self.stream.isatty():
            seconds = max(time.monotonic() - self._started, 1e-6)
            self.stream.write(f"\r\x1b[2K{self._stage:10} {progress_text(done, self._total, self._unit, seconds)}")
            self.stream.flush()

    def finish(self, summary: str) -> None:
        """Ends the stage with one line."""
        seconds = time.monotonic() - self._started
        rate = f", {self._total / max(seconds, 1e-6) / 1e6:.1f} MB/s" if self._unit == "bytes" else ""
        start = "\r\x1b[2K" if self.stream.isatty() else ""
        self.stream.write(f"{start}{self._stage:10} {summary} in {seconds:.1f} s{rate}\n")
        self.stream.flush()


def progress_text(done: int, total: int, unit: str, seconds: float) -> str:
    """Returns e.g. `42%  12.5 MB/s  8 s left`."""
    share = done / total if total else 1.0
    rate = done / seconds
    speed = f"{rate / 1e6:.1f} MB/s" if unit == "bytes" else f"{rate:.1f} parts/s"
    left = f"{(total - done) / rate:.0f} s left" if done else "..."
    return f"{share:4.0%}  {speed}  {left}"
