"""Gold: documents of a run whose right answer an expert gave, kept in `gold/` and never shown to reviewers.

They are asked about like any others, so what reviewers answer there says how often they are wrong. No classifier is
trained on them.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from curation.errors import InputError
from curation.identity import uniform_of
from curation.review.selection import AUDIT_DROPPED, AUDIT_KEPT
from curation.schema import GOLD, REVIEW_ROUTES
from pipelines.rundir import Run

NAME = "gold/gold.parquet"
DECISIONS = ("keep", "edit", "drop")
ID_DIGITS = 32
MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of a file of gold answers; reviewers never see those of which nobody is asked."""

    num_gold: int
    num_new: int
    num_changed: int
    num_unasked: int


def gold_of(run: Run) -> dict[bytes, str]:
    """Returns the right answer by document."""
    table = run.dataset("gold").to_table()
    return dict(zip(table["doc_id"].to_pylist(), table["decision"].to_pylist(), strict=True))


def add_gold(run: Run, path: Path) -> Added:
    """Adds the answers of a JSONL file to a run's; a later answer about a document replaces an earlier one.

    Args:
        run: the run.
        path: a line of JSON per document, with `doc_id` (hex) and `decision`; lines without a decision are not answers.

    Raises:
        InputError: a line is no answer about a document of the run.
    """
    before, given = gold_of(run), dict(_answers(path))
    _check_known(run, given, path)
    after = before | given
    rows = [{"doc_id": doc_id, "decision": after[doc_id]} for doc_id in sorted(after)]
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, GOLD), content)
    run.store.write(NAME, content.getvalue(), replace=True)
    asked = {
        row["doc_id"] for table in ("tasks", "sent") for row in run.dataset(table).to_table(["doc_id"]).to_pylist()
    }
    return Added(
        num_gold=len(after),
        num_new=len(given.keys() - before.keys()),
        num_changed=sum(before.get(doc_id, decision) != decision for doc_id, decision in given.items()),
        num_unasked=len(after.keys() - asked),
    )


def _answers(path: Path) -> Iterator[tuple[bytes, str]]:
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: expected at most {MAX_BYTES >> 20} MiB of answers, found {len(content):,} bytes")
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise InputError(f"{path}:{number}: expected a JSON object, found none") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}:{number}: expected a JSON object, found {type(row).__name__}")
        if row.get("decision") is not None:
            yield _answer(row, f"{path}:{number}")


def _answer(row: Mapping[str, object], where: str) -> tuple[bytes, str]:
    digits, decision = str(row.get("doc_id")), str(row["decision"])
    if decision not in DECISIONS:
        raise InputError(f"{where}: decision: expected one of {', '.join(DECISIONS)}, found {decision[:40]!r}")
    try:
        identifier = bytes.fromhex(digits)
    except ValueError:
        identifier = b""
    if len(digits) != ID_DIGITS or len(identifier) != ID_DIGITS // 2:
        raise InputError(f"{where}: doc_id: expected {ID_DIGITS} hex digits, found {digits[:40]!r}")
    return identifier, decision


def _check_known(run: Run, given: Mapping[bytes, str], path: Path) -> None:
    wanted = pa.array(sorted(given), GOLD.field("doc_id").type)
    found = run.dataset("measured").to_table(["doc_id"], filter=pc.field("doc_id").isin(wanted))
    unknown = given.keys() - set(found["doc_id"].to_pylist())
    if unknown:
        raise InputError(
            f"{path}: expected documents of {run.store.uri}, found {len(unknown)} others, such as {min(unknown).hex()}"
        )


def questions_for_gold(run: Run, count: int, *, seed: int) -> list[dict[str, object]]:
    """Returns questions for an expert, without gold: random ones of the random slices, kept and dropped by turns.

    Drawn at random, gold says how often reviewers are wrong about documents as they come.

    Args:
        run: the run.
        count: how many at most.
        seed: another seed, others.
    """
    known, turns = gold_of(run), []
    for route in (AUDIT_KEPT, AUDIT_DROPPED):
        is_wanted = (pc.field("route") == REVIEW_ROUTES[route]) & (pc.field("kind") == "document")
        table = run.dataset("tasks").to_table(["doc_id", "source", "text"], filter=is_wanted)
        draw = uniform_of(table["doc_id"].combine_chunks(), seed=seed, purpose="review/gold")
        rows = [
            row for row in table.take(pa.array(draw.argsort(kind="stable"))).to_pylist() if row["doc_id"] not in known
        ]
        turns.append([(turn, row) for turn, row in enumerate(rows)])
    chosen = sorted((item for rows in turns for item in rows), key=lambda item: item[0])[:count]
    return [
        {"doc_id": row["doc_id"].hex(), "decision": None, "source": row["source"], "text": row["text"]}
        for _, row in chosen
    ]
