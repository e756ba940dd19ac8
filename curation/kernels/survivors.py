"""The two rules of survivorship over a `LinkGraph`, each a few passes over documents in order of preference.

What is decided about a document is (outcome, via, how, survivor): `via` is the document at the other end of the
deciding link; `how` is that link's number, or `-2 - k` where it lies in a group of kind k, or -1.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel
from curation.kernels.link_graph import LinkGraph, Mask, Numbers, other_end
from curation.kernels.union_find import join, settle

STAYS, REMOVED, HELD, BORDERLINE = np.uint8(0), np.uint8(1), np.uint8(2), np.uint8(3)


class Outcome(NamedTuple):
    """What becomes of N documents."""

    outcome_N: NDArray[np.uint8]
    via_N: Numbers
    how_N: Numbers
    survivor_N: Numbers


class Standing(NamedTuple):
    """The first document of each group and each node that is of one standing (say, stays); -1: none."""

    of_group_G: Numbers
    of_node_N: Numbers


def by_earlier(graph: LinkGraph, *, hold: bool, decided: Outcome | None = None) -> Outcome:
    """Returns the outcome of "removed iff linked to an earlier document that stays and is not in review".

    With `hold`, a document that depends on one in review or held is held. One that only a weak link joins to an
    earlier one is BORDERLINE. Documents held or borderline remove nobody.

    Args:
        graph: the links.
        hold: see above.
        decided: what became of the first documents already, whatever their links.
    """
    out, num_decided = _undecided(graph), decided.outcome_N.size if decided else 0
    if decided is not None:
        out.outcome_N[:num_decided], out.survivor_N[:num_decided] = decided.outcome_N, decided.survivor_N
        out.via_N[:num_decided], out.how_N[:num_decided] = decided.via_N, decided.how_N
    _by_earlier(graph, hold, num_decided, _nobody(graph), _nobody(graph), out)
    return out


def by_component(graph: LinkGraph, *, hold: bool) -> Outcome:
    """Returns the outcome of "the earliest document of each component stays".

    Links between undisputed documents make bodies, which no answer of people divides; those of documents in review
    join bodies to components. The body that has the earliest document of its component keeps that one, whatever
    people answer; with `hold`, the other bodies wait. Weak links count last: an earliest document that has one to an
    earlier document is BORDERLINE, and then in review like any other.
    """
    asked_N: Mask = np.zeros_like(graph.in_review_N)
    while True:
        in_review_N: Mask = np.logical_or(graph.in_review_N, asked_N)
        out = _by_component(graph._replace(in_review_N=in_review_N), hold=hold)
        before = int(asked_N.sum())
        _ask(graph, hold, asked_N, _nobody(graph), _nobody(graph), out)
        if int(asked_N.sum()) == before:
            return out


def components(graph: LinkGraph) -> Numbers:
    """Returns int32 (N,): the smallest document that each one is joined to, weak links left out; -1 without a link."""
    component_N = np.arange(graph.in_review_N.size, dtype=np.int32)
    everyone = np.zeros_like(graph.in_review_N)
    _join(graph._replace(in_review_N=everyone), component_N, _nobody(graph), _nobody(graph))
    linked_N: Mask = np.any(graph.group_KN >= 0, axis=0)
    for end_L in (graph.later_L, graph.earlier_L):
        linked_N[end_L[~graph.weak_L]] = True
    component_N[~linked_N] = -1
    return component_N


def _undecided(graph: LinkGraph) -> Outcome:
    size = graph.in_review_N.size
    return Outcome(np.full(size, STAYS), *(np.full(size, -1, dtype=np.int32) for _ in range(3)))


def _nobody(graph: LinkGraph) -> Standing:
    groups, nodes = (np.full(size, -1, dtype=np.int32) for size in (graph.num_groups, graph.in_review_N.size))
    return Standing(of_group_G=groups, of_node_N=nodes)


@kernel
def _by_earlier(
    graph: LinkGraph, hold: bool, num_decided: int, staying: Standing, waiting: Standing, out: Outcome
) -> None:
    for n in range(out.outcome_N.size):
        if n >= num_decided:
            out.via_N[n], out.how_N[n] = _first_linked(graph, n, staying, False)
            if out.via_N[n] >= 0:
                out.outcome_N[n], out.survivor_N[n] = REMOVED, out.via_N[n]
            elif not graph.in_review_N[n]:
                _wait(graph, n, hold, (staying, waiting), out)
        if out.outcome_N[n] == REMOVED:
            continue
        _stand(graph, n, staying if out.outcome_N[n] == STAYS and not graph.in_review_N[n] else waiting)


@kernel
def _wait(graph: LinkGraph, n: int, hold: bool, standings: tuple[Standing, Standing], out: Outcome) -> None:
    """Decides whether an undisputed document that nobody removes is held or borderline."""
    staying, waiting = standings
    if hold:
        out.via_N[n], out.how_N[n] = _first_linked(graph, n, waiting, False)
        if out.via_N[n] >= 0:
            out.outcome_N[n] = HELD
            return
    out.via_N[n], out.how_N[n] = _first_linked(graph, n, staying, True)
    if hold and out.via_N[n] < 0:
        out.via_N[n], out.how_N[n] = _first_linked(graph, n, waiting, True)
    if out.via_N[n] >= 0:
        out.outcome_N[n] = BORDERLINE


@kernel
def _first_linked(graph: LinkGraph, n: int, standing: Standing, weak: bool) -> tuple[int, int]:
    """Returns (via, how) of n's link to a document of that standing: the first kind of group, else the earliest."""
    if not weak:
        for k in range(graph.group_KN.shape[0]):
            group = graph.group_KN[k, n]
            if group >= 0 and standing.of_group_G[group] >= 0:
                return standing.of_group_G[group], -2 - k
    via, how, node = -1, -1, graph.node_N[n]
    for e in range(graph.start_N1[node], graph.start_N1[node + 1]):
        link = graph.link_E[e]
        other = standing.of_node_N[other_end(graph, link, node)]
        if graph.weak_L[link] == weak and 0 <= other < n and (via < 0 or other < via):
            via, how = other, link
    return via, how


