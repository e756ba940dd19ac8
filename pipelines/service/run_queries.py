"""What a page shows of a run: small answers from its directory, in bounded memory and time.

Everything here takes a `Run` and returns plain values (dataclasses and the typed dictionaries of `pipelines.answers`),
so the API and the pages say the same. What a finished run is asked again and again is kept: its files change no more.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
from typing_extensions import TypedDict

from curation.errors import GristmillError, InputError
from pipelines.answers import Answer, Failure, Match, Paragraph
from pipelines.lookup import decision_rows, find, measured_rows, named, parts_of
from pipelines.questions import MATCHES, spec_of, why_document
from pipelines.report import figures
from pipelines.report.rules import RuleRow, rule_rows
from pipelines.rundir import LATEST_ROUND, Run, open_run
from pipelines.service.processes import read_json

MEMORY_BYTES = 512 << 20
SECONDS = 20.0
AT_ONCE = threading.BoundedSemaphore(4)
MAX_PAGE = 200
TEXT_CHARS = 200_000
MAX_SPANS = 1000
WHOLE_ID = re.compile("[0-9a-f]{32}")


class TooSlow(GristmillError):
    """A query took longer than a request may."""


class Listed(TypedDict):
    """A document in a list."""

    document: Match
    state: str
    decided_by: str | None
    failed: list[Failure]
    review_reasons: list[str]
    cluster_id: str | None
    split: str | None


class Edit(TypedDict):
    """A recorded change: bytes `start` to `end` of the text before it."""

    rule: str
    start: int
    end: int
    removed_bytes: int
    replacement: str | None


class Span(TypedDict):
    """Characters `start` to `end` of the text that a person marked."""

    label: str
    start: int
    end: int


class Reviewed(TypedDict):
    """What a person answered about a document."""

    reviewer: str
    decision: str | None
    quality: int | None
    issues: list[str]
    spans: list[Span]
    note: str | None


class Document(TypedDict):
    """A document with all that is known about it; `text` is null where the run keeps none."""

    answer: Answer
    text: str | None
    is_cut: bool
    edits: list[Edit]
    paragraphs: list[Paragraph]
    people: list[Reviewed]


class Side(TypedDict):
    """A document beside another one; `text` is null where the run keeps none."""

    document: Match
    state: str
    decided_by: str | None
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The funnel of a run, and its rules: those that took most documents first."""

    is_finished: bool
    funnel: figures.Funnel
    rules: tuple[RuleRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewState:
    """Documents that wait, by what sent them there; questions, by route; and how many of them are answered."""

    waiting: dict[str, int]
    questions: dict[str, int]
    answered: int
    projects: dict[str, str]  # kind of question -> the Label Studio project's address


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Documents that are the same: how many, and how many of them are kept."""

    cluster_id: str
    documents: int
    kept: int


def newest(path: str) -> Run:
    """Returns a run as it was decided last: its newest round where people's answers made one.

    Raises:
        InputError: there is no run.
    """
    run = open_run(path)
    if not run.store.exists(LATEST_ROUND):
        return run
    return open_run(f"{path}/rounds/{run.store.read(LATEST_ROUND).decode().strip()}")


@contextmanager
def asking(run: Run, *tables: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yields a connection to some of a run's tables with limits on memory and time; few are open at once.

    Raises:
        TooSlow: the block took longer than `SECONDS`.
    """
    if not AT_ONCE.acquire(timeout=SECONDS):
        raise TooSlow("the service is busy with other questions; ask again")
    try:
        with run.connect(memory_bytes=MEMORY_BYTES, tables=tables) as connection:
            timer = threading.Timer(SECONDS, connection.interrupt)
            timer.start()
            try:
                yield connection
            except duckdb.InterruptException:
                raise TooSlow(f"the question took more than {SECONDS:g} s; ask gristmill on the command line") from None
            finally:
                timer.cancel()
    finally:
        AT_ONCE.release()


def overview(run: Run) -> Overview:
    """Returns the funnel and the rules of a run."""
    return _overview(run.store.uri, _version(run))


@lru_cache(maxsize=256)
def _overview(uri: str, version: int) -> Overview:
    run = open_run(uri)
    with asking(run, "files", "accounts", "decisions", "tokens") as connection:
        funnel, counts = figures.funnel(connection), figures.rule_counts(connection)
    return Overview(is_finished=bool(version), funnel=funnel, rules=tuple(rule_rows(spec_of(run), counts)))


def _version(run: Run) -> int:
    """Returns when the manifest was written: another one, another answer; 0 while the run is unfinished."""
    path = Path(run.store.uri) / "manifest.json"
    if path.is_file():
        return path.stat().st_mtime_ns
    _overview.cache_clear()  # what an unfinished run holds changes
    return 0


_LISTED = f"""
SELECT doc_id, state, decided_by, failed, review_reasons, cluster_id, split
FROM decisions WHERE {MATCHES}
  AND ($decided_by IS NULL OR decided_by = $decided_by OR starts_with(decided_by, $decided_by_prefix))
  AND ($source IS NULL OR source = $source) AND ($cluster IS NULL OR cluster_id = $cluster)
  AND ($after IS NULL OR doc_id > $after)
ORDER BY doc_id LIMIT $count
"""  # noqa: S608 - no value is in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which documents to list; None: any. `after` is the last id (hex) of the page before."""

    state: str | None = None
    rule: str | None = None  # that touched it, with or without its gate
    decided_by: str | None = None  # a rule; `dedup/exact_*`: all that begin so
    source: str | None = None
    cluster: str | None = None
    after: str | None = None


def documents(run: Run, wanted: Wanted, *, count: int = 50) -> list[Listed]:
    """Returns documents by id, at most `count`; no text is read."""
    values: dict[str, object] = {
        "state": wanted.state,
        "rule": wanted.rule,
        "decided_by": wanted.decided_by,
        "decided_by_prefix": (wanted.decided_by or "")[:-1] if (wanted.decided_by or "").endswith("*") else None,
        "source": wanted.source,
        "cluster": _id(wanted.cluster),
        "after": _id(wanted.after),
        "count": min(count, MAX_PAGE),
    }
    with asking(run, "decisions") as connection:
        rows = connection.execute(_LISTED, values).fetchall()
    ids = [row[0] for row in rows]
    names = measured_rows(run, parts_of(run, ids), [])
    return [
        Listed(
            document=named(names[doc_id]),
            state=state,
            decided_by=decided_by,
            failed=failed,
            review_reasons=reasons,
            cluster_id=cluster_id.hex() if cluster_id else None,
            split=split,
        )
        for doc_id, state, decided_by, failed, reasons, cluster_id, split in rows
        if doc_id in names
    ]


def _id(digits: str | None) -> bytes | None:
    return None if digits is None else bytes.fromhex(digits)


def id_of(run: Run, name: str) -> bytes:
    """Returns the id of the document that a name means; `name` as for `document`. A whole id is not looked up.

    Raises:
        InputError: there is none, or the name means several.
    """
    if WHOLE_ID.fullmatch(name):
        return bytes.fromhex(name)
    found, total = find(run, name, limit=1)
    if total != 1:
        raise InputError(f"{name!r}: expected the name of one document, found {total}; use an id")
    return found[0]["doc_id"]


_PEOPLE = """
SELECT reviewer, decision, quality, issues, spans, note FROM people
WHERE doc_id = $doc AND event = 'answered' ORDER BY updated_at, annotation_id LIMIT 50
"""


def document(run: Run, name: str) -> Document:
    """Returns a document by its id (hex), URL or own id, as `gristmill why` finds it.

    Raises:
        InputError: there is none, or the name means several.
    """
    answers = why_document(run, name)
    if len(answers) > 1:
        raise InputError(f"{name!r}: expected the name of one document, found {answers[0]['num_matches']}; use an id")
    doc_id = bytes.fromhex(answers[0]["document"]["doc_id"])
    row = measured_rows(run, parts_of(run, [doc_id]), ["text", "edits", "signal.paragraph_languages"])[doc_id]
    text = row.get("text")
    people: list[tuple[object, ...]] = []
    if run.parts("people"):
        with asking(run, "people") as connection:
            people = connection.execute(_PEOPLE, {"doc": doc_id}).fetchall()
    names = Reviewed.__annotations__
    paragraphs: object = row.get("signal.paragraph_languages")
    edits: object = row.get("edits")
    return Document(
        answer=answers[0],
        text=text[:TEXT_CHARS] if text is not None else None,
        is_cut=text is not None and len(text) > TEXT_CHARS,
        edits=edits[:MAX_SPANS] if isinstance(edits, list) else [],
        paragraphs=paragraphs[:MAX_SPANS] if isinstance(paragraphs, list) else [],
        people=[Reviewed(**dict(zip(names, values, strict=True))) for values in people],  # type: ignore[typeddict-item]
    )


def side(run: Run, name: str) -> Side:
    """Returns what a document is compared by; `name` as for `document`.

    Raises:
        InputError: there is none, or the name means several.
    """
    doc_id = id_of(run, name)
    parts = parts_of(run, [doc_id])
    row = measured_rows(run, parts, ["text"]).get(doc_id)
    decision = decision_rows(run, parts).get(doc_id)
    if row is None or decision is None:
        raise InputError(f"{name!r}: expected the name of a document of this run, found none")
    text = row.get("text")
    return Side(
        document=named(row),
        state=decision["state"],
        decided_by=decision["decided_by"],
        text=text[:TEXT_CHARS] if text is not None else None,
    )


def clusters(run: Run, *, most: int = 50) -> list[Cluster]:
    """Returns the largest groups of documents that are the same."""
    with asking(run, "decisions") as connection:
        found = figures.largest_clusters(connection, most=most)
    return [Cluster(cluster_id=cluster.hex(), documents=size, kept=kept) for cluster, size, kept in found]


_WAITING = "SELECT coalesce(decided_by, '') AS by, count(*) FROM decisions WHERE state = 'review' GROUP BY 1 ORDER BY 1"
_QUESTIONS = """
SELECT route, count(*) FROM (SELECT route FROM tasks UNION ALL SELECT route FROM sent) GROUP BY 1 ORDER BY 1
"""
_ANSWERED = """
SELECT count(DISTINCT review_key) FROM (SELECT review_key, event FROM people
  QUALIFY row_number() OVER (PARTITION BY annotation_id ORDER BY updated_at DESC) = 1) WHERE event = 'answered'
"""


def review_state(path: str) -> ReviewState:
    """Returns what waits for people in the run at `path`, and what they have answered.

    Raises:
        InputError: there is no run.
    """
    run, decided = open_run(path), newest(path)
    with asking(decided, "decisions") as connection:
        waiting = dict(connection.execute(_WAITING).fetchall())
    with asking(run, "tasks", "sent", "people") as connection:
        questions = dict(connection.execute(_QUESTIONS).fetchall())
        answered = connection.execute(_ANSWERED).fetchall()[0][0]
    return ReviewState(waiting=waiting, questions=questions, answered=answered, projects=_projects(path))


def _projects(path: str) -> dict[str, str]:
    """Returns the addresses of the review projects that `gristmill review push` noted in the run."""
    found = {}
    for file in sorted(Path(path).glob("people/ledger/project-*.json")):
        content = read_json(file)
        url = str(content.get("url", ""))
        if url.startswith(("http://", "https://")):
            found[file.stem.removeprefix("project-")] = f"{url.rstrip('/')}/projects/{content.get('project')}"
    return found
