"""Gopher's signals against the definitions, on drawn texts that repeat themselves."""

import math

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.quality.gopher import ENGLISH_STOP_WORDS, NGRAM_SIGNALS, GopherQuality, GopherRepetition
from tests.oracles import gopher as oracle

BULLETS = ("•", "-")
PIECES = st.sampled_from(
    [
        "a ",
        "b ",
        "c ",
        "漢",
        "ไท ",
        "The ",
        "of ",
        "é ",
        "Ж",
        "12 ",
        "\n",
        "\n\n",
        "...",
        "…",
        "#",
        "- x",
        " • y",
        "\t",
        "\r\n",
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=200).map("".join),
    st.text(st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=60),
)


def batch_of(*texts):
    return pa.record_batch({"text": pa.array(texts, pa.string())})


def signals(step, *texts):
    batch = step(batch_of(*texts))
    return [{name.removeprefix("signal."): row[name] for name in row if name != "text"} for row in batch.to_pylist()]


@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["", "\n", "a\n", "\na\n", "a\n\nb\n\na\n\n", ".. ... .... ......", "a b c d e f g h " * 20, "- a\n • b\n…"])
def test_signals_are_those_of_the_definition(texts):
    measured = zip(texts, signals(GopherQuality(), *texts), signals(GopherRepetition(), *texts), strict=True)
    for text, quality, repetition in measured:
        expected = oracle.quality(text, ENGLISH_STOP_WORDS, BULLETS) | oracle.repetition(text)
        for name, value in (quality | repetition).items():
            assert value is None or value == expected[name], (name, text)


def test_scripts_without_spaces_have_estimated_words_and_no_signal_that_would_mean_nothing():
    (row,) = signals(GopherQuality(), "これは日本語の文です。\n- 箇条書き 12 #")
    assert row.pop("bullet_line_fraction") == 0.5
    assert row.pop("ellipsis_line_fraction") == 0.0
    assert row.pop("num_words") == round(14 / 1.7 + 1)
    assert row.pop("alpha_word_fraction") == 8 / 9
    assert row.pop("symbol_word_ratio_hash") == 1 / 9
    assert row.pop("symbol_word_ratio_ellipsis") == 0.0
    assert row == {"mean_word_length": None, "num_stop_words": None}
    (row,) = signals(GopherRepetition(), "ที่นี่\nที่นี่")
    assert [row[name] for name in NGRAM_SIGNALS] == [None] * 9
    assert row["dup_line_fraction"] == 0.5


def test_a_thai_sentence_has_about_as_many_words_as_a_reader_counts():
    text = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม"
    (row,) = signals(GopherQuality(), text)
    assert 15 <= row["num_words"] <= 25, "16 words by pythainlp 5.4.0 (newmm)"


@pytest.mark.parametrize("times", [2, 8, 9, 100, 300])
def test_five_words_again_and_again_repeat_in_all_but_the_first_place(times):
    text = " ".join(["aa bb cc dd ee"] * times)
    (row,) = signals(GopherRepetition(), text)
    assert row["dup_5gram_char_fraction"] == (times - 1) * 10 / len(text)
    assert row["top_2gram_char_fraction"] == times * len("aa bb") / len(text)


def test_n_grams_of_a_document_are_the_same_beside_one_in_a_script_without_spaces():
    spaced, spaceless = "a b a b c a b c d " * 9, "これは日本語の文です。" * 30
    beside = signals(GopherRepetition(), spaceless, spaced, spaceless, "", spaced + "x")
    alone = [signals(GopherRepetition(), text)[0] for text in (spaceless, spaced, spaceless, "", spaced + "x")]
    assert beside == alone
    assert [row["top_2gram_char_fraction"] is None for row in beside] == [True, False, True, False, False]


@pytest.mark.parametrize(
    ("text", "count"),
    [("...", 1), (".....", 1), ("......", 2), ("x" * 62 + "...", 1), ("…", 1), ("x" * 63 + "…", 1)]
    + [("x" * 62 + "." * size, size // 3) for size in (2, 4, 6, 70, 131)]
    + [("x" * 63 + ". .. .", 0), ("x" * 61 + "..", 0), ("x" * 60 + "...", 1), ("x" * 61 + "...", 1)]
    + [("x" * 62 + "…", 1), ("x" * 64 + "…", 1), ("x" * 61 + "…", 1), ("…" * 30, 30)],
)
def test_an_ellipsis_is_counted_where_it_crosses_a_64_byte_block_too(text, count):
    (row,) = signals(GopherQuality(), text + " word")
    words = 2 if "x" in text else 1
    assert math.isclose(row["symbol_word_ratio_ellipsis"], count / words)


def test_a_stop_word_counts_once_however_often_it_comes_and_in_each_document():
    texts = ("the the of the The of", "the", "", "to be and have the of that with with x " * 3)
    assert [row["num_stop_words"] for row in signals(GopherQuality(), *texts)] == [2, 1, 0, 8]


def test_all_64_stop_words_are_told_apart_though_a_filter_sees_ten_bits_of_each():
    listed = tuple(f"w{i}" for i in range(64))
    texts = (" ".join(listed), " ".join(listed[::-1] * 2), " ".join(listed[::2]))
    assert [row["num_stop_words"] for row in signals(GopherQuality(stop_words=listed), *texts)] == [64, 64, 32]


def test_bullets_and_stop_words_are_settings_of_the_step():
    step = GopherQuality(stop_words=("der", "die", "das"), bullets=("*",))
    (row,) = signals(step, "* Der Hund\n- die Katze")
    assert (row["num_stop_words"], row["bullet_line_fraction"]) == (2, 0.5)
