"""What a browser says of marked words, read as places in the document."""

import pytest

from annotator.answers import Asked, Seen, new_rows
from annotator.showing import shown
from tests.annotator.made_tasks import question

TEXT = "🎉🎉 one two\nthree four"


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [(3, 10, "one two"), (5, 12, "one two"), (9, 18, "two\\nthree"), (7, 16, "two\\nthree"), (3, 10, None)],
    ids=["characters", "UTF-16", "UTF-16 over lines", "characters over lines", "no words"],
)
def test_marked_words_are_found_whichever_way_their_place_is_counted(start: int, end: int, words: str | None):
    row = question(1, text=TEXT)
    value = {"start": start, "end": end, "labels": ["REMOVE"], **({"text": words} if words else {})}
    annotation = {
        "id": 5,
        "completed_by": 1,
        "updated_at": "2026-01-01T00:00:00Z",
        "result": [{"from_name": "pii", "value": value}],
    }
    asked = Asked(rows={7: row}, users={1: "ada"}, config_version="", model_version="", shown=lambda _: shown([row])[0])
    (found,) = new_rows({"id": 7, "annotations": [annotation]}, asked, Seen())
    ((span,),) = (found["spans"],)
    assert TEXT[span["start"] : span["end"]] == (words or "one two").replace("\\n", "\n")


@pytest.mark.parametrize(("start", "end"), [(-1, 4), (4, 4), (9, 3), (0, 10**9), ("0", "4")])
def test_marks_that_lie_nowhere_are_as_if_they_were_not_there(start: object, end: object):
    row = question(1, text=TEXT)
    result = [{"from_name": "pii", "value": {"start": start, "end": end, "labels": ["REMOVE"]}}]
    annotation = {"id": 5, "completed_by": 1, "updated_at": "2026-01-01T00:00:00Z", "result": result}
    asked = Asked(rows={7: row}, users={}, config_version="", model_version="", shown=lambda _: shown([row])[0])
    (found,) = new_rows({"id": 7, "annotations": [annotation]}, asked, Seen())
    assert found["spans"] == []
