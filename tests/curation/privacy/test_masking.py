"""Masked texts and the records of what stood there."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from curation.privacy.masking import MaskPersonalData
from curation.privacy.personal_data import PersonalData, placeholders
from curation.schema import EDIT
from curation.text.edits import MAX_EDITS
from tests.oracles import spans as oracle

PIECES = st.sampled_from(
    [
        "a@b.de",
        "91.198.174.192",
        "call 415-642-4948",
        " ",
        ", ",
        "\n",
        "漢字",
        "4111111111111111",
        "DE89370400440532013000",
        "x",
    ]
)
TEXTS = st.lists(PIECES, max_size=9).map(" ".join)


def batch_of(texts):
    edits = pa.array([[] for _ in texts], pa.list_(EDIT))
    return pa.record_batch({"text": pa.array(texts, pa.string()), "edits": edits})


def masked(texts, **settings):
    result = MaskPersonalData(**settings)(batch_of(texts))
    result.validate(full=True)
    return result.to_pylist()


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_masked_text_is_the_text_with_its_spans_replaced_and_bytes_add_up(texts):
    spans = PersonalData()(batch_of(texts))["pii"].to_pylist()
    masks = dict(placeholders(("email", "ip", "phone"), {"ip": "", "phone": "[電話番号 ........................]"}))
    for text, row, found in zip(texts, masked(texts, masks=tuple(masks.items())), spans, strict=True):
        chosen = [(s["start"], s["end"], masks[s["kind"]].encode()) for s in found if s["kind"] in masks]
        assert row["text"].encode() == oracle.replaced(text.encode(), chosen)
        recorded = [(e["start"], e["end"], e["replacement"].encode()) for e in row["edits"]]
        assert recorded == chosen
        removed = sum(edit["removed_bytes"] for edit in row["edits"])
        assert len(text.encode()) == len(row["text"].encode()) + removed


def test_each_kind_has_its_placeholder_and_each_edit_its_rule():
    (row,) = masked(["a@b.de at 91.198.174.192"])
    assert row["text"] == "<EMAIL> at <IP>"
    assert [(edit["rule"], edit["replacement"]) for edit in row["edits"]] == [
        ("pii_email", "<EMAIL>"),
        ("pii_ip", "<IP>"),
    ]


def test_only_kinds_with_a_mask_are_replaced_as_fineweb_does_with_two():
    masks = (("email", "email@example.com"), ("ip", "22.214.171.124"))
    (row,) = masked(["a@b.de, 91.198.174.192, 4111111111111111"], masks=masks)
    assert row["text"] == "email@example.com, 22.214.171.124, 4111111111111111"


def test_beyond_the_most_records_the_last_one_covers_the_rest_and_bytes_still_add_up():
    text = "a@b.de " * 150
    (row,) = masked([text], masks=(("email", "<SOMEONE>"),))
    assert row["text"] == "<SOMEONE> " * 150
    *single, rest = row["edits"]
    assert len(row["edits"]) == MAX_EDITS
    assert (rest["end"], rest["replacement"]) == (len(text), None)
    assert sum(edit["removed_bytes"] for edit in row["edits"]) == len(text) - len(row["text"])
    assert {edit["replacement"] for edit in single} == {"<SOMEONE>"}


def test_masking_again_changes_nothing():
    texts = ["a@b.de, 91.198.174.192, call 415-642-4948, 4111111111111111, DE89370400440532013000"]
    once = MaskPersonalData()(batch_of(texts))
    assert MaskPersonalData()(once).equals(once)


def test_null_texts_stay_null():
    assert [row["text"] for row in masked([None, "a@b.de"])] == [None, "<EMAIL>"]
