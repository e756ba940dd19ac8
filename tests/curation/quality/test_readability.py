import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.readability import lexical_diversity, syllable_counts
from curation.kernels.words import words
from curation.quality.readability import FleschReadingEase, LexicalDiversity
from tests.oracles import readability


def arrays(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [text.encode() for text in texts]
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), np.cumsum([0, *map(len, encoded)], dtype=np.int64)


@given(
    st.lists(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwx"), max_size=80), max_size=4),
    st.sampled_from([0.5, 0.72, 0.9]),
)
def test_lexical_diversity_is_that_of_the_definition(documents: list[list[str]], factor: float):
    values, offsets = arrays([" ".join(document) for document in documents])
    found = words(values, offsets)
    expected = [readability.mtld(document, factor=factor) for document in documents]
    assert lexical_diversity(found.hash_W, found.word_offsets_N1, factor=factor).tolist() == pytest.approx(expected)


@given(st.lists(st.text(alphabet="abcdelstyAEé", min_size=1, max_size=8), max_size=20))
def test_syllables_are_those_of_the_definition(text: list[str]):
    values, offsets = arrays([" ".join(text)])
    expected = sum(map(readability.syllables, text))
    assert syllable_counts(values, offsets, words(values, offsets)).tolist() == [expected]


@pytest.mark.parametrize(
    ("word", "count"),
    [("the", 1), ("table", 2), ("make", 1), ("reading", 2), ("university", 5), ("rhythm", 1), ("one", 1), ("be", 1)],
)
def test_syllables_of_common_words(word: str, count: int):
    values, offsets = arrays([word])
    assert syllable_counts(values, offsets, words(values, offsets)).tolist() == [count]


def batch_of(texts: list[str], languages: list[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"text": pa.array(texts), "signal.language": pa.array(languages, pa.string())})


def test_reading_ease_is_fleschs_formula_for_english_and_null_elsewhere():
    batch = batch_of(["The cat sat. The dog ran.", "Die Katze. Der Hund.", "", "x"], ["en", "de", "en", None])
    ease = FleschReadingEase()(batch)["signal.flesch"].to_pylist()
    assert ease == [pytest.approx(206.835 - 1.015 * 3 - 84.6), None, None, None]


def test_a_text_with_more_different_words_is_more_diverse_and_a_short_one_has_no_value():
    few, many = " ".join(["one two three four"] * 50), " ".join(f"word{n % 90}" for n in range(200))
    low, high, none = LexicalDiversity()(batch_of([few, many, "a short one"], ["en"] * 3))["signal.mtld"].to_pylist()
    assert low < 10
    assert high > 90
    assert none is None
