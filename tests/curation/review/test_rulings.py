"""What answers come to does not depend on their order, and only whole majorities decide."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.identity import secure_hash
from curation.review.rulings import ANY_TEXT, overruled, rulings_of, without_stale
from curation.schema import PEOPLE_DECISIONS, VERDICTS

MARK = {"label": "PERSON", "start": 2, "end": 5}
A, B = secure_hash(b"a"), secure_hash(b"b")


def said(
    reviewer: int, decision: str, *, kind: str = "document", minute: int = 0, **changed: object
) -> dict[str, object]:
    return {
        "doc_id": A,
        "text_hash": A,
        "other_id": B if kind == "pair" else None,
        "review_key": f"key of {kind}",
        "kind": kind,
        "route": "doubt",
        "inclusion_probability": 1.0,
        "reviewer": f"reviewer {reviewer}",
        "event": "answered",
        "decision": decision,
        "issues": [],
        "spans": [],
        "config_version": "0",
        "task_id": 1,
        "annotation_id": reviewer * 100 + minute,
        "updated_at": datetime(2026, 1, 1, 0, minute, tzinfo=UTC),
        **changed,
    }


def ruling(*rows: dict[str, object]) -> dict[bytes, str]:
    table = rulings_of(pa.Table.from_pylist(list(rows), PEOPLE_DECISIONS)).table
    return dict(zip(table["doc_id"].to_pylist(), table["ruling"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([said(1, "keep")], "keep"),
        ([said(1, "keep"), said(2, "drop")], "disputed"),
        ([said(1, "keep"), said(2, "drop"), said(3, "drop")], "drop"),
        ([said(1, "keep"), said(1, "drop", minute=5)], "drop"),
        ([said(1, "edit", rewrite="better")], "rewrite"),
        ([said(1, "edit")], "keep"),
        ([said(1, "edit", spans=[MARK]), said(2, "keep")], "edit"),
        ([said(1, "keep", spans=[MARK]), said(2, "drop"), said(3, "drop")], "drop"),
        ([said(1, "edit", spans=[{**MARK, "label": "NOT_PII"}])], "keep"),
        ([said(1, "edit", spans=[MARK], rewrite="better")], "rewrite"),
    ],
)
def test_the_last_word_of_each_reviewer_counts_and_a_majority_decides(rows, expected):
    assert ruling(*rows) == {A: expected}


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["keep", "drop", "edit"]), st.integers(0, 59)),
        unique_by=lambda t: (t[0], t[2]),
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(answers, random):
    rows = [said(reviewer, decision, minute=minute) for reviewer, decision, minute in answers]
    mixed = random.sample(rows, len(rows))
    assert ruling(*rows) == ruling(*mixed)


def test_a_verdict_that_takes_one_of_a_pair_says_nothing_of_the_other_but_keep():
    assert ruling(said(1, "keep_a", kind="pair")) == {A: "keep", B: "drop"}
    assert ruling(said(1, "keep_b", kind="pair")) == {A: "drop"}
    found = rulings_of(pa.Table.from_pylist([said(1, "keep_both", kind="pair")], PEOPLE_DECISIONS))
    assert found.different == {(A, B)}


def test_an_unsure_answer_decides_nothing():
    assert ruling(said(1, "unsure", kind="pair")) == {}


def test_rulings_about_another_text_are_left_out_and_those_about_any_text_stay():
    table = rulings_of(pa.Table.from_pylist([said(1, "keep_a", kind="pair")], PEOPLE_DECISIONS)).table
    assert without_stale(table, {A: A}).num_rows == 2
    assert without_stale(table, {A: B})["doc_id"].to_pylist() == [B]
    assert ANY_TEXT in table["text_hash"].to_pylist()


def test_verdicts_keep_what_the_gates_found_beside_what_people_say():
    entry = {"rule": "quality/num_words", "value": 49.0, "threshold": 50.0, "found": None, "action": "review"}
    row = {"doc_id": A, "state": "review", "decided_by": "quality/num_words", "entries": [entry]}
    batch = pa.RecordBatch.from_pylist([row], VERDICTS)
    rulings = rulings_of(pa.Table.from_pylist([said(1, "drop")], PEOPLE_DECISIONS)).table
    (found,) = overruled(batch, rulings, unanswered="hold").to_pylist()
    assert (found["state"], found["decided_by"]) == ("dropped", "people/drop")
    assert [item["rule"] for item in found["entries"]] == ["people/drop", "quality/num_words"]
    (left,) = overruled(batch, rulings.slice(0, 0), unanswered="hold").to_pylist()
    assert left == row
