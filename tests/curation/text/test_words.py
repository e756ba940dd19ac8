"""`words_of`: every kind of Arrow string array, and a cache that never answers for other text."""

import gc

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.words import words_of

TEXTS = ["one two", "three", None, "déjà vu encore", "漢字", ""]


def bytes_of_words(words):
    spans = []
    for n in range(words.offsets_N1.size - 1):
        for j in range(words.word_offsets_N1[n], words.word_offsets_N1[n + 1]):
            start = int(words.offsets_N1[n]) + int(words.word_start_W[j])
            spans.append(words.values[start : start + int(words.word_length_W[j])].tobytes().decode())
    return spans


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_slices_and_nulls_of_both_string_types_are_honoured(kind):
    array = pa.array(TEXTS, kind)
    assert bytes_of_words(words_of(array)) == ["one", "two", "three", "déjà", "vu", "encore", "漢", "字"]
    assert bytes_of_words(words_of(array.slice(1, 3))) == ["three", "déjà", "vu", "encore"]
    assert words_of(array.slice(2, 0)).offsets_N1.size == 1
    assert words_of(array).num_chars_N.tolist() == [7, 5, 0, 14, 2, 0]
    assert words_of(array).is_spaced_N.tolist() == [True, True, True, True, False, True]


def test_bytes_hidden_by_a_null_are_no_words():
    hidden = pa.Array.from_buffers(pa.string(), 2, [pa.py_buffer(b"\x01"), *pa.array(["seen", "hidden"]).buffers()[1:]])
    assert hidden.to_pylist() == ["seen", None]
    assert bytes_of_words(words_of(hidden)) == ["seen"]


def test_an_array_without_buffers_has_no_words():
    assert words_of(pa.nulls(3, pa.string())).num_words_N.tolist() == [0, 0, 0]
    assert words_of(pa.array([], pa.string())).num_words_N.tolist() == []


def test_the_same_array_is_read_once_and_a_slice_of_it_is_not_taken_for_it():
    array = pa.array(TEXTS)
    batch = pa.record_batch({"text": array})
    assert words_of(batch["text"]) is words_of(batch["text"])
    assert words_of(array.slice(0, 1)).num_words_N.tolist() == [2]


@given(st.lists(st.text(alphabet="ab ", max_size=12), min_size=50, max_size=50))
def test_freed_buffers_never_lend_their_address_to_other_text(texts):
    for text in texts:
        assert words_of(pa.array([text])).num_words_N.tolist() == [len(text.split())]
        gc.collect(0)


def test_arrays_found_are_read_only_because_they_are_shared():
    with pytest.raises(ValueError, match="read-only"):
        words_of(pa.array(["a"])).word_hash_W[0] = 1


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="expected a string or large_string array, found binary"):
        words_of(pa.array([b"a"]))
