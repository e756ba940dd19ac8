"""C4's and RefinedWeb's edits of lines against their definitions, and the records that they leave."""

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from curation.schema import EDIT
from curation.text.c4 import POLICY_PHRASES, C4Lines
from curation.text.edits import MAX_EDITS
from curation.text.refinedweb import RefinedWebLines
from curation.text.words import words_of
from tests.oracles import heuristics as oracle

LINES = st.lists(
    st.sampled_from(
        [
            *("A line of words.", "no end mark", "Two words.", "  Blanks around it all.\t", "Enough words here...", ""),
            *(
                "See the note [12].",
                "See the note. [12]",
                "Well then [edit][]!",
                "[citation needed] is it so?",
                "[1][2]",
            ),
            *("Enable JavaScript to see it.", "We use cookies here.", "Our TERMS of use {x} apply.", "{ a b c d }."),
            *("lorem ipsum dolor javascript.", "x" * 30 + " is too long.", "是的。", "日本語 の 文。", " ", "..[1]."),
            *(
                "SHOUTED LINE of",
                "Ж Ж ж",
                "12 345",
                "１２",
                "3 likes",
                "★ 1.2K Views!",
                "é3 likes",
                "_3 likes",
                "7 like",
            ),
            *("word", "Sign-in now please", "Sign-in", "go sign-in", "3 items in cart items in cart", "items in cart"),
            *(
                "Sign-in items in cart",
                "Read more...",
                "text here Read More...",
                "read more... later",
                "a b read more... ",
            ),
            "one two three four five six seven eight nine ten read more...",
        ]
    ),
    max_size=14,
)
TEXTS = st.one_of(LINES.map("\n".join), st.text(st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=60))
many = given(st.lists(TEXTS, min_size=1, max_size=4))


def edited(step, texts, edits=None):
    text = pa.array(texts, pa.string())
    batch = pa.record_batch({"text": text, "edits": pa.array(edits or [[] for _ in texts], pa.list_(EDIT))})
    result = step(batch)
    result.validate(full=True)
    return result.to_pylist()


def replayed(text, edits):
    """The text without the recorded ranges; checks that bytes in are bytes out and bytes removed."""
    data, at, left = text.encode(), 0, []
    for edit in edits:
        assert (edit["replacement"], edit["removed_bytes"]) == ("", edit["end"] - edit["start"])
        left.append(data[at : edit["start"]])
        at = edit["end"]
    return b"".join([*left, data[at:]]).decode()


def c4(text, **settings):
    is_spaced = words_of(pa.array([text])).is_spaced_N[0]
    settings["min_words"] = settings["min_words"] if is_spaced else 0
    return oracle.c4_lines(text, POLICY_PHRASES, **settings)


@many
@example(["", "\n", "[1]", "foo\nA line of words.\n", "A line of words.\nfoo\n\nA line of words."])
def test_c4_leaves_the_lines_of_the_definition_and_records_what_went(texts):
    for end_marks in (".?!\"'", ""):
        step = C4Lines(end_marks=end_marks, max_word_chars=20)
        for text, row in zip(texts, edited(step, texts), strict=True):
            assert row["text"] == c4(text, end_marks=end_marks, min_words=3, max_word_chars=20), text
            assert replayed(text, row["edits"]) == row["text"]


@many
@example(["", "\n\n", "3 likes\n\ntext here\n3 likes", "Sign-in\nSign-in now please"])
def test_refinedweb_leaves_the_lines_of_the_definition_and_records_what_went(texts):
    for text, row in zip(texts, edited(RefinedWebLines(), texts), strict=True):
        assert row["text"] == oracle.refinedweb_lines(text), text
        assert replayed(text, row["edits"]) == row["text"]


def test_each_removed_line_names_the_rule_that_was_first():
    (row,) = edited(C4Lines(), ["no end mark\nTwo words.\nWe use cookies here.\nThe line that [3] stays."])
    assert [(edit["rule"], edit["start"], edit["end"]) for edit in row["edits"]] == [
        ("c4_no_end_mark", 0, 12),
        ("c4_few_words", 12, 23),
        ("c4_policy", 23, 44),
        ("c4_citation", 58, 61),
    ]
    assert row["text"] == "The line that  stays."


def test_beyond_the_most_records_the_last_one_covers_the_rest_of_the_text():
    text = "The line that stays.\nfoo\n" * 150
    (row,) = edited(C4Lines(), [text])
    assert row["text"] == "\n".join(["The line that stays."] * 150)
    *single, rest = row["edits"]
    assert len(row["edits"]) == MAX_EDITS
    assert (rest["end"], rest["replacement"]) == (len(text), None)
    assert sum(edit["removed_bytes"] for edit in row["edits"]) == len(text) - len(row["text"])
    assert {edit["replacement"] for edit in single} == {""}


def test_records_follow_those_of_earlier_edits_and_nulls_stay_null():
    before = [{"rule": "nfc", "start": 0, "end": 1, "removed_bytes": 0, "replacement": "x"}]
    rows = edited(C4Lines(), ["foo", None, "The line that stays."], [before, [], before])
    assert [row["text"] for row in rows] == ["", None, "The line that stays."]
    assert [[edit["rule"] for edit in row["edits"]] for row in rows] == [["nfc", "c4_no_end_mark"], [], ["nfc"]]
