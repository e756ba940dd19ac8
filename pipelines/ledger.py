"""The ledger: what happened when, on which machine. The only place where a clock or host may be recorded."""

import datetime
import json
import os
import platform
import time
from dataclasses import dataclass, field

from pipelines.store import Store


@dataclass(slots=True)
class Ledger:
    """Events of one process that drives a run, published as `ledger/events-<start>.jsonl` after each stage."""

    store: Store
    events: list[dict[str, object]] = field(default_factory=list)
    started: float = field(default_factory=time.time)

    def record(self, event: str, **facts: object) -> None:
        """Appends one event and publishes the file anew."""
        now = datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="milliseconds")
        self.events.append({"time": now, "event": event, **facts})
        lines = "".join(json.dumps(item, sort_keys=True, default=str) + "\n" for item in self.events)
        self.store.write(f"ledger/events-{int(self.started * 1000)}-{os.getpid()}.jsonl", lines.encode(), replace=True)

    def start(self, **facts: object) -> None:
        """Records host, process and versions."""
        self.record("start", host=platform.node(), pid=os.getpid(), python=platform.python_version(), **facts)
