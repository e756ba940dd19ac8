import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import SchemaError
from curation.schema import EDIT
from curation.text.edits import MAX_EDITS, ControlCharacters, Nfc

SCHEMA = pa.schema([("doc_id", pa.binary(2)), ("text", pa.string()), ("edits", pa.list_(EDIT))])
STEPS = (ControlCharacters(), Nfc())
ODD = st.text(
    alphabet=st.sampled_from("ab \n\t\r\x00\x1b\x7f\x85\x9b\x0c\u0301\u0323\u1100\u1161é\u212b가\U0001d15f👩\u200d"),
    max_size=60,
)
TEXTS = st.lists(st.one_of(ODD, st.text(max_size=30)), max_size=6)


def batch(texts):
    ids = [b"%02d" % (index % 100) for index in range(len(texts))]
    return pa.RecordBatch.from_pydict({"doc_id": ids, "text": texts, "edits": [[] for _ in texts]}, schema=SCHEMA)


def replayed(text, edits):
    """The text that a document's edit records say: the definition of what a record means."""
    out, position, data = b"", 0, text.encode()
    for edit in edits:
        assert position <= edit["start"] <= edit["end"] <= len(data)
        out += data[position : edit["start"]] + edit["replacement"].encode()
        position = edit["end"]
    return (out + data[position:]).decode()


@given(TEXTS)
@pytest.mark.parametrize("step", STEPS)
def test_bytes_in_are_bytes_out_and_bytes_removed_and_the_records_replay_the_edit(step, texts):
    for before, after in zip(texts, step(batch(texts)).to_pylist(), strict=True):
        removed = sum(edit["removed_bytes"] for edit in after["edits"])
        assert len(before.encode()) == len(after["text"].encode()) + removed
        assert replayed(before, after["edits"]) == after["text"]
        for edit in after["edits"]:
            width = edit["end"] - edit["start"]
            assert edit["removed_bytes"] == width - len(edit["replacement"].encode())


@given(TEXTS)
def test_nfc_gives_what_unicode_data_gives(texts):
    assert Nfc()(batch(texts))["text"].to_pylist() == [unicodedata.normalize("NFC", text) for text in texts]


@given(TEXTS)
def test_no_control_character_but_tab_and_newline_stays(texts):
    for text in ControlCharacters()(batch(texts))["text"].to_pylist():
        assert not [c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\t"]


@given(TEXTS, st.integers(0, 6))
@pytest.mark.parametrize("step", STEPS)
def test_a_batch_in_parts_is_edited_as_the_whole(step, texts, cut):
    whole = batch(texts)
    parts = [step(whole.slice(0, cut)), step(whole.slice(cut))]
    assert pa.Table.from_batches(parts).combine_chunks().equals(pa.Table.from_batches([step(whole)]).combine_chunks())
    assert step(step(whole)).equals(step(whole)), "an edit finds nothing to do in its own result"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\nb\rc\x85d", "a\nb\nc\nd"),
        ("page\x0cpage\x0bline", "page\npage\nline"),
        ("\x00nul\x1b[31m\x7f", "nul[31m"),
        ("\x9bC1\x80", "C1"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\u202ebidi\u200bstays", "\u202ebidi\u200bstays"),
    ],
)
def test_control_characters_go_and_line_ends_become_newlines(text, expected):
    assert ControlCharacters()(batch([text]))["text"].to_pylist() == [expected]


def test_each_run_is_one_record_with_its_byte_range():
    (row,) = ControlCharacters()(batch(["é\x00\x01x\r\n"])).to_pylist()
    assert [
        (edit["rule"], edit["start"], edit["end"], edit["removed_bytes"], edit["replacement"]) for edit in row["edits"]
    ] == [
        ("control_characters", 2, 4, 2, ""),
        ("control_characters", 5, 7, 1, "\n"),
    ]


def test_beyond_the_cap_one_record_covers_the_rest_and_the_bytes_still_add_up():
    text = "line\r\n" * 1000
    (row,) = ControlCharacters()(batch([text])).to_pylist()
    assert len(row["edits"]) == MAX_EDITS
    last = row["edits"][-1]
    assert (last["start"], last["end"], last["replacement"]) == (6 * (MAX_EDITS - 1) + 4, len(text), None)
    assert sum(edit["removed_bytes"] for edit in row["edits"]) == 1000


def test_clean_batches_are_returned_as_they_are_and_records_of_earlier_edits_stay():
    clean = batch(["plain", "ASCII only", ""])
    assert ControlCharacters()(clean) is clean
    assert Nfc()(clean) is clean
    (row,) = Nfc()(ControlCharacters()(batch(["e\u0301\r\n"]))).to_pylist()
    assert [edit["rule"] for edit in row["edits"]] == ["control_characters", "nfc"]


def test_rows_that_are_null_or_lie_beyond_the_slice_are_left_alone():
    texts = batch(["\x00", None, "a\x00b", "\x00"]).slice(1, 2)
    assert ControlCharacters()(texts)["text"].to_pylist() == [None, "ab"]


def test_a_batch_without_edits_column_is_a_schema_error():
    with pytest.raises(SchemaError, match="reads 'edits', which no earlier step adds"):
        Nfc().output_schema(pa.schema([("text", pa.string())]))
