"""Documents and what links them, in the form that the rules of survivorship walk.

Documents are numbered by preference: an earlier one has a smaller number. Two kinds of links: *groups*, in which each
member is linked to every other (equal texts, equal URLs), and *links* between nodes. A node is a document, or
several of one group that all have the same links, under the number of one of them. A weak link removes nobody.

Shape letters: N documents, K kinds of groups, G groups, L links.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

Numbers = NDArray[np.int32]
Mask = NDArray[np.bool_]


class LinkGraph(NamedTuple):
    """The links of N documents; `link_graph` makes it."""

    in_review_N: Mask
    group_KN: Numbers
    """Group of each document by kind, in [0, G), each of one kind and of two members at least; -1: none."""
    num_groups: int
    node_N: Numbers
    """The document under whose number the links of a document stand."""
    later_L: Numbers
    earlier_L: Numbers
    weak_L: Mask
    start_N1: NDArray[np.int64]
    """Node n has the links `link_E[start_N1[n] : start_N1[n + 1]]`."""
    link_E: Numbers
    """Every link twice, once for each of its ends; by node, then ascending."""


def link_graph(
    in_review_N: Mask, group_KN: Numbers, node_N: Numbers, later_L: Numbers, earlier_L: Numbers, weak_L: Mask
) -> LinkGraph:
    """Returns the graph; see `LinkGraph` for the arguments, which are checked by `curation.dedup.survivors`."""
    start_N1 = np.zeros(in_review_N.size + 1, dtype=np.int64)
    link_E = np.empty(2 * later_L.size, dtype=np.int32)
    _list_links(later_L, earlier_L, start_N1, link_E)
    return LinkGraph(
        in_review_N=in_review_N,
        group_KN=group_KN,
        num_groups=int(group_KN.max(initial=-1)) + 1,
        node_N=node_N,
        later_L=later_L,
        earlier_L=earlier_L,
        weak_L=weak_L,
        start_N1=start_N1,
        link_E=link_E,
    )


@kernel
def _list_links(later_L: Numbers, earlier_L: Numbers, start_N1: NDArray[np.int64], link_E: Numbers) -> None:
    """Counts each node's links, then places them; `start_N1` arrives as zeros."""
    size = start_N1.size - 1
    for link in range(later_L.size):
        start_N1[later_L[link] + 1] += 1
        start_N1[earlier_L[link] + 1] += 1
    for n in range(size):
        start_N1[n + 1] += start_N1[n]
    for link in range(later_L.size):
        for node in (later_L[link], earlier_L[link]):
            link_E[start_N1[node]] = link
            start_N1[node] += 1
    for n in range(size, 0, -1):  # placing moved each start to the next one's
        start_N1[n] = start_N1[n - 1]
    start_N1[0] = 0


@kernel
def other_end(graph: LinkGraph, link: int, node: int) -> int:
    """Returns the node at the other end of a link."""
    return int(graph.later_L[link] + graph.earlier_L[link] - node)
