"""Answers from the server into the run's `people/`: only what changed, and nothing twice.

Every pull reads the tasks that changed since the last one, and a minute more: the server's transactions may become
visible out of order. What was read before is known by annotation and time. Files are only ever added; the cursor
moves after its rows are on disk, so a pull that is killed is simply done again.
"""

import os
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from annotator.answers import Asked, Row, Seen, moment_of, new_rows
from annotator.interface import MODEL_VERSION
from annotator.label_studio import LabelStudio
from annotator.ledger import Project, move_cursor, open_ledger, project_of, review_lock
from annotator.push import questions_of, version_on
from annotator.showing import Shown, shown
from curation.errors import InputError
from curation.schema import PEOPLE_DECISIONS, TASK_KINDS

PEOPLE = "people"
OVERLAP = timedelta(minutes=1)
BEFORE_ALL = "1970-01-01T00:00:00.000000Z"
QUESTION = (
    "review_key",
    "kind",
    "doc_id",
    "text_hash",
    "other_id",
    "route",
    "inclusion_probability",
    "is_blind",
    "prediction",
)
"""Of a question: what stands in its answers, or is needed to read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What a pull found in one project."""

    kind: str
    project: int
    num_answered: int
    num_skipped: int
    num_deleted: int
    config_changed: bool


def pull(run: Path, server: LabelStudio, *, url: str) -> list[Pulled]:
    """Adds what people answered, changed, skipped and took back since the last pull to `people/`.

    Raises:
        InputError: nothing was pushed to this server, or the project was deleted.
        RunLocked: another process pushes or pulls.
    """
    with review_lock(run):
        projects = {kind: found for kind in TASK_KINDS if (found := project_of(run, kind)) is not None}
        if not projects:
            raise InputError(f"{run}: expected pushed questions, found none; gristmill review push makes them")
        for found in projects.values():
            if found.url != url:
                raise InputError(
                    f"{run}: its tasks are on {found.url}, this is {url}; start that server or give its URL"
                )
        users = server.users()
        return [_pull_kind(run, kind, found, server, users) for kind, found in projects.items()]


def answers_of(run: Path) -> pa.Table:
    """Returns PEOPLE_DECISIONS of a run, in the order in which they were seen."""
    names = sorted((run / PEOPLE).glob("*.parquet"))
    return ds.dataset([str(name) for name in names], schema=PEOPLE_DECISIONS).to_table()


def _pull_kind(run: Path, kind: str, project: Project, server: LabelStudio, users: dict[int, str]) -> Pulled:
    mine = questions_of(run).to_table(columns=list(QUESTION), filter=pc.field("kind") == kind)
    questions = {row["review_key"]: row for row in mine.to_pylist()}
    known = open_ledger(run, kind).known
    key_of = {task: key for key, task in known.items()}
    version = version_on(server, project.project)
    asked = Asked(
        rows={task: questions[key] for task, key in key_of.items() if key in questions},
        users=users,
        config_version=version,
        model_version=MODEL_VERSION,
        shown=lambda task: _shown(run, key_of[task]),
    )
    seen, cursor = Seen.of(answers_of(run)), project.cursor
    rows: list[Row] = []
    for task in server.answered_since(project.project, _start(project.cursor)):
        rows += new_rows(task, asked, seen)
        cursor = str(task["updated_at"])
    answered = sorted(task for task, live in seen.live.items() if live and task in asked.rows)
    for task in server.emptied_since(project.project, _start(project.cursor), answered):
        rows += new_rows(task, asked, seen)
    _append(run, rows)
    if cursor is not None:
        move_cursor(run, kind, project, cursor)
    events = [row["event"] for row in rows]
    return Pulled(
        kind=kind,
        project=project.project,
        num_answered=events.count("answered"),
        num_skipped=events.count("skipped"),
        num_deleted=events.count("deleted"),
        config_changed=version != project.config_version,
    )


def _shown(run: Path, key: str) -> Shown:
    """Returns the text of a question as it was shown: read only where somebody marked something in it."""
    return shown(questions_of(run).to_table(filter=pc.field("review_key") == key).to_pylist())[0]


def _start(cursor: str | None) -> str:
    if cursor is None:
        return BEFORE_ALL
    return (moment_of(cursor) - OVERLAP).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _append(run: Path, rows: list[Row]) -> None:
    """Writes rows as a further file of `people/`, whole or not at all."""
    if not rows:
        return
    folder = run / PEOPLE
    folder.mkdir(exist_ok=True)
    target = folder / f"part-{len(list(folder.glob('part-*.parquet'))):06d}.parquet"
    temporary = folder / f".tmp-{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], PEOPLE_DECISIONS), file)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
