"""Documents equal by a key, and all kinds of links together, against a comparison of every pair."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.exact import equal_documents, exact_links
from curation.dedup.survivors import SurvivorInput, survivors
from curation.kernels.families import are_related
from tests.oracles import linking as oracle

TEXT, URL = 0, 1
HASHES = st.one_of(
    st.sampled_from([b"\x00" * 16, b"a" + b"\x00" * 15, b"\x00" * 15 + b"a", b"\xff" * 16]),
    st.binary(min_size=16, max_size=16),
)


def groups_of(keys, **given_):
    groups = equal_documents(np.array(keys, dtype="S16"), **given_)
    bounds = groups.bounds_G1.tolist()
    return sorted(groups.member_M[i:j].tolist() for i, j in pairwise(bounds))


@given(keys=st.lists(HASHES, max_size=30), data=st.data())
@settings(max_examples=80)
def test_a_group_is_all_documents_of_one_key_and_one_scope(keys, data):
    size = len(keys)
    scopes = data.draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    has_key = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    together = {}
    for n, place in enumerate(zip(keys, scopes, strict=True)):
        if has_key[n]:
            together.setdefault(place, []).append(n)
    found = groups_of(keys, has_key_N=np.array(has_key, dtype=bool), scope_N=np.array(scopes, dtype=np.int32))
    assert found == sorted(group for group in together.values() if len(group) > 1)


def test_keys_that_differ_in_trailing_zeros_only_are_different():
    assert groups_of([b"\x01" + b"\x00" * 15, b"\x01" * 2 + b"\x00" * 14]) == []


def test_keys_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"^equal_documents: expected S16 keys, found .S8$"):
        equal_documents(np.zeros(2, dtype="S8"))


@st.composite
def corpora(draw):
    """Up to 8 documents in the order of survivors: texts, URLs, scopes, parents, states, and which texts are alike."""
    size = draw(st.integers(1, 8))
    column = lambda most: draw(st.lists(st.integers(0, most), min_size=size, max_size=size))  # noqa: E731
    order = draw(st.permutations(range(size)))
    parents = [-1] * size
    for place, n in enumerate(order):
        parents[n] = draw(st.sampled_from([-1, -1, -1, *order[:place]]))
    return {
        "texts": column(4),
        "urls": column(5),
        "scopes": column(1) if draw(st.booleans()) else [0] * size,
        "parents": parents if draw(st.booleans()) else [-1] * size,
        "in_review": draw(st.lists(st.sampled_from([False, False, True]), min_size=size, max_size=size)),
        "alike": draw(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)))),
        "doubtful": draw(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)))),
    }


def every_pair(corpus):
    """(firm, weak) links by comparing all documents with all others."""
    firm, weak = [], []
    for later in range(len(corpus["texts"])):
        for earlier in range(later):
            if corpus["scopes"][later] != corpus["scopes"][earlier] or oracle.related(
                corpus["parents"], later, earlier
            ):
                continue
            text, other = corpus["texts"][later], corpus["texts"][earlier]
            if text == other or corpus["urls"][later] == corpus["urls"][earlier] or is_in(corpus["alike"], text, other):
                firm.append((later, earlier))
            if is_in(corpus["doubtful"] - corpus["alike"], text, other):
                weak.append((later, earlier))
    return firm, weak


def is_in(pairs, one, other):
    return one != other and ((one, other) in pairs or (other, one) in pairs)


def as_run(corpus, *, rule, undecided):
    """Decides as a run does: groups by key, near links between nodes only."""
    size = len(corpus["texts"])
    scopes = np.array(corpus["scopes"], dtype=np.int32)
    has_parents = max(corpus["parents"]) >= 0
    parents = np.array(corpus["parents"] if has_parents else [], dtype=np.int32)
    kinds = [equal_documents(key_of(corpus[name]), scope_N=scopes) for name in ("texts", "urls")]
    exact = exact_links(kinds, size=size, parent_N=parents, shared_kind=TEXT)
    nodes = [n for n in range(size) if exact.node_N[n] == n]
    near = [
        (later, earlier, is_in(corpus["alike"], corpus["texts"][later], corpus["texts"][earlier]))
        for later in nodes
        for earlier in nodes
        if earlier < later
        and corpus["scopes"][later] == corpus["scopes"][earlier]
        and is_in(corpus["alike"] | corpus["doubtful"], corpus["texts"][later], corpus["texts"][earlier])
    ]
    later, earlier = (np.array([link[end] for link in near], dtype=np.int32) for end in (0, 1))
    strangers = ~are_related(parents, later, earlier)
    firm = np.array([link[2] for link in near], dtype=bool)[strangers]
    return survivors(
        SurvivorInput(
            in_review_N=np.array(corpus["in_review"], dtype=bool),
            group_KN=exact.group_KN,
            node_N=exact.node_N,
            later_L=np.concatenate((exact.later_L, later[strangers])),
            earlier_L=np.concatenate((exact.earlier_L, earlier[strangers])),
            weak_L=np.concatenate((np.zeros(exact.later_L.size, dtype=bool), ~firm)),
            rule=rule,
            undecided=undecided,
        )
    )


def key_of(values):
    return np.array([bytes([value + 1]) * 16 for value in values], dtype="S16")


@pytest.mark.parametrize("rule", ["earlier", "component"])
@pytest.mark.parametrize("undecided", ["hold", "keep"])
@given(corpus=corpora())
@settings(max_examples=300)
def test_all_kinds_scopes_and_families_together_decide_as_if_every_pair_were_compared(rule, undecided, corpus):
    firm, weak = every_pair(corpus)
    definition = oracle.component_outcomes if rule == "component" else oracle.earlier_outcomes
    found = as_run(corpus, rule=rule, undecided=undecided)
    assert found.outcome_N.tolist() == definition(corpus["in_review"], firm, weak, hold=undecided == "hold")
    for n, via in enumerate(found.via_N.tolist()):
        assert via < 0 or (max(n, via), min(n, via)) in [*firm, *weak], "no link leads to a relative or another scope"


def test_a_document_is_never_linked_to_its_parent_and_both_remove_a_stranger():
    corpus = {
        "texts": [0, 0, 0],
        "urls": [0, 1, 2],
        "scopes": [0, 0, 0],
        "parents": [-1, 0, -1],
        "in_review": [False] * 3,
        "alike": set(),
        "doubtful": set(),
    }
    assert as_run(corpus, rule="earlier", undecided="hold").survivor_N.tolist() == [-1, -1, 0]
    corpus["parents"] = [-1, 0, 1]
    assert as_run(corpus, rule="earlier", undecided="hold").survivor_N.tolist() == [-1, -1, -1], "nor to grandparents"
    assert as_run(corpus, rule="component", undecided="hold").cluster_N.tolist() == [-1, -1, -1]


def test_only_the_earliest_of_equal_texts_is_compared_unless_it_has_relatives():
    text = equal_documents(key_of([0, 0, 1, 0]))
    nobody = np.zeros(0, dtype=np.int32)
    assert exact_links([text], size=4, parent_N=nobody, shared_kind=0).node_N.tolist() == [0, 0, 2, 0]
    assert exact_links([text], size=4, parent_N=nobody, shared_kind=None).node_N.tolist() == [0, 1, 2, 3]
    child_of_2 = np.array([2, -1, -1, -1], dtype=np.int32)
    assert exact_links([text], size=4, parent_N=child_of_2, shared_kind=0).node_N.tolist() == [0, 1, 2, 1]
