"""Grams of words and what may be in an index, against their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.grams import BLOCK, HEAD, bitmap_of, candidates, grams_of, swapped
from tests.oracles import spans as oracle

WORDS = (3, 2**63 + 11, 2**64 - 1)
DOCUMENTS = st.lists(st.lists(st.sampled_from(WORDS), max_size=30), min_size=1, max_size=4)


def arrays(documents):
    hashes = np.array([word for document in documents for word in document], dtype=np.uint64)
    return hashes, np.cumsum([0, *map(len, documents)], dtype=np.int64)


@given(DOCUMENTS, st.lists(st.sampled_from([0, 8, 9, 13]), min_size=4, max_size=4))
def test_grams_are_those_of_the_definition(documents, lengths):
    length_N = np.array(lengths[: len(documents)], dtype=np.int64)
    grams = grams_of(*arrays(documents), length_N)
    expected = [
        (oracle.gram(document[at : at + length]), oracle.gram(document[at : at + HEAD]), n)
        for n, (document, length) in enumerate(zip(documents, length_N, strict=True))
        for at in range(len(document) - length + 1 if length else 0)
    ]
    assert list(zip(*(column.tolist() for column in grams), strict=True)) == expected


@given(
    DOCUMENTS,
    st.lists(st.sampled_from(WORDS), min_size=8, max_size=14),
    st.sets(st.sampled_from([8, 10, 13]), min_size=1),
)
def test_every_gram_that_is_there_is_found_where_it_is_by_the_definition(documents, known, lengths):
    documents = [*documents, [*documents[0], *known]]
    wanted = {(length, gram) for length in lengths for gram in oracle.grams(known, length)}
    hashes = np.array([gram for _, gram in wanted], dtype=np.uint64)
    heads = np.array(oracle.grams(known, HEAD), dtype=np.uint64)
    length_L = np.array(sorted(lengths), dtype=np.int64)
    found = candidates(*arrays(documents), length_L, bitmap_of(heads), bitmap_of(swapped(hashes)))
    first_N = arrays(documents)[1]
    places = {
        (int(first_N[n]) + at, length)
        for n, document in enumerate(documents)
        for length in lengths
        for at, gram in enumerate(oracle.grams(document, length))
        if (length, gram) in wanted
    }
    exact = [
        (length, gram) in wanted for length, gram in zip(found.length_C.tolist(), found.hash_C.tolist(), strict=True)
    ]
    assert set(zip(found.word_C[exact].tolist(), found.length_C[exact].tolist(), strict=True)) == places
    assert found.offsets_N1[-1] == found.word_C.size
    assert np.all(np.diff(found.word_C) >= 0)


def test_a_gram_across_a_block_is_found():
    words = np.arange(1, 2 * BLOCK + 40, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    documents = (words, np.array([0, words.size], dtype=np.int64))
    grams = grams_of(*documents, np.array([13], dtype=np.int64))
    bitmaps = bitmap_of(grams.head_G), bitmap_of(swapped(grams.hash_G))
    found = candidates(*documents, np.array([13], dtype=np.int64), *bitmaps)
    assert found.word_C.tolist() == list(range(words.size - 12))
    assert found.hash_C.tolist() == grams.hash_G.tolist()


def test_what_is_no_document_or_no_length_is_refused():
    words, offsets_N1 = np.zeros(3, dtype=np.uint64), np.array([0, 3], dtype=np.int64)
    with pytest.raises(ValueError, match=r"^length_N: expected 0 or 8 to 64 per document, found \[7\]$"):
        grams_of(words, offsets_N1, np.array([7], dtype=np.int64))
    with pytest.raises(ValueError, match=r"^word_offsets_N1: expected offsets in \[0, 3\], found others$"):
        grams_of(words, np.array([0, 4], dtype=np.int64), np.array([8], dtype=np.int64))
    with pytest.raises(ValueError, match=r"^word_offsets_N1: expected ascending offsets, found others$"):
        grams_of(words, np.array([0, 3, 2], dtype=np.int64), np.array([8, 8], dtype=np.int64))
    with pytest.raises(TypeError, match=r"^expected uint64 hashes and int64 offsets, found int64 and int64$"):
        grams_of(words.astype(np.int64), offsets_N1, np.array([8], dtype=np.int64))
    bitmap = bitmap_of(words)
    with pytest.raises(ValueError, match=r"^length_L: expected ascending lengths of 8 to 64 words, found \[9 8\]$"):
        candidates(words, offsets_N1, np.array([9, 8], dtype=np.int64), bitmap, bitmap)
