"""Our own record of which tasks are in which project, kept in the run: read before the server is asked anything.

A journal of lines, each written and synced before what follows it: `intend` names keys that are about to be sent,
`known` the task ids that came back, `shared` a task that several people may answer. Keys that were intended and are
not known may or may not be on the server: a push asks it, and only for those. A line that a killed process left half
written is dropped.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from filelock import FileLock, Timeout

from curation.errors import InputError, RunLocked

FOLDER = "people/ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project of a run, by server; `cursor` is the last change that was pulled (ISO 8601, UTC)."""

    url: str
    project: int
    title: str
    config_version: str
    cursor: str | None = None


@dataclass(slots=True, kw_only=True)
class Ledger:
    """The journal of one kind of task of one run."""

    folder: Path
    kind: str
    known: dict[str, int] = field(default_factory=dict)
    intended: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)

    @property
    def unsure(self) -> list[str]:
        """Keys that were sent, or about to be, without an answer."""
        return sorted(self.intended - self.known.keys())

    def intend(self, keys: Sequence[str]) -> None:
        """Notes that tasks are about to be made."""
        self._append({"intend": list(keys)})
        self.intended.update(keys)

    def learn(self, ids: Mapping[str, int]) -> None:
        """Notes which tasks there are."""
        self._append({"known": dict(ids)})
        self.known.update(ids)

    def share(self, key: str) -> None:
        """Notes that several people may answer a task."""
        self._append({"shared": key})
        self.shared.add(key)

    def _append(self, entry: Mapping[str, object]) -> None:
        with _journal(self.folder, self.kind).open("ab") as file:
            file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def open_ledger(run: Path, kind: str) -> Ledger:
    """Reads the journal of a run, and cuts off a half-written last line."""
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(folder=folder, kind=kind)
    path = _journal(folder, kind)
    if not path.exists():
        return ledger
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    for line in whole.splitlines():
        entry = json.loads(line)
        ledger.intended.update(entry.get("intend", ()))
        ledger.known.update(entry.get("known", {}))
        ledger.shared.update([entry["shared"]] if "shared" in entry else [])
    return ledger


def project_of(run: Path, kind: str) -> Project | None:
    """Returns the project that a run's tasks of one kind are in, None before the first push."""
    path = run / FOLDER / f"project-{kind}.json"
    if not path.exists():
        return None
    try:
        return Project(**json.loads(path.read_text()))
    except (ValueError, TypeError):
        raise InputError(f"{path}: expected the project of a review, found something else") from None


def save_project(run: Path, kind: str, project: Project) -> None:
    """Writes which project a run's tasks are in, at once or not at all."""
    path = run / FOLDER / f"project-{kind}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(project)))
    temporary.replace(path)


def move_cursor(run: Path, kind: str, project: Project, cursor: str | None) -> None:
    """Notes up to which change a project was pulled."""
    save_project(run, kind, replace(project, cursor=cursor))


def forget_project(run: Path, kind: str) -> None:
    """Puts a project's journal aside, for one that was deleted on the server."""
    folder = run / FOLDER
    number = len(list(folder.glob(f"deleted-*-{kind}.jsonl")))
    with contextlib.suppress(FileNotFoundError):
        _journal(folder, kind).rename(folder / f"deleted-{number}-{kind}.jsonl")
    (folder / f"project-{kind}.json").unlink(missing_ok=True)


@contextlib.contextmanager
def review_lock(run: Path) -> Iterator[None]:
    """Holds the lock of a run's review: look-up and import are not one act on the server, so one process does both.

    Raises:
        RunLocked: another process holds it.
    """
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout:
        raise RunLocked(f"{run}: another process pushes or pulls this run's review; wait for it or stop it") from None


def _journal(folder: Path, kind: str) -> Path:
    return folder / f"tasks-{kind}.jsonl"
