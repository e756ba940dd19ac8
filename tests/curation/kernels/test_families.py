"""Ancestors and unrelated pairs, against walks over Python lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.kernels.families import are_related, groups_of_relatives, nearest_ancestors, unrelated_pairs
from tests.oracles import linking as oracle


@st.composite
def forests(draw):
    """Parents of up to 9 documents, without cycles, in any order."""
    size = draw(st.integers(1, 9))
    order = draw(st.permutations(range(size)))
    parents = [-1] * size
    for place, n in enumerate(order):
        parents[n] = draw(st.sampled_from([-1, *order[:place]]))
    return parents


def numbers(values):
    return np.array(values, dtype=np.int32)


@given(parents=forests(), data=st.data())
def test_the_nearest_ancestor_is_the_first_with_a_number_on_the_way_up(parents, data):
    chosen = data.draw(st.lists(st.sampled_from(range(len(parents))), unique=True))
    places = [chosen.index(n) if n in chosen else -1 for n in range(len(parents))]
    expected = []
    for n in chosen:
        above = parents[n]
        while above >= 0 and above not in chosen:
            above = parents[above]
        expected.append(places[above] if above >= 0 else -1)
    assert nearest_ancestors(numbers(parents), numbers(places), len(chosen)).tolist() == expected


@given(parents=forests())
def test_relatives_are_a_document_and_what_it_comes_from_however_far(parents):
    pairs = [(a, b) for a in range(len(parents)) for b in range(len(parents)) if a != b]
    one, other = (numbers([pair[end] for pair in pairs]) for end in (0, 1))
    expected = [oracle.related(parents, a, b) for a, b in pairs]
    assert are_related(numbers(parents), one, other).tolist() == expected


@given(parents=forests(), data=st.data(), most=st.integers(1, 3))
def test_pairs_are_those_of_members_that_are_no_relatives_the_earliest_first(parents, data, most):
    labels = data.draw(st.lists(st.integers(0, 2), min_size=len(parents), max_size=len(parents)))
    groups = [[n for n, label in enumerate(labels) if label == wanted] for wanted in range(3)]
    members, bounds = numbers([n for group in groups for n in group]), np.cumsum([0, *map(len, groups)])
    expected = []
    for group in groups:
        for n in group:
            strangers = [m for m in group if m < n and not oracle.related(parents, m, n)]
            expected += [(n, m) for m in strangers[:most]]
    later, earlier = unrelated_pairs(numbers(parents), members, bounds, max_earlier=most)
    assert list(zip(later.tolist(), earlier.tolist(), strict=True)) == expected
    found = groups_of_relatives(numbers(parents), members, bounds).tolist()
    assert found == [any(oracle.related(parents, a, b) for a in group for b in group if a < b) for group in groups]


def test_where_nobody_has_a_parent_nobody_is_related():
    nobody = numbers([])
    assert are_related(nobody, numbers([0, 1]), numbers([1, 0])).tolist() == [False, False]
    assert groups_of_relatives(nobody, numbers([0, 1]), np.array([0, 2])).tolist() == [False]


@pytest.mark.parametrize("places", [[0, 1], [0, -1], [-1, -1]])
def test_documents_that_come_from_each_other_are_refused(places):
    number_of = max(places) + 1
    with pytest.raises(ValueError, match=r"^parents: expected a document to come from others, found \d among its own"):
        nearest_ancestors(numbers([1, 0]), numbers(places), number_of)
