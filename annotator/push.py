"""Questions to the server: each once, whatever happens in between.

What is not known is looked up before anything is sent again. A server may still be at work on an import whose
answer was lost, so keys whose fate was ever unsure, and all of them where the project holds more tasks than we made,
are looked up once more at the end, and a second copy that nobody answered is deleted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from annotator.interface import MODEL_VERSION, interface_of, tasks_of, version_of
from annotator.label_studio import WAITS_SECONDS, LabelStudio
from annotator.ledger import Ledger, Project, open_ledger, project_of, review_lock, save_project
from annotator.transport import Unanswered
from curation.errors import InputError
from curation.identity import fingerprint
from curation.schema import REVIEW_TASKS, TASK_KINDS

TASKS, SENT = "tasks", "sent"
BATCH = 500
NAME_CHARS = 20
"""Of the run in the title of its project; Label Studio takes titles of up to 50 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did with the tasks of one kind."""

    kind: str
    project: int
    url: str
    num_tasks: int
    num_new: int
    config_changed: bool


def push(run: Path, server: LabelStudio, *, url: str, reached: Callable[[str], None] = lambda _: None) -> list[Pushed]:
    """Makes a task for every question of a run that has none yet.

    Args:
        run: the run directory.
        server: where to.
        url: of the server; a run's tasks stay on one server.
        reached: told the name of each point at which a process may be killed, for tests.

    Raises:
        InputError: the run asks nothing, its tasks are on another server, or their project was deleted.
        RunLocked: another process pushes or pulls.
    """
    tasks = questions_of(run).to_table().sort_by("priority")
    target = _Target(run=run, server=server, url=url, reached=reached)
    with review_lock(run):
        return [
            _push_kind(target, kind, tasks.filter(pc.equal(tasks["kind"], kind)))
            for kind in TASK_KINDS
            if pc.any(pc.equal(tasks["kind"], kind)).as_py()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """From where to where a push goes."""

    run: Path
    server: LabelStudio
    url: str
    reached: Callable[[str], None]


def questions_of(run: Path) -> ds.Dataset:
    """Returns REVIEW_TASKS of a run: what it asks itself, and documents that people sent.

    Raises:
        InputError: it has none.
    """
    names = [name for folder in (TASKS, SENT) for name in sorted((run / folder).glob("*.parquet"))]
    found = ds.dataset([str(name) for name in names], schema=REVIEW_TASKS)
    if not found.count_rows():
        raise InputError(f"{run}: expected questions for people in {TASKS}/, found none; see `review:` in the spec")
    return found


def _push_kind(target: _Target, kind: str, tasks: pa.Table) -> Pushed:
    is_known = project_of(target.run, kind) is not None
    project = _project(target, kind, tasks)
    server, ledger, keys = target.server, open_ledger(target.run, kind), tasks["review_key"].to_pylist()
    if not is_known and server.num_tasks(project.project):
        ledger.intend(keys)  # a process killed before it noted the project, or another copy of this run, filled it
    unsure = set(ledger.unsure)
    _recover(server, project.project, ledger, sorted(unsure))
    missing = [key for key in keys if key not in ledger.known]
    for batch in _batches(tasks, missing):
        unsure |= _send(target, project.project, ledger, batch)
    if server.num_tasks(project.project) > len(ledger.known):
        unsure.update(keys)
    if unsure:
        _remove_copies(server, project.project, ledger, sorted(unsure))
    _share(server, ledger, tasks)
    return Pushed(
        kind=kind,
        project=project.project,
        url=target.url,
        num_tasks=tasks.num_rows,
        num_new=len(missing),
        config_changed=version_on(server, project.project) != project.config_version,
    )


def version_on(server: LabelStudio, project: int) -> str:
    """Returns the version of the interface that a project has on the server, where anybody may change it.

    Raises:
        InputError: the project was deleted.
    """
    return version_of(str(server.project(project)["label_config"]))


def _project(target: _Target, kind: str, tasks: pa.Table) -> Project:
    run, url, server = target.run, target.url, target.server
    known = project_of(run, kind)
    interface = interface_of(kind)
    if known is not None:
        if known.url != url:
            raise InputError(
                f"{run}: its tasks are on {known.url}, this is {url}; start that server or give its URL, or begin "
                "anew with --new-project"
            )
        server.project(known.project)
        return known
    title = f"{run.resolve().name[:NAME_CHARS]} {kind} {interface.version[:8]} {_digest(run, tasks)}"
    number = server.create_project(
        title,
        interface=interface.xml,
        model_version=MODEL_VERSION,
    )
    project = Project(url=url, project=number, title=title, config_version=interface.version)
    save_project(run, kind, project)
    return project


def _digest(run: Path, tasks: pa.Table) -> str:
    """Returns what tells these questions from those of another run of the same name."""
    mark = run / "fingerprint"
    return fingerprint([mark.read_text() if mark.exists() else "", *tasks["review_key"].to_pylist()])[:8]


def _batches(tasks: pa.Table, missing: Sequence[str]) -> Iterator[pa.Table]:
    chosen = tasks.filter(pc.is_in(tasks["review_key"], pa.array(missing, pa.string())))
    for start in range(0, chosen.num_rows, BATCH):
        yield chosen.slice(start, BATCH)


def _send(target: _Target, project: int, ledger: Ledger, batch: pa.Table) -> set[str]:
    """Makes the tasks of a batch; returns the keys whose fate was unsure for a while."""
    server = target.server
    rows = {str(row["review_key"]): row for row in batch.to_pylist()}
    ledger.intend(list(rows))
    target.reached("after_intent")
    unsure: set[str] = set()
    for seconds in (*WAITS_SECONDS, None):
        left = [key for key in rows if key not in ledger.known]
        if not left:
            break
        try:
            ids = server.import_tasks(project, tasks_of([rows[key] for key in left]))
        except Unanswered:
            if seconds is None:
                raise
            unsure.update(left)
            server.wait(seconds)
            _recover(server, project, ledger, left)
            continue
        target.reached("after_import")
        ledger.learn(dict(zip(left, ids, strict=True)))
    return unsure


def _share(server: LabelStudio, ledger: Ledger, tasks: pa.Table) -> None:
    """Lets several people answer the questions that ask for it, and notes each."""
    wanted = tasks.filter(pc.greater(tasks["num_reviewers"], 1))
    for key, count in zip(wanted["review_key"].to_pylist(), wanted["num_reviewers"].to_pylist(), strict=True):
        if key not in ledger.shared:
            server.ask_several(ledger.known[key], count)
            ledger.share(key)


def _recover(server: LabelStudio, project: int, ledger: Ledger, keys: Sequence[str]) -> None:
    """Asks the server which of `keys` it has."""
    if keys:
        found = server.look_up(project, keys)
        ledger.learn({key: ids[0] for key, ids in found.items()})


def _remove_copies(server: LabelStudio, project: int, ledger: Ledger, keys: Sequence[str]) -> None:
    """Leaves one task for each key: an answered one if there is one, else the oldest."""
    for key, ids in server.look_up(project, keys).items():
        if len(ids) == 1:
            continue
        answered = [task for task in ids if server.has_annotations(task)]
        chosen = (answered or ids)[0]
        for task in ids:
            if task != chosen and task not in answered:
                server.delete_task(task)
        ledger.learn({key: chosen})
