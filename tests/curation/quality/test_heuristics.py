"""The signals of lines, words and boilerplate against their definitions, on drawn texts."""

import gzip
import json
import math
import unicodedata

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from curation.quality.c4 import C4, MC4
from curation.quality.fineweb import FineWeb
from curation.quality.gopher import ENGLISH_STOP_WORDS
from curation.quality.gopher_variants import GopherVariants
from curation.quality.nemo import BOILERPLATE_PHRASES, NemoEnglish
from curation.quality.removed_words import RemovedWords
from curation.quality.stop_words import STOP_WORDS, LocalStopWords
from curation.text.marks import C4_END_MARKS, CLOSING, SENTENCE_ENDS
from curation.text.words import words_of
from tests.oracles import heuristics as oracle

PIECES = st.sampled_from(
    [
        *("a ", "The ", "of ", "word", "Wort ", "é", "Ж. ", "12 ", " ", "\t", "\n", "\n\n", "\n\n\n", "\r\n"),
        *(".", "...", "…", "! ", '?" ', "U.S. ", " J. ", "。", "？」", "۔ ", "।", "'", ")", "* ", "- ", "•"),
        *("{", "}", "[", "(", "http://a.b/c ", "https://x%2F-é ", "HTTP://", "http://%zz "),
        *("lorem ipsum", "Lorem Ipsum", "Privacy Policy", "uses cookies", "use  cookies", "terms of use"),
        *("x" * 40, "y" * 63, "日本語", "ไทย "),
    ]
)
TEXTS = st.one_of(
    st.lists(PIECES, max_size=60).map("".join),
    st.text(st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=60),
)
each_of_many = given(st.lists(TEXTS, min_size=1, max_size=4))


def signals(step, texts, **columns):
    batch = step(pa.record_batch({"text": pa.array(texts, pa.string())} | columns))
    names = [name for name in batch.schema.names if name.startswith("signal.") and name not in columns]
    return [{name.removeprefix("signal."): row[name] for name in names} for row in batch.to_pylist()]


@each_of_many
@example(["", "\n", "a\n\na\n\na", "same line.\nsame line.\n \nsame line.", "x" * 31 + "\n" + "é" * 30 + "."])
def test_lines_are_measured_by_the_definition_of_fineweb(texts):
    for text, found in zip(texts, signals(FineWeb(), texts), strict=True):
        num_words = words_of(pa.array([text])).estimated_words_N[0]
        expected = oracle.fineweb(text, SENTENCE_ENDS, 30)
        assert found == expected | {"newline_word_ratio": text.count("\n") / max(num_words, 1)}, text


@each_of_many
@example(["", "\n\n", "a\nbb\nccc\ndddd", "é" * 9 + "\n" + "a" * 9 + "\n" + "日" * 8])
def test_the_third_longest_line_is_that_of_the_definition(texts):
    for text, found in zip(texts, signals(MC4(), texts), strict=True):
        assert found == {"third_longest_line_chars": oracle.third_longest_line(text)}, text


@each_of_many
@example(["Mr. J. Smith. He left.", "はい。いいえ。", 'He said "No." She left!', "3.14 is pi.", ". . .", "a.\n\nb"])
def test_sentences_and_phrases_are_counted_by_the_definition(texts):
    for text, found in zip(texts, signals(C4(), texts), strict=True):
        assert found == {
            "num_sentences": oracle.num_sentences(text, SENTENCE_ENDS, CLOSING),
            "num_lorem_ipsum": oracle.ascii_lower(text).count("lorem ipsum"),
            "num_curly_brackets": text.count("{"),
        }, text


def test_a_phrase_is_found_where_blocks_of_64_bytes_divide_it():
    texts = ["x" * before + "Lorem IPSUM" + "x" * after for before in range(50, 68) for after in (0, 1, 2, 64, 117)]
    assert {found["num_lorem_ipsum"] for found in signals(C4(), texts)} == {1.0}
    assert {found["num_lorem_ipsum"] for found in signals(C4(), ["uM" * 99, "m" * 70 + "u", "lorem ipsu" * 20])} == {
        0.0
    }


@each_of_many
@example(["", " ", "see http://a.b/c", "use cookies\n\n\nuse cookies\n\nx", "lorem ipsum\n\nx", "\n\n\n\n"])
def test_boilerplate_and_classes_are_measured_by_the_definition_of_nemo(texts):
    for text, found in zip(texts, signals(NemoEnglish(), texts), strict=True):
        expected = oracle.nemo(text, BOILERPLATE_PHRASES, C4_END_MARKS)
        assert found.keys() == expected.keys()
        for name, value in found.items():
            assert math.isclose(value, expected[name], abs_tol=1e-12), (name, text)


@each_of_many
@example(["", "a bb", "* the the\n- of\n• and", "x" * 999 + " yy", "don't stop - now!"])
def test_variants_of_gophers_statistics_are_those_of_the_definition(texts):
    for text, found in zip(texts, signals(GopherVariants(), texts), strict=True):
        expected = oracle.gopher_variants(text, ENGLISH_STOP_WORDS)
        for name, value in found.items():
            assert value is None or value == expected[name], (name, text)


def test_stop_words_are_those_of_the_language_that_was_found():
    languages = pa.array(["de", "en", "de", "xx", None], pa.string())
    found = signals(
        LocalStopWords(), ["und der und", "und the of", "the of", "und", "und"], **{"signal.language": languages}
    )
    assert [row["num_local_stop_words"] for row in found] == [2, 2, 0, None, None]


def test_the_declaration_of_human_rights_has_stop_words_of_its_language(corpora):
    with gzip.open(corpora / "text" / "udhr.jsonl.gz", "rt", encoding="utf-8") as rows:
        texts = [(row["bcp47"].partition("-")[0], row["text"]) for row in map(json.loads, rows)]
    texts = [({"zlm": "ms"}.get(language, language), unicodedata.normalize("NFC", text)) for language, text in texts]
    texts = [(language, text) for language, text in texts if language in STOP_WORDS]
    languages = pa.array([language for language, _ in texts])
    found = signals(LocalStopWords(), [text for _, text in texts], **{"signal.language": languages})
    most = dict.fromkeys(STOP_WORDS, 0)  # of the translations in several scripts, one is in that of the list
    for (language, _), row in zip(texts, found, strict=True):
        most[language] = max(most[language], row["num_local_stop_words"])
    assert {language: count for language, count in most.items() if count < 5} == {}


def test_words_that_edits_removed_are_a_share_of_those_there_were():
    before = pa.array([4.0, 0.0, None], pa.float64())
    found = signals(RemovedWords(), ["one two three", "", "x"], **{"signal.num_words": before})
    assert [row["removed_word_fraction"] for row in found] == [0.25, 0, None]
