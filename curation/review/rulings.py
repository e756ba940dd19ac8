"""What people's answers come to: one ruling per document, and verdicts in which it stands above the gates.

The last answer of each reviewer to a question counts; answers that were skipped or taken back do not. Of several
reviewers a strict majority decides; where there is none the document is disputed, and counts as unanswered. What
reviewers who keep a document mark in it is taken out or masked: the marks of all who edit it, since personal data that
one of them overlooked is personal data.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from curation.review.corrections import corrections
from curation.schema import RULINGS, VERDICT, VERDICTS

PREFIX = "people/"
UNANSWERED = "people/unanswered"
ANY_TEXT = bytes(16)
_DECISIONS = frozenset({"keep", "edit", "drop"})
_PAIRS = {
    "keep_a": ("keep", "drop"),
    "keep_b": ("drop", "keep"),
    "keep_both": ("keep", "keep"),
    "drop_both": ("drop", "drop"),
}
"""What an answer about a pair says of document A, the later one, and of B."""

Row = Mapping[str, object]
Pair = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """RULINGS, the pairs that people found to be different documents, and how many answers were counted."""

    table: pa.Table
    different: frozenset[Pair]
    num_answers: int


def current_answers(answers: pa.Table) -> list[Row]:
    """Returns the answers that hold: the last of each reviewer to each question, if it is one."""
    last: dict[tuple[str, str], Row] = {}
    for row in _last_of_annotations(answers.to_pylist()):
        key = (str(row["review_key"]), str(row["reviewer"]))
        if key not in last or _moment(row) >= _moment(last[key]):
            last[key] = row
    return [last[key] for key in sorted(last)]


def _last_of_annotations(rows: Iterable[Row]) -> list[Row]:
    """Returns the last row of each annotation that is an answer."""
    found: dict[object, Row] = {}
    for row in rows:
        found[(row["kind"], row["annotation_id"])] = row
    return [row for row in found.values() if row["event"] == "answered"]


def _moment(row: Row) -> tuple[str, int]:
    return str(row["updated_at"]), int(str(row["annotation_id"]))


def rulings_of(answers: pa.Table) -> Ruled:
    """Returns what PEOPLE_DECISIONS come to. Neither the order of rows nor who answered first matters.

    An answer about a pair says something of its second document too where it drops it; `keep_both` also says that the
    two are different documents.
    """
    rows = current_answers(answers)
    by_document: dict[bytes, list[_Said]] = {}
    different: dict[Pair, Counter[bool]] = {}
    for row in rows:
        decision, doc_id, other_id = str(row["decision"]), row["doc_id"], row["other_id"]
        assert isinstance(doc_id, bytes), "ids are 16 bytes"
        text_hash = row["text_hash"]
        assert isinstance(text_hash, bytes), "hashes are 16 bytes"
        if row["kind"] == "document" and decision in _DECISIONS:
            by_document.setdefault(doc_id, []).append(_said(row, decision, text_hash))
        elif isinstance(other_id, bytes) and decision in _PAIRS:
            mine, others = _PAIRS[decision]
            by_document.setdefault(doc_id, []).append(_Said(ruling=mine, text_hash=text_hash))
            if others == "drop":
                by_document.setdefault(other_id, []).append(_Said(ruling=others, text_hash=ANY_TEXT))
            different.setdefault((doc_id, other_id), Counter())[decision == "keep_both"] += 1
    table = pa.Table.from_pylist([_ruling(doc_id, by_document[doc_id]) for doc_id in sorted(by_document)], RULINGS)
    parted = frozenset(pair for pair, votes in different.items() if votes[True] > votes[False])
    return Ruled(table=table, different=parted, num_answers=len(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What one answer says of one document."""

    ruling: str
    text_hash: bytes
    rewrite: str | None = None
    spans: Sequence[Row] = ()


def _said(row: Row, decision: str, text_hash: bytes) -> _Said:
    """Returns what an answer about a document says; marks count where it is kept and not written anew."""
    rewrite, marks = row["rewrite"], row["spans"]
    if decision == "edit" and rewrite:
        return _Said(ruling="rewrite", text_hash=text_hash, rewrite=str(rewrite))
    if decision == "drop":
        return _Said(ruling="drop", text_hash=text_hash)
    spans = corrections(marks if isinstance(marks, list) else ())
    return _Said(ruling="keep", text_hash=text_hash, spans=spans)


def _ruling(doc_id: bytes, given: Sequence[_Said]) -> dict[str, object]:
    votes = Counter(said.ruling for said in given)
    first, count = votes.most_common(1)[0]
    ruling = first if count > len(given) / 2 else "disputed"
    rewrites = sorted({said.rewrite for said in given if said.rewrite})
    spans = corrections(span for said in given for span in said.spans) if ruling == "keep" else []
    return {
        "doc_id": doc_id,
        "text_hash": max(said.text_hash for said in given),
        "ruling": "edit" if spans else ruling,
        "rewrite": rewrites[0] if ruling == "rewrite" else None,
        "spans": spans or None,
        "num_reviewers": len(given),
    }


def overruled(verdicts: pa.RecordBatch, rulings: pa.Table, *, unanswered: str) -> pa.RecordBatch:
    """Returns VERDICTS in which people's rulings stand above the gates.

    Args:
        verdicts: by the gates.
        rulings: RULINGS.
        unanswered: what becomes of a document in review that nobody decided: hold, keep or drop.
    """
    said = dict(zip(rulings["doc_id"].to_pylist(), rulings["ruling"].to_pylist(), strict=True))
    rows = verdicts.to_pylist()
    return pa.RecordBatch.from_pylist([_overruled(row, said.get(row["doc_id"]), unanswered) for row in rows], VERDICTS)


def _overruled(row: dict[str, object], ruling: str | None, unanswered: str) -> dict[str, object]:
    if ruling in {None, "disputed"}:
        if row["state"] != "review" or unanswered == "hold":
            return row
        return _decided(row, "kept" if unanswered == "keep" else "dropped", UNANSWERED)
    return _decided(row, "kept" if ruling == "keep" else "dropped", f"{PREFIX}{ruling}")


def _decided(row: dict[str, object], state: str, rule: str) -> dict[str, object]:
    """Returns a verdict with people's word first; what the gates found stays beside it."""
    entries = row["entries"]
    assert isinstance(entries, list), "entries are a list"
    said = {"rule": rule, "value": None, "threshold": None, "found": "people", "action": "drop"}
    assert list(said) == [field.name for field in VERDICT], "an entry has the fields of VERDICT"
    return {**row, "state": state, "decided_by": rule, "entries": [said, *entries] if state == "dropped" else entries}


def without_stale(rulings: pa.Table, text_hash: Mapping[bytes, bytes]) -> pa.Table:
    """Returns the rulings about texts that are still those of their documents.

    Args:
        rulings: RULINGS; one without a hash is about a document whatever its text.
        text_hash: of each document that a ruling may be about.
    """
    pairs = zip(rulings["doc_id"].to_pylist(), rulings["text_hash"].to_pylist(), strict=True)
    holds = [judged in {ANY_TEXT, text_hash.get(doc_id)} for doc_id, judged in pairs]
    return rulings.filter(pa.array(np.array(holds, dtype=bool)))
