"""Connected components by union-find with path halving; each is named by its smallest member.

Linking the larger root under the smaller keeps the root the minimum, so the result does not depend on
the order of the edges (Tarjan and van Leeuwen 1984, for path halving).
"""

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel


def union_find(size: int, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns int64 (size,): the smallest member of each node's component; itself when alone.

    Args:
        size: number of nodes, 0 .. size - 1.
        left: one end of each edge.
        right: the other.

    Raises:
        ValueError: lengths differ, or a node is not in [0, size).
    """
    if left.shape != right.shape:
        raise ValueError(f"union_find: expected edges, found {left.size} left and {right.size} right ends")
    for ends in (left, right):
        if ends.size and not (ends.min() >= 0 and ends.max() < size):
            raise ValueError(f"union_find: expected nodes below {size}, found {ends.min()} to {ends.max()}")
    parent = np.arange(size, dtype=np.int64)
    _union_find(parent, left.astype(np.int64), right.astype(np.int64))
    return parent


@kernel
def _root(parent: NDArray[np.signedinteger], node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@kernel
def join(parent: NDArray[np.signedinteger], left: int, right: int) -> None:
    """Puts two nodes into one component; `parent` starts as 0, 1, 2 ..."""
    a, b = _root(parent, left), _root(parent, right)
    parent[max(a, b)] = min(a, b)


@kernel
def settle(parent: NDArray[np.signedinteger]) -> None:
    """Names every component by its smallest node, once all are joined."""
    for node in range(parent.size):  # ascending: a parent is smaller than its child, so it is final already
        parent[node] = parent[parent[node]]


@kernel
def _union_find(parent: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
    for edge in range(left.size):
        join(parent, left[edge], right[edge])
    settle(parent)
