"""Connected components against a definition by repeated relabelling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.kernels.union_find import union_find
from tests.oracles import linking as oracle

EDGES = st.integers(1, 14).flatmap(
    lambda size: st.tuples(
        st.just(size), st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=20)
    )
)


def components_of(size, edges):
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    return union_find(size, ends[:, 0], ends[:, 1]).tolist()


@given(graph=EDGES, order=st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_every_node_is_named_by_the_smallest_it_reaches_whatever_the_order_of_edges(graph, order):
    size, edges = graph
    shuffled = [tuple(order.sample(edge, 2)) for edge in order.sample(edges, len(edges))]
    assert components_of(size, edges) == oracle.components(size, edges) == components_of(size, shuffled)


def test_a_long_chain_given_backwards_is_one_component():
    size = 20_000
    assert set(components_of(size, [(n, n - 1) for n in range(size - 1, 0, -1)])) == {0}


def test_a_node_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"^union_find: expected nodes below 3, found 0 to 3$"):
        components_of(3, [(0, 3), (1, 0)])
