"""Which copy stays: both rules against slow definitions, and against every answer that people could give."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup.survivors import BORDERLINE, HELD, REMOVED, STAYS, SurvivorInput, survivors
from tests.oracles import linking as oracle

both_rules = pytest.mark.parametrize("rule", ["earlier", "component"])
both_choices = pytest.mark.parametrize("undecided", ["hold", "keep"])
DEFINITIONS = {"earlier": oracle.earlier_outcomes, "component": oracle.component_outcomes}


@st.composite
def graphs(draw):
    """(in_review, links): up to 8 documents, links (later, earlier) in any order, some given twice."""
    size = draw(st.integers(1, 8))
    in_review = draw(st.lists(st.sampled_from([False, False, True]), min_size=size, max_size=size))
    pair = st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)).filter(lambda ends: ends[0] > ends[1])
    return in_review, draw(st.lists(pair, max_size=12)) if size > 1 else []


@st.composite
def full_graphs(draw):
    """(in_review, groups, nodes, links, weak): two kinds of groups; members of a group of the first share a node."""
    in_review, links = draw(graphs())
    size = len(in_review)
    groups = [numbered(draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)), size) for _ in range(2)]
    groups[1] = [group + size if group >= 0 else -1 for group in groups[1]]
    shares = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    sharing = {n: groups[0][n] for n in range(size) if shares[n] and groups[0][n] >= 0}
    nodes = [
        min((m for m in sharing if sharing[m] == sharing[n]), default=n) if n in sharing else n for n in range(size)
    ]
    links = [link for link in links if all(nodes[end] == end for end in link)]
    return in_review, groups, nodes, links, draw(st.lists(st.booleans(), min_size=len(links), max_size=len(links)))


def numbered(labels, size):
    """Labels as group numbers; of label 0 and of a label that occurs once: no group."""
    return [label if label and labels.count(label) > 1 else -1 for label in labels][:size]


def decided(in_review, links, *, groups=(), nodes=None, weak=None, rule="earlier", undecided="hold", followers=0):
    ends = np.array(links, dtype=np.int32).reshape(-1, 2)
    size = len(in_review)
    return survivors(
        SurvivorInput(
            in_review_N=np.array(in_review, dtype=np.bool_),
            group_KN=np.array(groups, dtype=np.int32).reshape(-1, size),
            node_N=np.array(range(size) if nodes is None else nodes, dtype=np.int32),
            later_L=np.ascontiguousarray(ends[:, 0]),
            earlier_L=np.ascontiguousarray(ends[:, 1]),
            weak_L=np.array(weak or [False] * len(links), dtype=np.bool_),
            rule=rule,
            undecided=undecided,
            num_followers=followers,
        )
    )


def outcomes(in_review, links, **choice):
    return decided(in_review, links, **choice).outcome_N.tolist()


def pairs(links, weak, groups, nodes):
    """(links that remove, weak links) between documents; what removes is not weak too."""
    firm = oracle.all_links(groups, nodes, [link for link, is_weak in zip(links, weak, strict=True) if not is_weak])
    doubtful = oracle.all_links([], nodes, [link for link, is_weak in zip(links, weak, strict=True) if is_weak])
    return firm, doubtful


@both_rules
@both_choices
@given(graph=full_graphs())
@settings(max_examples=300)
def test_a_rule_is_its_definition_over_every_pair_that_groups_and_links_join(rule, undecided, graph):
    in_review, groups, nodes, links, weak = graph
    firm, doubtful = pairs(links, weak, groups, nodes)
    expected = DEFINITIONS[rule](in_review, firm, doubtful, hold=undecided == "hold")
    found = outcomes(in_review, links, groups=groups, nodes=nodes, weak=weak, rule=rule, undecided=undecided)
    assert found == expected


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
@given(graph=full_graphs())
@settings(max_examples=150)
def test_a_held_document_waits_for_somebody(rule, graph):
    in_review, groups, nodes, links, weak = graph
    result = decided(in_review, links, groups=groups, nodes=nodes, weak=weak, rule=rule)
    for n in np.flatnonzero(result.outcome_N == HELD):
        assert not in_review[n], "a document in review is waited for, not held"
        same = np.flatnonzero(result.cluster_N == result.cluster_N[n])
        assert any(in_review[m] or result.outcome_N[m] == BORDERLINE for m in same if m != n)


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
@given(graph=full_graphs())
@settings(max_examples=200)
def test_every_removed_document_names_a_survivor_that_stays_and_a_link_of_its_own(rule, undecided, graph):
    in_review, groups, nodes, links, weak = graph
    result = decided(in_review, links, groups=groups, nodes=nodes, weak=weak, rule=rule, undecided=undecided)
    for n, outcome in enumerate(result.outcome_N.tolist()):
        via, how, survivor = int(result.via_N[n]), int(result.how_N[n]), int(result.survivor_N[n])
        assert (via >= 0) == (how != -1) == (outcome != STAYS)
        assert (survivor >= 0) == (outcome == REMOVED)
        if outcome == REMOVED:
            assert survivor < n
            assert result.outcome_N[survivor] == STAYS
            assert not in_review[survivor]
            assert result.cluster_N[survivor] == result.cluster_N[n]
        if how >= 0:
            assert {nodes[n], nodes[via]} == set(links[how]), "the deciding link is one of the document's own"
            assert weak[how] == (outcome == BORDERLINE), "a weak link removes and holds nobody"
        if how < -1:
            assert groups[-2 - how][n] == groups[-2 - how][via] >= 0
            assert n != via
        if outcome == REMOVED and rule == "earlier":
            assert via == survivor


@both_rules
@both_choices
@given(graph=graphs(), order=st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_order_of_links_changes_nothing(rule, undecided, graph, order):
    in_review, links = graph
    links = sorted(set(links))
    weak = [(later + earlier) % 3 == 0 for later, earlier in links]
    places = order.sample(range(len(links)), len(links))
    one = decided(in_review, links, weak=weak, rule=rule, undecided=undecided)
    shuffled = [links[place] for place in places]
    other = decided(in_review, shuffled, weak=[weak[place] for place in places], rule=rule, undecided=undecided)
    assert one.outcome_N.tolist() == other.outcome_N.tolist()
    assert one.survivor_N.tolist() == other.survivor_N.tolist()
    assert one.cluster_N.tolist() == other.cluster_N.tolist()
    moved = [places[how] if how >= 0 else -1 for how in other.how_N.tolist()]
    assert moved == one.how_N.tolist()


@given(graph=full_graphs())
@settings(max_examples=100)
def test_a_cluster_is_named_by_its_earliest_member_and_a_document_without_a_firm_link_has_none(graph):
    in_review, groups, nodes, links, weak = graph
    firm, _ = pairs(links, weak, groups, nodes)
    linked = {end for link in firm for end in link}
    smallest = oracle.components(len(in_review), firm)
    assert decided(in_review, links, groups=groups, nodes=nodes, weak=weak).cluster_N.tolist() == [
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
    assert decided([False] * 3, [(1, 0), (2, 1), (2, 0)], rule="component").how_N.tolist() == [-1, 0, 2]


def test_a_document_in_review_between_two_survivors_goes_for_the_earlier_one():
    links = [(2, 1), (3, 2), (3, 0)]
    result = decided([False, False, True, False], links, rule="component", undecided="keep")
    assert result.outcome_N.tolist() == [STAYS, STAYS, REMOVED, REMOVED]
    assert result.survivor_N.tolist() == [-1, -1, 0, 0]
    assert result.how_N[2] == 1, "its link to a member of the survivor's body"


def test_documents_without_links_all_stay():
    result = decided([False, True, False], [])
    assert result.outcome_N.tolist() == [STAYS] * 3
    assert result.cluster_N.tolist() == result.via_N.tolist() == result.survivor_N.tolist() == [-1] * 3


def test_of_two_links_between_the_same_documents_the_first_given_decides():
    assert decided([False, False], [(1, 0), (1, 0)]).how_N.tolist() == [-1, 0]


def test_a_copy_of_a_removed_text_goes_by_the_link_of_its_node_and_names_who_stays():
    result = decided([False] * 3, [(1, 0)], groups=[[-1, 0, 0]], nodes=[0, 1, 1])
    assert result.outcome_N.tolist() == [STAYS, REMOVED, REMOVED]
    assert result.survivor_N.tolist() == result.via_N.tolist() == [-1, 0, 0]
    assert result.how_N.tolist() == [-1, 0, 0]


def test_a_page_fetched_again_stays_when_its_first_copy_went_for_a_text_that_it_does_not_have():
    result = decided([False] * 3, [(1, 0)], groups=[[-1, 0, 0]])
    assert result.outcome_N.tolist() == [STAYS, REMOVED, STAYS], "equal URLs do not hand a near link on"
    assert outcomes([False] * 3, [(1, 0)], groups=[[-1, 0, 0]], rule="component") == [STAYS, REMOVED, REMOVED]


def test_of_several_links_the_first_kind_of_group_is_named():
    groups = [[-1, -1, -1], [-1, 0, 0], [1, 1, 1]]
    assert decided([False] * 3, [], groups=groups[:1] + groups[2:]).how_N.tolist() == [-1, -3, -3]
    assert decided([False] * 3, [(2, 0)], groups=[groups[0], groups[0], groups[2]]).how_N.tolist() == [-1, -4, -4]


@both_rules
@both_choices
def test_a_borderline_link_removes_nobody_and_sends_the_later_document_to_review(rule, undecided):
    result = decided([False, False], [(1, 0)], weak=[True], rule=rule, undecided=undecided)
    assert result.outcome_N.tolist() == [STAYS, BORDERLINE]
    assert result.via_N.tolist() == [-1, 0]
    assert result.survivor_N.tolist() == result.cluster_N.tolist() == [-1, -1]


@both_rules
def test_a_borderline_document_removes_nobody_and_its_copies_wait_with_it(rule):
    links, weak = [(1, 0), (2, 1)], [True, False]
    assert outcomes([False] * 3, links, weak=weak, rule=rule) == [STAYS, BORDERLINE, HELD]
    assert outcomes([False] * 3, links, weak=weak, rule=rule, undecided="keep") == [STAYS, BORDERLINE, STAYS]


@both_rules
def test_a_link_above_the_band_removes_although_another_one_is_in_it(rule):
    assert outcomes([False] * 3, [(2, 0), (2, 1)], weak=[True, False], rule=rule) == [STAYS, STAYS, REMOVED]


@pytest.mark.parametrize("link", [(0, 1), (1, 1), (2, 0), (1, -1)])
def test_a_link_that_is_no_pair_of_ranks_is_refused_by_number(link):
    expected = f"link 1: expected ranks 0 <= earlier < later < 2, found earlier {link[1]} and later {link[0]}"
    with pytest.raises(ValueError, match=f"^{expected}$"):
        decided([False, False], [(1, 0), link])


def test_groups_of_other_documents_are_refused():
    expected = r"survivors: expected nodes and groups of 2 documents, found \(3,\) and \(0, 2\)"
    with pytest.raises(ValueError, match=f"^{expected}$"):
        decided([False, False], [], nodes=[0, 1, 2])


@both_rules
@both_choices
@given(graph=full_graphs(), followers=st.integers(1, 8))
def test_followers_change_nothing_for_those_before_them(rule, undecided, graph, followers):
    in_review, groups, nodes, links, weak = graph
    lead = max(len(in_review) - followers, 1)
    choice = {"rule": rule, "undecided": undecided}
    whole = decided(in_review, links, groups=groups, nodes=nodes, weak=weak, followers=len(in_review) - lead, **choice)
    inner = [index for index, link in enumerate(links) if link[0] < lead]
    left = [numbered([group + 1 for group in row[:lead]], lead) for row in groups]
    alone = decided(
        in_review[:lead],
        [links[index] for index in inner],
        groups=left,
        nodes=nodes[:lead],
        weak=[weak[index] for index in inner],
        **choice,
    )
    for name in ("outcome_N", "via_N", "survivor_N"):
        assert getattr(whole, name)[:lead].tolist() == getattr(alone, name).tolist(), name
    assert [inner[how] if how >= 0 else how for how in alone.how_N] == whole.how_N[:lead].tolist()
    assert [found for found in alone.cluster_N.tolist() if found >= 0] == [
        found for found, before in zip(whole.cluster_N.tolist(), alone.cluster_N.tolist(), strict=False) if before >= 0
    ]


@both_choices
@given(graph=full_graphs(), followers=st.integers(1, 8))
def test_followers_go_by_the_rule_earlier_after_all_others(undecided, graph, followers):
    in_review, groups, nodes, links, weak = graph
    count = min(followers, len(in_review))
    choice = {"groups": groups, "nodes": nodes, "weak": weak, "undecided": undecided}
    whole = decided(in_review, links, followers=count, **choice)
    assert whole.outcome_N.tolist() == decided(in_review, links, **choice).outcome_N.tolist()


def test_a_follower_bridges_no_components_and_is_in_the_cluster_of_the_one_it_went_for():
    bridge = {"in_review": [False] * 3, "links": [(2, 0), (2, 1)], "rule": "component"}
    assert outcomes(**bridge) == [STAYS, REMOVED, REMOVED], "without followers, the bridge makes one component"
    found = decided(**bridge, followers=1)
    assert found.outcome_N.tolist() == [STAYS, STAYS, REMOVED]
    assert found.cluster_N.tolist() == [0, -1, 0]


def test_documents_that_follow_each_other_keep_the_earliest():
    found = decided([False] * 3, [(2, 1)], followers=2)
    assert found.outcome_N.tolist() == [STAYS, STAYS, REMOVED]
    assert found.cluster_N.tolist() == [-1, 1, 1]
