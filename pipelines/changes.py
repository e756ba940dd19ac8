"""Documents that change sides, a few of each kind of change, with what each side says of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypedDict, cast

import duckdb
import pyarrow as pa

from curation.routing import GatesOfSource, judge
from pipelines.answers import Failure, Match
from pipelines.deciding import review_reason
from pipelines.lookup import MeasuredRow, decision_rows, measured_rows, named, parts_of, rows_of
from pipelines.rundir import Run

EXCERPT_CHARS = 300


class Reasons(TypedDict):
    """Why a document stands where it does: the rules that it failed, and why people should look at it."""

    failed: list[Failure]
    review_reasons: list[str]


class Standing(Reasons):
    """Where a document stands on one side."""

    state: str
    decided_by: str | None


class Change(TypedDict):
    """A document that changes sides; null: that side never read it."""

    document: Match
    before: Standing | None
    after: Standing | None
    excerpt: str


ReasonsOf = Callable[[Sequence[bytes]], Mapping[bytes, Reasons]]
"""Returns the reasons of one side by id; an id that it does not know is left out."""

NOTHING = Reasons(failed=[], review_reasons=[])

SAMPLE = """
SELECT doc_id, before, before_by, after, after_by FROM sides WHERE before IS DISTINCT FROM after
QUALIFY row_number() OVER (PARTITION BY before, after ORDER BY md5(hex(doc_id) || $seed), doc_id) <= $count
ORDER BY before, after, md5(hex(doc_id) || $seed), doc_id
"""


def changes(
    connection: duckdb.DuckDBPyConnection,
    runs: Iterable[Run],
    reasons: tuple[ReasonsOf, ReasonsOf],
    *,
    count: int,
    seed: int,
) -> list[Change]:
    """Returns `count` documents of each kind of change (from which state to which), the same ones each time.

    Args:
        connection: holds the table `sides` (see `pipelines.comparison.cells`).
        runs: where the documents lie.
        reasons: of the side before and of the side after.
        count: how many of each kind at most.
        seed: another seed shows other documents.
    """
    chosen = connection.execute(SAMPLE, {"count": count, "seed": str(seed)}).fetchall()
    ids = [bytes(row[0]) for row in chosen]
    rows: dict[bytes, MeasuredRow] = {}
    for run in runs:
        rows |= measured_rows(run, parts_of(run, ids), ["text"])
    before_of, after_of = (of(ids) for of in reasons)
    return [
        Change(
            document=named(rows[doc_id]),
            before=_standing(before, before_by, before_of.get(doc_id, NOTHING)),
            after=_standing(after, after_by, after_of.get(doc_id, NOTHING)),
            excerpt=(rows[doc_id].get("text") or "")[:EXCERPT_CHARS],
        )
        for doc_id, (_, before, before_by, after, after_by) in zip(ids, chosen, strict=True)
    ]


def _standing(state: str | None, decided_by: str | None, reasons: Reasons) -> Standing | None:
    return None if state is None else Standing(state=state, decided_by=decided_by, **reasons)


def stored_reasons(run: Run) -> ReasonsOf:
    """Returns what the decisions of a run say."""

    def of(ids: Sequence[bytes]) -> Mapping[bytes, Reasons]:
        found = decision_rows(run, parts_of(run, ids))
        return {
            doc_id: Reasons(failed=row["failed"], review_reasons=row["review_reasons"]) for doc_id, row in found.items()
        }

    return of


def judged_reasons(run: Run, gates: tuple[GatesOfSource, ...], columns: Sequence[str]) -> ReasonsOf:
    """Returns what `gates` say of the documents of a run.

    Args:
        run: the run.
        gates: by input.
        columns: of `measured`, that the gates read.
    """
    schema = pa.schema([run.measured.schema.field(name) for name in columns])

    def of(ids: Sequence[bytes]) -> Mapping[bytes, Reasons]:
        rows = rows_of(run, "measured", parts_of(run, ids), columns=columns)
        verdicts = judge(pa.RecordBatch.from_pylist(list(rows.values()), schema), gates)
        return {row["doc_id"]: _reasons(row["entries"]) for row in verdicts.to_pylist()}

    return of


def _reasons(entries: list[dict[str, object]]) -> Reasons:
    failed = [
        cast(Failure, {name: entry[name] for name in Failure.__annotations__})
        for entry in entries
        if entry["action"] == "drop"
    ]
    return Reasons(
        failed=failed, review_reasons=[review_reason(entry) for entry in entries if entry["action"] == "review"]
    )
