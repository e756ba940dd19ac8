"""Which copy stays: both rules against slow definitions, and against every answer that people could give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.survivors import HELD, REMOVED, STAYS, UNDATED, OrderInput, SurvivorInput, rank_of, survivors
from tests.oracles import linking as oracle

both_rules = pytest.mark.parametrize("rule", ["earlier", "component"])
both_choices = pytest.mark.parametrize("undecided", ["hold", "keep"])


@st.composite
def graphs(draw):
    """(in_review, links): up to 8 documents, links (later, earlier) in any order, some given twice."""
    size = draw(st.integers(1, 8))
    in_review = draw(st.lists(st.sampled_from([False, False, True]), min_size=size, max_size=size))
    pair = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda ends: ends[0] > ends[1])
    return in_review, draw(st.lists(pair, max_size=12)) if size > 1 else []


def decided(in_review, links, *, rule="earlier", undecided="hold"):
    ends = np.array(links, dtype=np.int64).reshape(-1, 2)
    return survivors(
        SurvivorInput(
            in_review_N=np.array(in_review, dtype=np.bool_),
            later_L=ends[:, 0],
            earlier_L=ends[:, 1],
            rule=rule,
            undecided=undecided,
        )
    )


def outcomes(in_review, links, **choice):
    return decided(in_review, links, **choice).outcome_N.tolist()


@both_choices
@given(graph=graphs())
@settings(max_examples=150)
def test_earlier_is_its_definition_document_by_document(undecided, graph):
    in_review, links = graph
    expected = oracle.earlier_outcomes(in_review, links, hold=undecided == "hold")
    assert outcomes(in_review, links, undecided=undecided) == expected


@both_rules
@given(graph=graphs())
@settings(max_examples=150)
def test_what_is_not_held_does_not_depend_on_what_people_will_answer(rule, graph):
    in_review, links = graph
    outcome = outcomes(in_review, links, rule=rule)
    for present, surviving in oracle.possible_survivors(in_review, links, rule):
        for n in present:
            if outcome[n] == REMOVED:
                assert n not in surviving
            elif outcome[n] == STAYS and not in_review[n]:
                assert n in surviving


@both_rules
@given(graph=graphs())
@settings(max_examples=150)
def test_a_held_cluster_waits_for_somebody(rule, graph):
    in_review, links = graph
    result = decided(in_review, links, rule=rule)
    for n in np.flatnonzero(result.outcome_N == HELD):
        assert not in_review[n], "a document in review is waited for, not held"
        assert any(in_review[m] for m in np.flatnonzero(result.cluster_N == result.cluster_N[n]) if m != n)


@both_rules
@given(graph=graphs())
@settings(max_examples=100)
def test_keep_holds_nothing_and_equals_the_plain_rule_on_undisputed_documents(rule, graph):
    in_review, links = graph
    outcome = outcomes(in_review, links, rule=rule, undecided="keep")
    assert HELD not in outcome
    undisputed = {n for n, doubt in enumerate(in_review) if not doubt}
    staying = {n for n in undisputed if outcome[n] == STAYS}
    assert staying == oracle.plain_survivors(undisputed, len(in_review), links, rule)


@both_rules
@both_choices
@given(graph=graphs())
@settings(max_examples=100)
def test_every_removed_document_names_a_survivor_that_stays_and_a_link_of_its_own(rule, undecided, graph):
    in_review, links = graph
    result = decided(in_review, links, rule=rule, undecided=undecided)
    for n, outcome in enumerate(result.outcome_N.tolist()):
        via, survivor = int(result.via_link_N[n]), int(result.survivor_N[n])
        assert (via >= 0) == (outcome != STAYS)
        assert (survivor >= 0) == (outcome == REMOVED)
        if outcome == REMOVED:
            assert survivor < n
            assert result.outcome_N[survivor] == STAYS
            assert not in_review[survivor]
            assert result.cluster_N[survivor] == result.cluster_N[n]
        if via >= 0:
            assert n in links[via], "the deciding link is one of the document's own"
        if outcome == REMOVED and rule == "earlier":
            assert links[via] == (n, survivor)


@both_rules
@both_choices
@given(graph=graphs(), order=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_of_links_changes_nothing(rule, undecided, graph, order):
    in_review, links = graph
    links = sorted(set(links))
    places = order.sample(range(len(links)), len(links))
    one = decided(in_review, links, rule=rule, undecided=undecided)
    other = decided(in_review, [links[place] for place in places], rule=rule, undecided=undecided)
    assert one.outcome_N.tolist() == other.outcome_N.tolist()
    assert one.survivor_N.tolist() == other.survivor_N.tolist()
    assert one.cluster_N.tolist() == other.cluster_N.tolist()
    moved = [places[via] if via >= 0 else -1 for via in other.via_link_N.tolist()]
    assert moved == one.via_link_N.tolist()


@given(graph=graphs())
@settings(max_examples=60)
def test_a_cluster_is_named_by_its_earliest_member_and_a_lone_document_has_none(graph):
    in_review, links = graph
    linked = {end for link in links for end in link}
    smallest = oracle.components(len(in_review), links)
    assert decided(in_review, links).cluster_N.tolist() == [
        smallest[n] if n in linked else -1 for n in range(len(in_review))
    ]


def test_earlier_does_not_chain_and_component_does():
    chain = [(1, 0), (2, 1)]
    assert outcomes([False] * 3, chain) == [STAYS, REMOVED, STAYS]
    assert outcomes([False] * 3, chain, rule="component") == [STAYS, REMOVED, REMOVED]


@both_rules
def test_a_document_in_review_removes_nobody_but_holds_its_later_copies(rule):
    assert outcomes([True, False], [(1, 0)], rule=rule) == [STAYS, HELD]
    assert outcomes([True, False], [(1, 0)], rule=rule, undecided="keep") == [STAYS, STAYS]


@both_rules
def test_a_document_in_review_goes_when_an_undisputed_earlier_copy_stays(rule):
    assert outcomes([False, True], [(1, 0)], rule=rule) == [STAYS, REMOVED]


@both_rules
def test_an_undisputed_earlier_copy_removes_even_where_another_is_in_review(rule):
    links = [(2, 0), (2, 1)]
    assert outcomes([False, True, False], links, rule="earlier") == [STAYS, STAYS, REMOVED]
    assert decided([False, True, False], links, rule=rule).survivor_N[2] == 0


def test_what_a_held_document_would_remove_is_held_too():
    assert outcomes([True, False, False], [(1, 0), (2, 1)]) == [STAYS, HELD, HELD]


def test_a_component_joined_by_a_document_in_review_is_held_on_its_far_side_only():
    links = [(1, 0), (2, 1), (3, 2), (4, 3)]
    result = decided([False, False, True, False, False], links, rule="component")
    assert result.outcome_N.tolist() == [STAYS, REMOVED, REMOVED, HELD, HELD]
    assert result.survivor_N.tolist() == [-1, 0, 0, -1, -1]


def test_the_deciding_link_of_a_component_is_the_one_to_the_earliest_neighbour():
    assert decided([False] * 3, [(1, 0), (2, 1), (2, 0)], rule="component").via_link_N.tolist() == [-1, 0, 2]


def test_a_document_in_review_between_two_survivors_goes_for_the_earlier_one():
    links = [(2, 1), (3, 2), (3, 0)]
    result = decided([False, False, True, False], links, rule="component", undecided="keep")
    assert result.outcome_N.tolist() == [STAYS, STAYS, REMOVED, REMOVED]
    assert result.survivor_N.tolist() == [-1, -1, 0, 0]
    assert result.via_link_N[2] == 1, "its link to a member of the survivor's group"


def test_documents_without_links_all_stay():
    result = decided([False, True, False], [])
    assert result.outcome_N.tolist() == [STAYS] * 3
    assert result.cluster_N.tolist() == result.via_link_N.tolist() == result.survivor_N.tolist() == [-1] * 3


def test_of_two_links_between_the_same_documents_the_first_given_decides():
    assert decided([False, False], [(1, 0), (1, 0)]).via_link_N.tolist() == [-1, 0]


@pytest.mark.parametrize("link", [(0, 1), (1, 1), (2, 0), (1, -1)])
def test_a_link_that_is_no_pair_of_ranks_is_refused_by_number(link):
    expected = f"link 1: expected ranks 0 <= earlier < later < 2, found earlier {link[1]} and later {link[0]}"
    with pytest.raises(ValueError, match=f"^{expected}$"):
        decided([False, False], [(1, 0), link])


def order_input(num=4, **change):
    columns = {
        "prefer": ("source",),
        "undecided": "hold",
        "doc_id_N": np.array([bytes([n]) * 16 for n in range(num)], dtype="S16"),
        "source_N": np.zeros(num, np.int64),
        "length_N": np.zeros(num, np.int64),
        "licensed_N": np.zeros(num, np.bool_),
        "fetch_time_N": np.full(num, UNDATED),
        "in_review_N": np.zeros(num, np.bool_),
    }
    return OrderInput(**{**columns, **change})


@pytest.mark.parametrize(
    ("prefer", "change", "expected"),
    [
        (("source",), {"source_N": np.array([2, 0, 1, 0])}, [3, 0, 2, 1]),
        (("longest",), {"length_N": np.array([5, 9, 9, 1])}, [2, 0, 1, 3]),
        (("licensed",), {"licensed_N": np.array([False, True, False, True])}, [2, 0, 3, 1]),
        (("newest",), {"fetch_time_N": np.array([5, UNDATED, 7, -3])}, [1, 3, 0, 2]),
        ((), {}, [0, 1, 2, 3]),
    ],
)
def test_each_preference_orders_by_its_own_column_and_ties_go_to_the_smaller_id(prefer, change, expected):
    assert rank_of(order_input(prefer=prefer, **change)).tolist() == expected


def test_the_first_preference_outweighs_the_second():
    columns = {"source_N": np.array([1, 1, 0, 0]), "length_N": np.array([9, 8, 1, 2])}
    assert rank_of(order_input(prefer=("source", "longest"), **columns)).tolist() == [2, 3, 1, 0]
    assert rank_of(order_input(prefer=("longest", "source"), **columns)).tolist() == [0, 1, 3, 2]


def test_keep_puts_documents_in_review_last_and_hold_does_not():
    in_review = np.array([True, False, False, False])
    assert rank_of(order_input(in_review_N=in_review)).tolist() == [0, 1, 2, 3]
    assert rank_of(order_input(in_review_N=in_review, undecided="keep")).tolist() == [3, 0, 1, 2]


def test_ids_are_ordered_as_bytes_even_where_they_end_in_zeros():
    ids = [b"\x01" + b"\x00" * 15, b"\x00" * 15 + b"\x02", b"\x01" + b"\x00" * 14 + b"\x01", b"\xff" * 16]
    ranks = rank_of(order_input(doc_id_N=np.array(ids, dtype="S16"))).tolist()
    assert ranks == [sorted(ids).index(item) for item in ids]


@given(seed=st.integers(0, 2**32 - 1), prefer=st.permutations(["source", "longest", "licensed", "newest"]))
@settings(max_examples=30)
def test_the_order_depends_on_the_documents_and_never_on_how_they_come_in(seed, prefer):
    draw = np.random.default_rng(seed)
    num = 30
    columns = {
        "doc_id_N": np.array([draw.bytes(15) + b"\x00" for _ in range(num)], dtype="S16"),
        "source_N": draw.integers(0, 2, num),
        "length_N": draw.integers(0, 3, num),
        "licensed_N": draw.integers(0, 2, num).astype(bool),
        "fetch_time_N": draw.integers(0, 3, num),
        "in_review_N": draw.integers(0, 2, num).astype(bool),
    }
    shuffle = draw.permutation(num)
    ranks = rank_of(order_input(prefer=tuple(prefer), undecided="keep", **columns))
    shuffled = {name: column[shuffle] for name, column in columns.items()}
    assert sorted(ranks.tolist()) == list(range(num))
    assert rank_of(order_input(prefer=tuple(prefer), undecided="keep", **shuffled)).tolist() == ranks[shuffle].tolist()
