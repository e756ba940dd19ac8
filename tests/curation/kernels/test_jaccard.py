"""Jaccard similarity against Python sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.kernels.jaccard import agreement_pairs, jaccard_pairs

SETS = st.lists(
    st.frozensets(st.one_of(st.integers(0, 25), st.integers(2**32 - 9, 2**32 - 1)), max_size=30), min_size=1, max_size=6
)


def similarity(left, right):
    union = len(left | right)
    return len(left & right) / union if union else 0.0


def laid_out(sets):
    values = np.array([value for members in sets for value in sorted(members)], dtype=np.uint32)
    return values, np.cumsum([0, *(len(members) for members in sets)], dtype=np.int64)


@given(sets=SETS)
@settings(max_examples=80)
def test_similarities_are_exactly_those_of_python_sets(sets):
    left, right = np.divmod(np.arange(len(sets) ** 2), len(sets))
    found = jaccard_pairs(*laid_out(sets), left, right)
    assert found.tolist() == [similarity(sets[i], sets[j]) for i, j in zip(left, right, strict=True)]


def test_offsets_that_do_not_start_at_zero_are_honoured():
    values = np.array([99, 1, 2, 3, 2, 3, 4], dtype=np.uint32)
    found = jaccard_pairs(values, np.array([1, 4, 7]), np.array([1]), np.array([0]))
    assert found.tolist() == [0.5]


def test_no_pairs_have_no_similarities():
    none = np.zeros(0, np.int64)
    assert jaccard_pairs(np.zeros(0, np.uint32), np.zeros(1, np.int64), none, none).size == 0


@pytest.mark.parametrize("index", [-1, 2])
def test_a_document_that_is_not_there_is_refused(index):
    values, offsets = laid_out([{1}, {2}])
    with pytest.raises(ValueError, match=f"^pairs: expected indices below 2, found {index} to {index}$"):
        jaccard_pairs(values, offsets, np.array([index]), np.array([0]))


@given(
    rows=st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=5),
)
@settings(max_examples=40)
def test_agreement_is_the_share_of_permutations_with_one_minimum(rows):
    left, right = np.divmod(np.arange(len(rows) ** 2), len(rows))
    values = np.array(rows, dtype=np.uint32).reshape(-1)
    found = agreement_pairs(values, np.arange(0, 6 * len(rows) + 1, 6), left, right)
    expected = [
        sum(a == b for a, b in zip(rows[i], rows[j], strict=True)) / 6 for i, j in zip(left, right, strict=True)
    ]
    assert found.tolist() == expected


def test_signatures_of_different_lengths_do_not_agree_on_anything():
    with pytest.raises(ValueError, match=r"^agreement_pairs: expected signatures of one length, found 1 to 2$"):
        agreement_pairs(np.zeros(3, np.uint32), np.array([0, 1, 3]), np.array([1]), np.array([0]))