@kernel
def _stand(graph: LinkGraph, n: int, standing: Standing) -> None:
    """Enters n where it is the first of that standing."""
    for k in range(graph.group_KN.shape[0]):
        group = graph.group_KN[k, n]
        if group >= 0 and standing.of_group_G[group] < 0:
            standing.of_group_G[group] = n
    if standing.of_node_N[graph.node_N[n]] < 0:
        standing.of_node_N[graph.node_N[n]] = n


def _by_component(graph: LinkGraph, *, hold: bool) -> Outcome:
    size = graph.in_review_N.size
    body_N, component_N = np.arange(size, dtype=np.int32), np.arange(size, dtype=np.int32)
    first, last = _nobody(graph), _nobody(graph)
    first_of_all, last_of_all = _nobody(graph), _nobody(graph)
    _join(graph, body_N, first, last)
    _join(graph._replace(in_review_N=np.zeros_like(graph.in_review_N)), component_N, first_of_all, last_of_all)
    out = _undecided(graph)
    _remove(graph, hold, (body_N, component_N), (first, last), out)
    if hold:
        _hold(graph, component_N, (first_of_all, last_of_all), out)
    return out


@kernel
def _join(graph: LinkGraph, parent_N: Numbers, first: Standing, last: Standing) -> None:
    """Joins undisputed documents that are linked; leaves the first and last of each group and node in the standings."""
    for n in range(parent_N.size):
        if graph.in_review_N[n]:
            continue
        _stand(graph, n, first)
        for k in range(graph.group_KN.shape[0]):
            group = graph.group_KN[k, n]
            if group >= 0:
                last.of_group_G[group] = n
                join(parent_N, n, first.of_group_G[group])
        last.of_node_N[graph.node_N[n]] = n
        join(parent_N, n, first.of_node_N[graph.node_N[n]])
    for link in range(graph.later_L.size):
        later, earlier = first.of_node_N[graph.later_L[link]], first.of_node_N[graph.earlier_L[link]]
        if not graph.weak_L[link] and later >= 0 and earlier >= 0:
            join(parent_N, later, earlier)
    settle(parent_N)


