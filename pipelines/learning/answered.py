"""A run's questions with the answers that hold: what all that is learnt starts from."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from curation.review.agreement import Agreement, Level, agreement
from curation.review.reviewer_errors import GoldAnswer
from curation.review.rulings import current_answers
from curation.schema import REVIEW_ROUTES, REVIEW_TASKS
from pipelines.learning.gold import gold_of
from pipelines.rundir import Run

DROP = "drop"
SHOWN_CHARS = 160
LONG = ("text", "other_text")
ASKED = ("tasks", "sent")

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Questions by key, without texts, in the order of asking; the answers that hold; gold by document."""

    questions: Mapping[str, Row]
    answers: tuple[Row, ...]
    gold: Mapping[bytes, str]
    num_skipped: int

    @property
    def by_question(self) -> dict[str, list[Row]]:
        """Answers by key, in the order of asking; only questions that somebody answered."""
        found: dict[str, list[Row]] = {key: [] for key in self.questions}
        for row in self.answers:
            found.setdefault(str(row["review_key"]), []).append(row)
        return {key: rows for key, rows in found.items() if rows}


def answered(run: Run) -> Answered:
    """Returns what people were asked and answered."""
    names = [name for name in REVIEW_TASKS.names if name not in LONG]
    tasks = [row for table in ASKED for row in run.dataset(table).to_table(names).sort_by("priority").to_pylist()]
    people = run.dataset("people").to_table()
    return Answered(
        questions={row["review_key"]: row for row in tasks},
        answers=tuple(current_answers(people)),
        gold=gold_of(run),
        num_skipped=_num_skipped(people.select(["kind", "annotation_id", "event"]).to_pylist()),
    )


def _num_skipped(rows: Sequence[Row]) -> int:
    last = {(row["kind"], row["annotation_id"]): row["event"] for row in rows}
    return sum(event == "skipped" for event in last.values())


def says_drop(row: Row) -> bool:
    """Returns whether an answer about a document drops it: one that is to be edited is worth keeping."""
    return row["decision"] == DROP


