"""From what Label Studio says of a task to rows of PEOPLE_DECISIONS."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa

from annotator.showing import Shown
from annotator.transport import Unanswered

Row = Mapping[str, object]
Mark = tuple[int, datetime, str]
FIRST_DECISION = {"document": "decision", "pair": "relation"}


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the decisions table holds: every row by (annotation, time, event), and live annotations by task."""

    marks: set[Mark] = field(default_factory=set)
    live: dict[int, dict[int, Row]] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pa.Table) -> "Seen":
        """Reads a table of PEOPLE_DECISIONS, oldest row first."""
        seen = cls()
        for row in table.to_pylist():
            seen.add(row)
        return seen

    def add(self, row: Row) -> bool:
        """Counts a row in; returns whether it is new."""
        task, annotation, moment = row["task_id"], row["annotation_id"], row["updated_at"]
        assert isinstance(task, int), "ids are whole numbers"
        assert isinstance(annotation, int), "ids are whole numbers"
        assert isinstance(moment, datetime), "times are times"
        mark = (annotation, moment, str(row["event"]))
        if mark in self.marks:
            return False
        self.marks.add(mark)
        live = self.live.setdefault(task, {})
        live.pop(annotation, None)
        if row["event"] != "deleted":
            live[annotation] = row
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What annotations are read against: questions by task, reviewers by user id, the interface in use."""

    rows: Mapping[int, Row]  # of REVIEW_TASKS, by task id
    users: Mapping[int, str]
    config_version: str
    model_version: str
    shown: Callable[[int], Shown]
    """The text of a task as it was shown."""


def new_rows(task: Row, asked: Asked, seen: Seen) -> Iterator[dict[str, object]]:
    """Yields what a task's annotations say that is not in the table: answers, skips, changes and deletions."""
    number = _int(task["id"])
    question = asked.rows.get(number)
    if question is None:
        return  # a task that is not ours
    annotations = _annotations(task)
    for annotation in annotations:
        row = _decided(number, annotation, question, asked)
        if seen.add(row):
            yield row
    gone = seen.live.get(number, {}).keys() - {_int(item["id"]) for item in annotations}
    for annotation_id in sorted(gone):
        row = {**seen.live[number][annotation_id], "event": "deleted", "updated_at": moment_of(task["updated_at"])}
        if seen.add(row):
            yield row


def _annotations(task: Row) -> list[Row]:
    found = task.get("annotations")
    if not isinstance(found, list):
        raise Unanswered("expected a task's annotations from the review server, found none")
    return sorted(found, key=lambda item: (moment_of(item["updated_at"]), _int(item["id"])))


def _decided(task: int, annotation: Row, question: Row, asked: Asked) -> dict[str, object]:
    result = annotation.get("result")
    values = _Values(items=result if isinstance(result, list) else [])
    decision = values.choice(FIRST_DECISION[str(question["kind"])])
    predicted = None if question["is_blind"] else question["prediction"]
    skipped = bool(annotation.get("was_cancelled"))
    by = annotation.get("completed_by")
    return {
        **{name: question[name] for name in ("doc_id", "text_hash", "other_id", "review_key", "kind", "route")},
        "inclusion_probability": question["inclusion_probability"],
        "reviewer": asked.users.get(by, f"user {by}") if isinstance(by, int) else "unknown",
        "event": "skipped" if skipped or decision is None else "answered",
        "decision": None if skipped else decision,
        "quality": values.number("quality"),
        "issues": values.choices("issues"),
        "spans": values.spans("pii", lambda: asked.shown(task)),
        "rewrite": values.text("rewrite") if decision == "edit" else None,
        "note": values.text("note"),
        "lead_time_seconds": annotation.get("lead_time"),
        "prediction_changed": None if predicted is None or decision is None else decision != predicted,
        "model_version": None if predicted is None else asked.model_version,
        "config_version": asked.config_version,
        "task_id": task,
        "annotation_id": _int(annotation["id"]),
        "updated_at": moment_of(annotation["updated_at"]),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """The values of an annotation by control; what has another form than ours is as if it were not there."""

    items: Sequence[Row]

    def _of(self, name: str, kind: str) -> Iterator[tuple[object, Row]]:
        for item in self.items:
            value = item.get("value") if isinstance(item, Mapping) and item.get("from_name") == name else None
            if isinstance(value, Mapping) and kind in value:
                yield value[kind], value

    def choices(self, name: str) -> list[str]:
        return sorted(
            {str(text) for given, _ in self._of(name, "choices") if isinstance(given, list) for text in given}
        )

    def choice(self, name: str) -> str | None:
        return next(iter(self.choices(name)), None)

    def number(self, name: str) -> int | None:
        return next((given for given, _ in self._of(name, "rating") if isinstance(given, int)), None)

    def text(self, name: str) -> str | None:
        """Returns the lines of a text area, None where nothing was written."""
        for given, _ in self._of(name, "text"):
            lines = given if isinstance(given, list) else [given]
            if any(str(line).strip() for line in lines):
                return "\n".join(map(str, lines))
        return None

    def spans(self, name: str, shown: Callable[[], Shown]) -> list[dict[str, object]]:
        """Returns what was marked, in characters of the document's text."""
        found = []
        for labels, value in self._of(name, "labels"):
            marked = _marked(value, shown)
            if isinstance(labels, list) and labels and marked is not None:
                start, end = marked
                found.append((start, end, str(labels[0])))
        return [{"label": label, "start": start, "end": end} for start, end, label in sorted(found)]


def _marked(value: Row, shown: Callable[[], Shown]) -> tuple[int, int] | None:
    """Returns the marked range in the document, None where there is none.

    Browsers count UTF-16 units; where that is not what the marked words say, the numbers are of characters.
    """
    start, end = value.get("start"), value.get("end")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end:
        return None
    text = shown()
    units = text.text.encode("utf-16-le")
    if 2 * end <= len(units) > 2 * len(text.text) and _same(_units(units, start, end), value.get("text")):
        start, end = len(_units(units, 0, start)), len(_units(units, 0, end))
    return text.place(start, end) if end <= len(text.text) else None


def _units(units: bytes, start: int, end: int) -> str:
    return units[2 * start : 2 * end].decode("utf-16-le", errors="replace")


def _same(one: str, other: object) -> bool:
    """Compares marked words with what the browser calls them: it writes line ends as backslash and n."""
    return isinstance(other, str) and one.split() == other.replace("\\n", "\n").split()


def moment_of(value: object) -> datetime:
    """Returns a moment that Label Studio wrote.

    Raises:
        Unanswered: it is none.
    """
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC)
    except ValueError:
        raise Unanswered(f"expected a time from the review server, found {str(value)[:40]!r}") from None


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise Unanswered(f"expected an id from the review server, found {str(value)[:40]!r}")
    return value
