"""How a run was started: what its ledger says of one machine, and `spec.yaml` does not.

Where relative paths of the spec start, the sample's limit, the settings, and what never changes the output.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from curation.errors import InputError
from pipelines.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a run was started, as far as its directory does not say it elsewhere."""

    root: Path
    limit: int | None
    settings: tuple[str, ...]
    local: tuple[str, ...]


def last_start(store: Store) -> Start:
    """Returns how a run was last started.

    Raises:
        InputError: it is no run directory, or its ledger does not say it.
    """
    names = store.names("ledger", ".jsonl") if store.exists("spec.yaml") else []
    for name in sorted(names, key=lambda name: int(name.split("-")[1]), reverse=True):
        first = json.loads(store.read(name).split(b"\n", 1)[0])
        if first.keys() >= {"root", "limit", "settings", "local"}:
            return Start(
                root=Path(first["root"]),
                limit=first["limit"],
                settings=tuple(first["settings"]),
                local=tuple(first["local"]),
            )
    raise InputError(
        f"{store.uri}: expected a run directory with spec.yaml and a ledger that says how it was started, found none; "
        "gristmill run SPEC -o DIR goes on too"
    )