@kernel
def _remove(
    graph: LinkGraph, hold: bool, joined: tuple[Numbers, Numbers], ends: tuple[Standing, Standing], out: Outcome
) -> None:
    """Removes each document that an undisputed neighbour joins to an earlier one that stays."""
    body_N, component_N = joined
    for n in range(out.outcome_N.size):
        for e in range(-graph.group_KN.shape[0], _num_links(graph, n)):
            via, _ = _neighbour(graph, n, e, ends)
            if via >= 0 and body_N[via] < n and (not hold or component_N[body_N[via]] == body_N[via]):
                survivor = body_N[via]
                if out.survivor_N[n] < 0 or survivor < out.survivor_N[n]:
                    out.outcome_N[n], out.survivor_N[n] = REMOVED, survivor
        if out.outcome_N[n] == REMOVED:
            _name_link(graph, n, body_N, ends, out)


@kernel
def _hold(graph: LinkGraph, component_N: Numbers, ends: tuple[Standing, Standing], out: Outcome) -> None:
    """Holds undisputed documents that only one in review joins to an earlier one."""
    for n in range(out.outcome_N.size):
        if not graph.in_review_N[n] and out.outcome_N[n] == STAYS and component_N[n] < n:
            out.outcome_N[n] = HELD
            _name_link(graph, n, component_N, ends, out)


@kernel
def _name_link(graph: LinkGraph, n: int, joined_N: Numbers, ends: tuple[Standing, Standing], out: Outcome) -> None:
    """Names the link that decided: the first kind of group, else the earliest neighbour, joined to the same."""
    wanted = out.survivor_N[n] if out.outcome_N[n] == REMOVED else joined_N[n]
    for e in range(-graph.group_KN.shape[0], _num_links(graph, n)):
        via, how = _neighbour(graph, n, e, ends)
        if via >= 0 and joined_N[via] == wanted and (out.via_N[n] < 0 or (out.how_N[n] >= 0 and via < out.via_N[n])):
            out.via_N[n], out.how_N[n] = via, how


@kernel
def _num_links(graph: LinkGraph, n: int) -> int:
    return int(graph.start_N1[graph.node_N[n] + 1] - graph.start_N1[graph.node_N[n]])


@kernel
def _neighbour(graph: LinkGraph, n: int, e: int, ends: tuple[Standing, Standing]) -> tuple[int, int]:
    """Returns (via, how) of n's e-th neighbour: groups have e < 0, links the others; (-1, -1) where there is none."""
    first, last = ends
    if e < 0:
        k = e + graph.group_KN.shape[0]
        group = graph.group_KN[k, n]
        if group < 0:
            return -1, -1
        via = first.of_group_G[group] if first.of_group_G[group] != n else last.of_group_G[group]
        return (via, -2 - k) if via != n else (-1, -1)
    node = graph.node_N[n]
    link = graph.link_E[graph.start_N1[node] + e]
    via = -1 if graph.weak_L[link] else first.of_node_N[other_end(graph, link, node)]
    return (via, link) if via >= 0 else (-1, -1)


@kernel
def _ask(graph: LinkGraph, hold: bool, asked_N: Mask, staying: Standing, waiting: Standing, out: Outcome) -> None:
    """Marks as asked, and as BORDERLINE, documents that stay but for a weak link to an earlier one."""
    for n in range(out.outcome_N.size):
        if out.outcome_N[n] == REMOVED:
            continue
        disputed = graph.in_review_N[n] or out.outcome_N[n] == HELD
        if not disputed:
            via, how = _first_linked(graph, n, staying, True)
            if via < 0 and (hold or asked_N[n]):
                via, how = _first_linked(graph, n, waiting, True)
            if via >= 0:
                asked_N[n], out.outcome_N[n], out.via_N[n], out.how_N[n] = True, BORDERLINE, via, how
        _stand(graph, n, waiting if disputed or out.outcome_N[n] == BORDERLINE else staying)
