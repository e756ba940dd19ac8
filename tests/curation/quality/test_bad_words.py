"""Listed words: where they count, which uses are excused, and how often both are wrong on labelled texts."""

import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.quality.bad_word_lists import FILES, SEARCHED, entries_of
from curation.quality.bad_words import BadWords
from tests.oracles import bad_words as oracle

ENGLISH = entries_of("en")
PIECES = st.sampled_from(
    [
        "shit",
        "tit",
        "tits",
        "piece of shit",
        "piece  of\nshit",
        "s&m",
        "s & m",
        "g-spot",
        "2g1c",
        "Scunthorpe",
        "ass,",
        "ASS",
        "class",
        "é",
        "— ",
    ]
)


def measured(texts, language="en"):
    languages = pa.array([language] * len(texts), pa.string())
    return BadWords()(pa.record_batch({"text": pa.array(texts, pa.string()), "signal.language": languages}))


def counts(name, texts, language="en"):
    return measured(texts, language)[f"signal.{name}"].to_pylist()


@given(pieces=st.lists(PIECES, max_size=12), glue=st.sampled_from([" ", ", ", "\n"]))
def test_entries_are_found_as_one_pattern_of_all_of_them_finds_them(pieces, glue):
    text = glue.join(pieces)
    assert counts("num_listed_words", [text]) == [len(oracle.listed(text, ENGLISH))]


@pytest.mark.parametrize(
    ("text", "listed", "bad"),
    [
        ("You are a piece of shit.", 1, 1),
        ("Scunthorpe, Essex and Penistone are classic assessments of a cockpit.", 0, 0),
        ("He shouted “piece of shit” at the crowd.", 1, 0),
        ('It is never right to call someone a "bitch" at work.', 1, 0),
        ('"Stop it," she said, you bitch, "and go".', 1, 1),
        ("The slur faggot has a long history.", 1, 0),
        ("The patient had pain in the rectum and anus before surgery.", 2, 0),
        ("I will show you my penis tonight baby", 1, 1),
        ("Dick Cheney met Philip K. Dick at Cock Lane.", 3, 0),
        ("what a dick he is", 1, 1),
        ("A great tit and two blue tits came to the feeder, tit for tat.", 3, 0),
        ("Nice tits!", 1, 1),
    ],
)
def test_context_excuses_what_is_quoted_named_medical_or_a_phrase_and_nothing_else(text, listed, bad):
    batch = measured([text])
    assert (batch["signal.num_listed_words"][0].as_py(), batch["signal.num_bad_words"][0].as_py()) == (listed, bad)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "So ein ARSCHLOCH, wirklich."),
        ("ru", "Какая же ты БЛЯДЬ."),
        ("tr", "Sen bir orospu musun"),
        ("zh", "你是个王八蛋吗"),
        ("ja", "これはおまんこです"),
        ("ko", "이런 개새끼야"),
        ("th", "ไอ้เหี้ยนี่"),
        ("fr", "Quelle merde, tabarnak"),
    ],
)
def test_each_language_has_its_list(language, text):
    assert counts("num_bad_words", [text], language)[0] >= 1


def test_one_ideograph_is_not_enough():
    assert counts("num_listed_words", ["牛乳を飲みます", "乳製品"], "ja") == [0, 0]
    assert "乳" in entries_of("zh")
    assert counts("num_listed_words", ["牛乳"], "zh") == [0]


def test_a_language_without_a_list_is_not_judged():
    batch = measured(["shit", "shit"], "sw")
    assert batch["signal.num_bad_words"].null_count == 2
    assert batch["signal.bad_words"].to_pylist() == [None, None]


def test_all_lists_can_be_read_and_none_is_empty():
    assert len(FILES) == 28
    assert all(len(entries_of(language)) > 1 for language in FILES)
    assert set(FILES) >= SEARCHED


def test_the_words_that_count_are_named_and_their_share_is_given():
    batch = measured(["shit happens, shit and more bullshit here"])
    assert batch["signal.bad_words"].to_pylist() == ["shit, bullshit"]
    assert batch["signal.bad_word_fraction"].to_pylist() == [3 / 7]


def rows_of(corpora, name):
    with gzip.open(corpora / "quality" / name, "rt", encoding="utf-8") as opened:
        return [json.loads(line) for line in opened]


def test_of_hatechecks_cases_without_hate_context_excuses_every_fourth_that_a_list_alone_flags(corpora):
    rows = rows_of(corpora, "hatecheck.jsonl.gz")
    batch = measured([row["text"] for row in rows])
    listed, bad = (batch[f"signal.{name}"].to_numpy() > 0 for name in ("num_listed_words", "num_bad_words"))
    fine = [row["label"] == "non-hateful" for row in rows]
    assert (sum(fine), listed[fine].sum(), bad[fine].sum()) == (1165, 216, 154)
    hateful = [not is_fine for is_fine in fine]
    assert listed[hateful].sum() == bad[hateful].sum() == 194, "no rule excuses a hateful case"
    quoted = [row["functionality"] == "counter_quote_nh" for row in rows]
    assert (listed[quoted].sum(), bad[quoted].sum()) == (45, 0)


def test_medical_texts_are_flagged_less_often_than_by_a_list_alone(corpora):
    with gzip.open(corpora / "text" / "medquad_qa.jsonl.gz", "rt", encoding="utf-8") as opened:
        batch = measured([json.loads(line)["text"] for line in opened])
    listed, bad = ((batch[f"signal.{name}"].to_numpy() > 0).sum() for name in ("num_listed_words", "num_bad_words"))
    assert (listed, bad) == (235, 71)
