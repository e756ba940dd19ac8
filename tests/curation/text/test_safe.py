import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.safe import visible

HOSTILE = st.text(st.characters() | st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=80)


@given(HOSTILE)
def test_nothing_that_a_terminal_obeys_is_left_and_the_result_can_be_written(text):
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert not set(shown) & set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")
    shown.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u202eb", "a\\u202eb"),
        ("\x9b31m", "\\x9b31m"),
        ("line\nforged", "line\\x0aforged"),
        ("\ud800", "\\ud800"),
        ("\U000e0041tag", "\\U000e0041tag"),
        ("Größe 日本 👩‍👩‍👧", "Größe 日本 👩‍👩‍👧"),
    ],
)
def test_what_acts_is_written_out_and_what_reads_stays(text, expected):
    assert visible(text) == expected


def test_a_block_keeps_its_line_ends_and_a_limit_is_kept():
    assert visible("a\nb\r", keep_newlines=True) == "a\nb\\x0d"
    assert visible("abcdef", limit=4) == "abc…"
    assert len(visible("\x1b" * 100, limit=10)) == 10
    assert visible("abcd", limit=4) == "abcd"
