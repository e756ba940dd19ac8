"""The hashes of n-grams and the scores by a table of them are those of the definition, whatever stands beside them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.ngrams import MAX_ORDER, START, log_probabilities, ngram_hashes, ngram_table, start_hashes

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
DOCUMENTS = st.lists(st.lists(st.integers(1, 6), max_size=9), max_size=4)


def flat(documents):
    words = [word * GOLDEN & MASK for document in documents for word in document]
    return np.array(words, dtype=np.uint64), np.cumsum([0, *map(len, documents)], dtype=np.int64)


def hash_of(words):
    """Hash of an n-gram, in Python's integers: from its last word to its first."""
    gram = 0
    for word in reversed(words):
        gram = ((((gram << 13) | (gram >> 51)) & MASK) ^ word) * GOLDEN & MASK
    return gram


@given(DOCUMENTS, st.integers(1, MAX_ORDER))
def test_hashes_of_ngrams_are_those_of_the_definition(documents, order):
    hash_W, offsets_N1 = flat(documents)
    expected = [
        [hash_of(([int(START)] * n + hash_W[first : end + 1].tolist())[-n:]) for n in range(1, order + 1)]
        for first, last in itertools.pairwise(offsets_N1)
        for end in range(first, last)
    ]
    found_OW = ngram_hashes(hash_W, offsets_N1, order=order)
    assert found_OW.T.tolist() == expected


def by_definition(document, entries, order, unknown):
    """Sum of log-probabilities, each by the longest n-gram that is there and the weights of longer contexts."""
    padded, total = [int(START)] * (order - 1) + document, 0.0
    for end in range(order, len(padded) + 1):
        grams = [hash_of(padded[end - n : end]) for n in range(1, order + 1)]
        length = next((n for n in range(order, 0, -1) if grams[n - 1] in entries), 0)
        logarithm = entries[grams[length - 1]][0] if length else unknown
        for k in range(max(length, 1), order):
            context = hash_of(padded[end - 1 - k : end - 1])
            logarithm += entries[context][1] if context in entries else 0.0
        total += logarithm
    return total


@given(DOCUMENTS, DOCUMENTS, st.integers(1, 4), st.data())
def test_scores_are_those_of_the_definition_and_of_chosen_documents_only(known, documents, order, data):
    grams_OW = ngram_hashes(*flat(known), order=order)
    hash_G = np.unique(np.concatenate([grams_OW.ravel(), start_hashes(order - 1) if order > 1 else []])).astype(
        np.uint64
    )
    value_G2 = -np.arange(1, 2 * hash_G.size + 1, dtype=np.float32).reshape(-1, 2) / np.float32(7)
    entries = dict(zip(hash_G.tolist(), value_G2.astype(np.float64).tolist(), strict=True))
    is_chosen_N = np.array([data.draw(st.booleans()) for _ in documents], dtype=np.bool_)
    hash_W, offsets_N1 = flat(documents)
    table = ngram_table(hash_G, value_G2)
    found_N = log_probabilities(hash_W, offsets_N1, is_chosen_N, table, order=order, unknown=-50.0)
    texts = [hash_W[first:last].tolist() for first, last in itertools.pairwise(offsets_N1)]
    expected = [
        by_definition(text, entries, order, -50.0) if chosen else 0.0
        for text, chosen in zip(texts, is_chosen_N, strict=True)
    ]
    assert found_N.tolist() == expected, "to the last bit: the sums have one order"


def test_what_is_no_array_of_words_is_refused():
    hash_W, offsets_N1 = flat([[1, 2]])
    with pytest.raises(ValueError, match="order: expected 1 to 5, found 6"):
        ngram_hashes(hash_W, offsets_N1, order=6)
    with pytest.raises(ValueError, match="word_offsets_N1: expected ascending offsets within hash_W"):
        ngram_hashes(hash_W, offsets_N1 + 1, order=2)
    with pytest.raises(TypeError, match="hash_W, word_offsets_N1: expected uint64"):
        ngram_hashes(hash_W.view(np.int64), offsets_N1, order=2)
