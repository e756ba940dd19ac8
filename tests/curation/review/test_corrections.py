"""Corrections take out or mask exactly what was marked, and their records account for every byte."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.review.corrections import LABELS, NOT_PERSONAL, corrected, corrections
from curation.schema import EDIT

TEXTS = st.text(alphabet="ab \n漢é🎉\u202e", max_size=30)
SPANS = st.lists(
    st.builds(
        lambda start, size, label: {"label": label, "start": start, "end": start + size},
        st.integers(0, 30),
        st.integers(0, 8),
        st.sampled_from([*LABELS, NOT_PERSONAL, "OTHER"]),
    ),
    max_size=6,
)


def batch(*texts: str) -> pa.RecordBatch:
    schema = pa.schema([pa.field("text", pa.string()), pa.field("edits", pa.list_(EDIT))])
    return pa.RecordBatch.from_pylist([{"text": text, "edits": []} for text in texts], schema)


def span(label: str, start: int, end: int) -> dict[str, object]:
    return {"label": label, "start": start, "end": end}


def replaced(text: str, spans: list[dict[str, object]]) -> str:
    """The definition: from the last span to the first."""
    for one in reversed(spans):
        start, end = int(str(one["start"])), int(str(one["end"]))
        put = "" if one["label"] == "REMOVE" or start >= len(text) else f"<{one['label']}>"
        text = text[:start] + put + text[end:]
    return text


def test_what_is_marked_is_taken_out_or_masked_and_recorded_in_bytes():
    (row,) = corrected(
        batch("漢 call Ada Byron now, buy cheap!"), [[span("PERSON", 7, 16), span("REMOVE", 20, 32)]]
    ).to_pylist()
    assert row["text"] == "漢 call <PERSON> now"
    assert row["edits"] == [
        {"rule": "people/person", "start": 9, "end": 18, "removed_bytes": 1, "replacement": "<PERSON>"},
        {"rule": "people/remove", "start": 22, "end": 34, "removed_bytes": 12, "replacement": ""},
    ]


def test_overlapping_marks_are_one_and_a_removal_wins():
    marks = [span("EMAIL", 5, 9), span("PERSON", 0, 6), span("REMOVE", 8, 12), span(NOT_PERSONAL, 0, 3)]
    assert corrections(marks) == [span("REMOVE", 0, 12)]
    assert corrections([span("EMAIL", 5, 9), span("PERSON", 0, 6)]) == [span("PERSON", 0, 9)]


@settings(max_examples=50)
@given(st.lists(st.tuples(TEXTS, SPANS), min_size=1, max_size=4))
def test_bytes_in_are_bytes_out_and_bytes_removed_whatever_is_marked(rows):
    spans = [corrections(marks) for _, marks in rows]
    found = corrected(batch(*(text for text, _ in rows)), spans).to_pylist()
    for (text, _), mine, row in zip(rows, spans, found, strict=True):
        assert row["text"] == replaced(text, mine)
        removed = sum(edit["removed_bytes"] for edit in row["edits"])
        assert len(text.encode()) == len(row["text"].encode()) + removed


@settings(max_examples=50)
@given(SPANS, st.randoms(use_true_random=False))
def test_the_order_of_marks_does_not_matter_and_corrections_stay_as_they_are(marks, draw):
    once = corrections(marks)
    draw.shuffle(marks)
    assert corrections(marks) == once
    assert corrections(once) == once
    ends = [one["end"] for one in once]
    assert all(one["start"] >= end for one, end in zip(once[1:], ends, strict=False))
