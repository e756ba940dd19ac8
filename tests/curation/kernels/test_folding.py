"""Words written out in lower case, against a definition in Python."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.kernels.folding import folded_words
from curation.kernels.words import words
from tests.curation.kernels.test_words import TEXTS, documents
from tests.oracles import words as oracle


def folded(encoded):
    values, offsets = documents(encoded)
    written, bounds = folded_words(values, offsets, words(values, offsets))
    return [written[i:j].tobytes() for i, j in pairwise(bounds)]


@given(st.lists(TEXTS, max_size=5))
@example(["\u212a İ ẞ É 𐐀 Ⱥ ΑΣ", "WORD Word", "漢字ABC12 12漢", ""])
def test_the_bytes_are_those_of_the_definition(texts):
    expected = ["".join(f"{oracle.lowered(word)} " for _, word in oracle.words(text)) for text in texts]
    assert folded([text.encode() for text in texts]) == [text.encode() for text in expected]


@given(st.lists(TEXTS, min_size=2, max_size=5))
@example(["Ab c", "aB, C"])
@example(["ab c", "a bc"])
def test_the_bytes_differ_as_the_definition_of_word_hashes_depends_on_them(texts):
    values, offsets = documents([text.encode() for text in texts])
    found = words(values, offsets)
    hashes = [found.hash_W[i:j].tobytes() for i, j in pairwise(found.word_offsets_N1)]
    written = folded([text.encode() for text in texts])
    same_words = [(a, b) for a in range(len(texts)) for b in range(a) if hashes[a] == hashes[b]]
    assert same_words == [(a, b) for a in range(len(texts)) for b in range(a) if written[a] == written[b]]


@given(st.lists(st.binary(max_size=120), max_size=5))
def test_bytes_that_are_not_utf8_are_copied_and_depend_on_their_own_document_only(encoded):
    alone = [folded([text])[0] for text in encoded]
    assert folded(encoded) == alone


def test_words_of_other_documents_are_refused():
    values, offsets = documents([b"a b"])
    with pytest.raises(ValueError, match=r"^folded_words: expected words of 1 documents, found 2$"):
        folded_words(values, offsets, words(values, np.array([0, 1, 3])))