def gold_answers(of: Answered) -> list[GoldAnswer]:
    """Returns what reviewers answered about gold documents."""
    return [
        GoldAnswer(str(row["reviewer"]), says_drop(row), of.gold[doc_id] == DROP)
        for row in of.answers
        if row["kind"] == "document" and isinstance(doc_id := row["doc_id"], bytes) and doc_id in of.gold
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """How far people have come with the questions of one route."""

    route: str
    num_questions: int
    num_answered: int  # by somebody
    num_open: int  # that still want an answer, of one person or more


def queue_states(of: Answered) -> list[QueueState]:
    """Returns the state of each route that has questions."""
    given = Counter(str(row["review_key"]) for row in of.answers)
    found = []
    for route in REVIEW_ROUTES:
        rows = [row for row in of.questions.values() if row["route"] == route]
        counts = [(given[str(row["review_key"])], int(str(row["num_reviewers"]))) for row in rows]
        if rows:
            found.append(
                QueueState(
                    route=route,
                    num_questions=len(rows),
                    num_answered=sum(count > 0 for count, _ in counts),
                    num_open=sum(count < wanted for count, wanted in counts),
                )
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """How far all reviewers agree on one thing that they are asked."""

    name: str
    level: Level
    found: Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """How far two reviewers agree on decisions about documents."""

    one: str
    other: str
    found: Agreement


def field_agreement(of: Answered, *, seed: int = 0) -> list[Field]:
    """Returns the agreement on each thing that at least one question has two answers to."""
    documents = [row for row in of.answers if row["kind"] == "document"]
    pairs = [row for row in of.answers if row["kind"] == "pair"]
    fields: tuple[tuple[str, Level, list[tuple[object, object]]], ...] = (
        ("decision", "nominal", [(row["review_key"], row["decision"]) for row in documents]),
        ("pair", "nominal", [(row["review_key"], row["decision"]) for row in pairs]),
        ("quality", "ordinal", [(row["review_key"], row["quality"]) for row in documents if row["quality"]]),
        ("issues", "nominal", list(_marks(documents, "issues"))),
        ("personal data", "nominal", list(_marks(documents, "spans"))),
    )
    found = [Field(name=name, level=level, found=_agreement(given, level, seed)) for name, level, given in fields]
    return [field for field in found if field.found.num_units]


def _marks(rows: Sequence[Row], name: str) -> Iterator[tuple[object, object]]:
    """Yields ((question, mark), whether an answer has it) of every mark that some answer has."""
    given = [(row["review_key"], _labels(row[name])) for row in rows]
    every = sorted({label for _, labels in given for label in labels})
    for key, labels in given:
        for label in every:
            yield (key, label), label in labels


def _labels(value: object) -> set[str]:
    items = value if isinstance(value, list) else []
    return {str(item["label"] if isinstance(item, Mapping) else item) for item in items}


def pair_agreement(of: Answered, *, seed: int = 0) -> list[Pair]:
    """Returns the agreement of every two reviewers who decided on the same document, most documents first."""
    documents = [row for row in of.answers if row["kind"] == "document"]
    reviewers = sorted({str(row["reviewer"]) for row in documents})
    found = []
    for one, other in combinations(reviewers, 2):
        given = [(row["review_key"], row["decision"]) for row in documents if row["reviewer"] in {one, other}]
        both = _agreement(given, "nominal", seed)
        if both.num_units:
            found.append(Pair(one=one, other=other, found=both))
    return sorted(found, key=lambda pair: (-pair.found.num_units, pair.one, pair.other))


def _agreement(given: Sequence[tuple[object, object]], level: Level, seed: int) -> Agreement:
    units = {unit: place for place, unit in enumerate(dict.fromkeys(unit for unit, _ in given))}
    ranks = {value: rank for rank, value in enumerate(sorted({value for _, value in given}, key=_order))}
    unit_A = np.array([units[unit] for unit, _ in given], dtype=np.int64)
    value_A = np.array([ranks[value] for _, value in given], dtype=np.int64)
    return agreement(unit_A, value_A, level=level, seed=seed)


def _order(value: object) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int) else (0.0, str(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """A question on which reviewers disagree; `ruling` is what a strict majority says, null where there is none."""

    review_key: str
    kind: str
    doc_id: str
    other_id: str | None
    task_id: int
    source: str
    reason: str
    answers: dict[str, str]  # by reviewer
    ruling: str | None
    text: str


def disputes(of: Answered, run: Run) -> list[Dispute]:
    """Returns the adjudication queue: what no majority decides first, then in the order of asking."""
    disputed = {key: rows for key, rows in of.by_question.items() if len({row["decision"] for row in rows}) > 1}
    texts = _texts(run, disputed)
    found = []
    for key, rows in disputed.items():
        question = of.questions.get(key, rows[0])
        votes = Counter(str(row["decision"]) for row in rows)
        decision, count = votes.most_common(1)[0]
        found.append(
            Dispute(
                review_key=key,
                kind=str(rows[0]["kind"]),
                doc_id=_hex(rows[0]["doc_id"]),
                other_id=_hex(rows[0]["other_id"]) or None,
                task_id=int(str(rows[0]["task_id"])),
                source=str(question.get("source", "")),
                reason=str(question.get("reason", "")),
                answers={str(row["reviewer"]): str(row["decision"]) for row in rows},
                ruling=decision if count > len(rows) / 2 else None,
                text=texts.get(key, ""),
            )
        )
    return sorted(found, key=lambda dispute: dispute.ruling is not None)


def _texts(run: Run, keys: Mapping[str, object]) -> dict[str, str]:
    if not keys:
        return {}
    columns = ["review_key", "text"]
    rows = [row for table in ASKED for row in run.dataset(table).to_table(columns).to_pylist()]
    return {row["review_key"]: row["text"][:SHOWN_CHARS] for row in rows if row["review_key"] in keys}


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else ""
