"""What people were asked, what they answered, and what was learnt from it: a section of the report.

Figures come from `learned/learned.json`, as `gristmill review learn` left it; a file of another form is as if it were
not there.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from curation.intervals import Measure
from pipelines.learning.facts import FACTS
from pipelines.rundir import Run

BAR = 1000.0
MARK = 5.0
"""Width of a whole bar, and of the mark of a value, in units of the drawing."""
MOST_ROWS = 40
ROUTES = {"doubt": "In doubt", "audit_kept": "Random kept", "audit_dropped": "Random dropped", "sent": "Sent by people"}

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measure as text and as a drawing: a bar for the interval, and a mark for the value."""

    measure: Measure

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return self.measure.low is not None

    @property
    def span(self) -> tuple[float, float]:
        """Left edge and width of the interval."""
        low, high = (_x(edge) for edge in (self.measure.low, self.measure.high))
        return low, round(max(high - low, MARK), 2)

    @property
    def mark(self) -> float | None:
        """Left edge of the mark; None where only the interval is known."""
        if self.measure.value is None:
            return None
        return round(min(max(_x(self.measure.value) - MARK / 2, 0.0), BAR - MARK), 2)


def _x(value: float | None) -> float:
    return round(min(max(value or 0.0, 0.0), 1.0) * BAR, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The questions of one kind."""

    label: str
    questions: int
    answered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row of a table: a name from data, an estimate that is drawn, further ones, and counts."""

    name: str
    drawn: Estimate
    others: tuple[Estimate, ...] = ()
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A threshold and the best place for it."""

    name: str
    before: float
    after: float
    judged: int
    change: Measure
    is_proposed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed:
    """A document on which reviewers disagree."""

    name: str
    answers: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What `gristmill review learn` found."""

    num_answers: int
    agreement: tuple[Line, ...]
    pairs: tuple[Line, ...]
    num_gold: int
    is_corrected: bool
    reviewers: tuple[Line, ...]
    rules: tuple[Line, ...]
    thresholds: tuple[Moved, ...]
    change: Facts | None
    classifier: Facts | None
    num_disputes: int
    disputes: tuple[Disputed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The section; `lessons` is None before anything was learnt."""

    queue: tuple[Queue, ...]
    lessons: Lessons | None


def people_of(run: Run, connection: duckdb.DuckDBPyConnection) -> People | None:
    """Returns the section of a run, None where nobody was asked anything."""
    rows = connection.execute(_QUEUE).fetchall()
    if not rows:
        return None
    found = {route: Queue(label=ROUTES.get(route, route), questions=asked, answered=n) for route, asked, n in rows}
    ordered = [found.pop(route) for route in ROUTES if route in found]
    return People(queue=(*ordered, *found.values()), lessons=_lessons(run))


_QUEUE = """
SELECT route, count(*), count(*) FILTER (review_key IN (SELECT review_key FROM people WHERE event = 'answered'))
FROM (SELECT route, review_key FROM tasks UNION ALL SELECT route, review_key FROM sent)
GROUP BY route ORDER BY route
"""


def _lessons(run: Run) -> Lessons | None:
    if not run.store.exists(FACTS):
        return None
    try:
        return _read(json.loads(run.store.read(FACTS)))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _read(facts: dict[str, object]) -> Lessons:
    trust = _map(facts["trust"])
    return Lessons(
        num_answers=_int(facts["num_answers"]),
        agreement=tuple(_agreement(str(item["name"]), item) for item in _maps(facts["agreement"])),
        pairs=tuple(_agreement(f"{item['one']} and {item['other']}", item) for item in _maps(facts["pairs"])),
        num_gold=_int(trust["num_gold"]),
        is_corrected=bool(trust["is_corrected_for"]),
        reviewers=tuple(map(_reviewer, _maps(facts["reviewers"]))),
        rules=tuple(map(_rule, _maps(facts["rules"]))),
        thresholds=tuple(map(_moved, _maps(facts["thresholds"]))),
        change=_change(facts["change"]),
        classifier=_classifier(facts["classifier"]),
        num_disputes=len(_maps(facts["disputes"])),
        disputes=tuple(map(_disputed, _maps(facts["disputes"])[:MOST_ROWS])),
    )


def _agreement(name: str, item: Facts) -> Line:
    found = _map(item["found"])
    return Line(name=name, drawn=_estimate(found["alpha"]), counts=(_int(found["num_units"]),))


def _reviewer(item: Facts) -> Line:
    others = (_estimate(item["detection"]), _estimate(item["false_alarm"]))
    drawn = _estimate(item["accuracy"])
    return Line(name=str(item["reviewer"]), drawn=drawn, others=others, counts=(_int(item["num_gold"]),))


def _rule(item: Facts) -> Line:
    alone, among = _map(item["alone"]), _map(item["among_others"])
    return Line(
        name=str(item["rule"]),
        drawn=_estimate(alone["precision"]),
        others=(_estimate(alone["recall"]), _estimate(among["precision"])),
        counts=(_int(alone["num_documents"]), _int(alone["num_judged"])),
    )


def _moved(item: Facts) -> Moved:
    return Moved(
        name=f"{item['rule']} {item['key']}",
        before=_float(item["before"]),
        after=_float(item["after"]),
        judged=_int(item["num_judged"]),
        change=_estimate(item["change"]).measure,
        is_proposed=bool(item["is_proposed"]),
    )


def _disputed(item: Facts) -> Disputed:
    answers = ", ".join(f"{who}: {what}" for who, what in _map(item["answers"]).items())
    return Disputed(name=str(item["doc_id"]), answers=answers, text=str(item["text"]))


def _change(value: object) -> Facts | None:
    if value is None:
        return None
    item = _map(value)
    counts = {name: _int(item[name]) for name in ("kept_before", "kept_after", "num_documents")}
    return counts | {name: _estimate(item[name]) for name in ("precision_before", "precision_after")}


def _classifier(value: object) -> Facts | None:
    if value is None:
        return None
    item = _map(value)
    return {
        "rule": str(item["rule"]),
        "num_labels": _int(item["num_labels"]),
        "keep_share": _float(item["keep_share"]),
        "before": _estimate(item["precision_before"]),
        "after": _estimate(item["precision_after"]),
        "is_proposed": bool(item["is_proposed"]),
    }


def _estimate(value: object) -> Estimate:
    item = _map(value)
    numbers = {name: None if item[name] is None else _float(item[name]) for name in ("value", "low", "high")}
    return Estimate(measure=Measure(**numbers))


def _map(value: object) -> Facts:
    if not isinstance(value, dict):
        raise TypeError("expected an object")
    return value


def _maps(value: object) -> list[Facts]:
    if not isinstance(value, list):
        raise TypeError("expected a list")
    return [_map(item) for item in value]


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("expected a whole number")
    return value


def _float(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError("expected a number")
    return float(value)
