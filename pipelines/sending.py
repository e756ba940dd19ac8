"""Questions about documents that a person chose: the table `sent/`, which is asked like `tasks/`.

No digest covers it, as none covers `people/`: a run is what its spec makes of its input, and this comes later. A
document that people are asked about already is not asked about again. As many may be sent as the run itself may ask
about (`review.budget`), so that a slip of the hand is no month of work.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from curation.errors import InputError, SpecError
from curation.identity import fingerprint, type_of_id
from curation.review.selection import SENT
from curation.schema import REVIEW_ROUTES, REVIEW_TASKS
from pipelines.asking import Privacy, question
from pipelines.lock import run_lock
from pipelines.lookup import parts_of, rows_of
from pipelines.parts import write_part
from pipelines.questions import spec_of
from pipelines.rundir import Run
from pipelines.spec import JobSpec

REASON = "sent by a person"
NAME_DIGITS = 16

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of documents that a person chose."""

    num_new: int
    num_asked_before: int


def send_to_review(run: Run, ids: Sequence[bytes], *, decided: Run) -> Sent:
    """Asks people about documents of a finished run.

    Args:
        run: the run, not one of its rounds.
        ids: the documents.
        decided: the run or its newest round, which says what became of them.

    Raises:
        InputError: a document is not one of the run's, its text was removed, or the run is unfinished.
        SpecError: more would be sent than `review.budget` allows.
        RunLocked: another process sends or writes the run.
    """
    spec = spec_of(run)
    if spec is None or not run.manifest():
        raise InputError(f"{run.store.uri}: expected a finished run of this version, found another")
    with run_lock(run.store):
        sent = _ids(run, "sent")
        wanted = sorted(set(ids))
        new = [doc_id for doc_id in wanted if doc_id not in sent | _ids(run, "tasks")]
        _check_budget(spec, len(sent) + len(new))
        if new:
            _write(run, _questions(run, new, decided, spec, num_before=run.dataset("tasks").count_rows() + len(sent)))
    return Sent(num_new=len(new), num_asked_before=len(wanted) - len(new))


def _ids(run: Run, table: str) -> set[bytes]:
    """Returns the documents that one of the tables of questions asks about, each by itself."""
    found = run.dataset(table).to_table(columns=["doc_id"], filter=pc.field("kind") == "document")
    return set(found["doc_id"].to_pylist())


def _check_budget(spec: JobSpec, num_sent: int) -> None:
    if num_sent > spec.review.budget:
        raise SpecError(
            f"review.budget: expected at most {spec.review.budget} documents sent by people, found {num_sent}; "
            "send fewer, or run the job with a larger budget"
        )


def _questions(run: Run, ids: Sequence[bytes], decided: Run, spec: JobSpec, *, num_before: int) -> list[Row]:
    parts = parts_of(run, ids)
    tables = [
        rows_of(run, "measured", parts, columns=["doc_id", "source", "text"]),
        rows_of(run, "signatures", parts, columns=["doc_id", "text_hash"]),
        rows_of(decided, "decisions", parts, columns=["doc_id", "state", "decided_by", "review_reasons"]),
    ]
    privacy = Privacy.of(spec)
    rows = []
    for place, doc_id in enumerate(ids):
        row = {name: value for table in tables for name, value in table.get(doc_id, {}).items()}
        missing = {"text", "text_hash", "state"} - row.keys()
        if missing or row["text"] is None:
            raise InputError(
                f"document {doc_id.hex()}: expected one of {run.store.uri} with its text, found none; a text that "
                "people wrote is not asked about again, and a run may have its texts removed"
            )
        asked = question(row, None, REVIEW_ROUTES[SENT], reason=REASON, priority=num_before + place)
        rows.append(asked | privacy.of_question(row))
    return rows


def _write(run: Run, rows: Sequence[Row]) -> None:
    name = fingerprint([str(row["review_key"]) for row in rows])[:NAME_DIGITS]
    batches = pa.Table.from_pylist(list(rows), REVIEW_TASKS).to_batches()
    write_part(run.store, f"sent/part-{name}.parquet", REVIEW_TASKS, batches)


def ids_of(digits: Sequence[str]) -> list[bytes]:
    """Returns ids from their hex digits.

    Raises:
        InputError: one is no id.
    """
    try:
        found = [bytes.fromhex(item) for item in digits]
    except ValueError:
        found = [b""]
    if any(len(item) != type_of_id.byte_width for item in found):
        raise InputError("expected ids of 32 hex digits, found others")
    return found
