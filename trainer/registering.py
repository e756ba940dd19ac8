"""A training tells a service of itself, by plain HTTP: `gristmill train --register URL`.

It reads what the loop writes to `metrics.jsonl` and sends it on, in a thread of its own; a service that does not answer
is told of once and never stops or slows the training. A token comes from $GRISTMILL_TOKEN.
"""

import json
import math
import os
import platform
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from trainer.metrics import LOG

TOKEN = "GRISTMILL_TOKEN"  # noqa: S105 - the name of a variable
SECONDS = 5.0
TIMEOUT_SECONDS = 10.0
MAX_POINTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What a service is told at the start."""

    export: str
    name: str
    global_batch: int
    steps: int
    host: str = field(default_factory=platform.node)

    def body(self) -> dict[str, object]:
        """Returns the request's body."""
        return {
            "export": self.export,
            "name": self.name,
            "host": self.host,
            "global_batch": self.global_batch,
            "steps": self.steps,
        }


@dataclass(slots=True, kw_only=True)
class Teller:
    """Tells the service at `url` of the training that writes its log into `folder`, and at the end its `state`."""

    url: str
    registration: Registration
    folder: Path
    tell: Callable[[str], None]
    """Is given a line when the service does not answer."""
    state: str = "stopped"
    training: str | None = None
    position: int = 0  # bytes of the log that were sent
    has_complained: bool = False

    def run(self, stop: threading.Event) -> None:
        """Tells every few seconds that the training runs, until it is stopped."""
        self.send(state="running")
        while not stop.wait(SECONDS):
            self.send(state="running")

    @property
    def log(self) -> Path:
        """The file that the training loop writes."""
        return self.folder / LOG

    def send(self, *, state: str) -> None:
        """Sends what is new in the log, or that the training lives."""
        try:
            if self.training is None:
                self.training = str(self._post("/api/trainings", self.registration.body())["id"])
            at = f"/api/trainings/{self.training}/points"
            while True:
                lines, position = self._new_lines()
                self._post(at, {"state": state, "points": [_point(line) for line in lines]})
                self.position = position
                if len(lines) < MAX_POINTS:
                    return
        except (OSError, ValueError, KeyError) as error:
            if not self.has_complained:
                self.tell(f"{self.url} does not take what this training tells: {error}; it goes on without")
            self.has_complained = True

    def _new_lines(self) -> tuple[list[dict[str, object]], int]:
        """Returns whole lines after the last ones that were sent, and where the next ones begin."""
        if not self.log.exists():
            return [], 0
        if self.log.stat().st_size < self.position:  # a resumed run dropped lines
            self.position = 0
        lines: list[dict[str, object]] = []
        position = self.position
        with self.log.open("rb") as file:
            file.seek(position)
            while len(lines) < MAX_POINTS and (line := file.readline()).endswith(b"\n"):
                lines.append(json.loads(line))
                position += len(line)
        return lines, position

    def _post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(body, allow_nan=False).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers)  # noqa: S310 - the user's own URL
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            found = json.load(answer)
        return found if isinstance(found, dict) else {}


@contextmanager
def telling(teller: Teller) -> Iterator[Teller]:
    """Lets `teller` tell while the block runs, and of its `state` when the block has ended."""
    stop = threading.Event()
    thread = threading.Thread(target=teller.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield teller
    finally:
        stop.set()
        thread.join()
        teller.send(state=teller.state)


def _point(line: dict[str, object]) -> dict[str, object]:
    """Returns a line of the log as the service takes it; what is not finite is left out."""
    by_stage = line["loss_by_stage"]
    assert isinstance(by_stage, dict), "the loop wrote it"
    losses = {name: value for name, value in by_stage.items() if _is_finite(value)}
    loss = line["loss"] if _is_finite(line["loss"]) else None
    return {"step": line["step"], "stage": next(reversed(losses), None), "loss": loss, "losses": losses}


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
