"""What reviewers see: personal data is masked, and what they mark is found again in the document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.interface import tasks_of
from annotator.showing import displayed, shown
from tests.annotator.made_tasks import question

MAIL, ADDRESS = "ada@byron-mill.org", "198.41.0.4"
PIECES = st.lists(st.sampled_from([MAIL, ADDRESS, "🎉", "漢字", "plain words", "\r\n", "é"]), max_size=8)


def test_personal_data_is_masked_in_documents_and_in_both_texts_of_a_pair():
    document, pair = question(1, text=f"Write to {MAIL}."), question(2, kind="pair", text=MAIL, other_text=ADDRESS)
    pair["prediction"] = None
    tasks = tasks_of([document, pair])
    assert MAIL not in str(tasks)
    assert ADDRESS not in str(tasks)
    assert tasks[0]["data"]["text"] == "Write to <EMAIL>."
    assert "&lt;EMAIL&gt;" in tasks[1]["data"]["a_html"]


def test_personal_data_that_people_are_asked_about_is_shown():
    row = question(1, text=f"Write to {MAIL}.", about_privacy=True)
    assert shown([row])[0].text == row["text"]


def test_telephone_numbers_are_looked_for_where_the_spec_says():
    text = "Besuch 030 901820 heute"
    there, elsewhere = shown([question(1, text=text, phone_regions=["DE"]), question(2, text=text)])
    assert (there.text, elsewhere.text) == ("Besuch <PHONE> heute", text)


def test_a_mark_lies_where_it_did_before_the_masks_and_a_mask_counts_whole():
    text = f"漢 🎉 {MAIL} and {ADDRESS} end"
    (found,) = shown([question(1, text=text)])
    assert found.text == "漢 🎉 <EMAIL> and <IP> end"
    for word in ("漢", "and", "end"):
        start = found.text.index(word)
        begin, end = found.place(start, start + len(word))
        assert text[begin:end] == word
    inside = found.text.index("MAIL")
    begin, end = found.place(inside, inside + 2)
    assert text[begin:end] == MAIL
    begin, end = found.place(found.text.index("IL>"), found.text.index("P> end"))
    assert text[begin:end] == f"{MAIL} and {ADDRESS}"


@given(PIECES)
def test_whatever_is_masked_the_words_between_are_found_again(pieces):
    text = " ".join(pieces)
    (found,) = shown([question(1, text=text)])
    assert MAIL not in found.text
    free = [place for place, _ in enumerate(found.text) if not any(m.start <= place < m.end for m in found.masks)]
    again = "".join(text[slice(*found.place(place, place + 1))] for place in free)
    assert displayed(again) == "".join(found.text[place] for place in free)


@pytest.mark.parametrize(
    ("given_text", "expected"), [("a\r\nb\rc", "a \nb\nc"), ("x\x00y", "x�y"), ("a\u202eb", "a�b")]
)
def test_what_a_browser_or_a_database_would_change_keeps_its_length(given_text, expected):
    assert displayed(given_text) == expected
    assert len(displayed(given_text)) == len(given_text)
