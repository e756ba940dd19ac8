"""Hashes of contents against their definition in Python integers."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.kernels.content import content_hashes
from tests.curation.kernels.test_words import documents
from tests.oracles.words import content_hash


@given(st.lists(st.binary(max_size=70), max_size=5))
@example([bytes(size) for size in range(35)])
@example([bytes(range(size)) for size in range(35)])
def test_hashes_are_those_of_the_definition(encoded):
    assert content_hashes(*documents(encoded)).tolist() == [content_hash(data) for data in encoded]


@given(st.binary(max_size=40), st.binary(min_size=1, max_size=40), st.binary(max_size=40))
def test_hashes_depend_on_their_own_document_only(before, data, after):
    values, offsets = documents([before, data, after])
    assert content_hashes(values, offsets[1:3]).tolist() == content_hashes(*documents([data])).tolist()


def test_documents_that_differ_in_a_byte_or_in_length_have_other_hashes_wherever_it_is():
    texts = [bytes(size) for size in range(64)]
    texts += [bytes(at) + b"\x01" + bytes(size - at - 1) for size in range(64) for at in range(size)]
    assert np.unique(content_hashes(*documents(texts))).size == len(texts)


def test_offsets_that_leave_the_values_are_refused():
    with pytest.raises(ValueError, match=r"^offsets_N1: expected ascending offsets in \[0, 2\], found others$"):
        content_hashes(np.zeros(2, np.uint8), np.array([0, 3]))
