"""`gristmill resume`: a run goes on from its directory alone.

`spec.yaml` in the run says what the job is; where its relative paths start, the sample's limit and how it ran stand in
the ledger, since they belong to one machine.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from curation.errors import InputError
from pipelines.job import RunResult, run_job
from pipelines.progress import Progress
from pipelines.spec_file import parse_spec
from pipelines.store import Store


def resume_run(run: str, *, progress: Progress) -> RunResult:
    """Goes on with an unfinished run as it was last started; does nothing to a finished one.

    Raises:
        InputError: `run` is no run directory, or its ledger does not say how it was started.
        GristmillError: as `run_job` raises it.
    """
    store = Store(run)
    start = _last_start(store)
    spec = parse_spec(store.read("spec.yaml"), name=f"{run}/spec.yaml", settings=start.local, folder=start.root)
    return run_job(
        spec,
        spec_path=start.root / "spec.yaml",
        output=run,
        limit=start.limit,
        settings=start.settings,
        progress=progress,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """How a run was started, as far as its directory does not say it elsewhere."""

    root: Path
    limit: int | None
    settings: tuple[str, ...]
    local: tuple[str, ...]


def _last_start(store: Store) -> _Start:
    names = store.names("ledger", ".jsonl") if store.exists("spec.yaml") else []
    for name in sorted(names, key=lambda name: int(name.split("-")[1]), reverse=True):
        first = json.loads(store.read(name).split(b"\n", 1)[0])
        if first.keys() >= {"root", "limit", "settings", "local"}:
            return _Start(
                root=Path(first["root"]),
                limit=first["limit"],
                settings=tuple(first["settings"]),
                local=tuple(first["local"]),
            )
    raise InputError(
        f"{store.uri}: expected a run directory with spec.yaml and a ledger that says how it was started, found none; "
        "gristmill run SPEC -o DIR goes on too"
    )
