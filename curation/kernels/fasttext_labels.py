"""The best labels of a document vector by fastText's losses: softmax, one-vs-all (and negative sampling), hierarchical.

Joulin et al. 2016 (arXiv 1607.01759, section 2.1) as the library computes it, so that thresholds published for
its scores hold: every probability is raised by 1e-5 before its logarithm, the sigmoid of one-vs-all is read from
a table of 512 steps, and of equal scores those win that win in the library's heap. With the hierarchical loss
the sigmoids of 32 inner nodes are made at once, when the first of them is needed: nodes made last lie together, as
they are nearest to the root and visited most.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import borrowing, kernel
from curation.kernels.float_lanes import dot, products_32, sigmoids_32

Floats = NDArray[np.float32]
Nodes = NDArray[np.int32]

HIERARCHICAL, NEGATIVE_SAMPLING, SOFTMAX, ONE_VS_ALL = 1, 2, 3, 4
"""Losses, numbered as in the file."""
SIGMOID_STEPS, SIGMOID_BOUND = 512, np.float32(8)
RAISED = 1e-5
NODES = np.uint64(32)
"""Inner nodes of the tree whose sigmoids are made together."""
F_ONE = np.float32(1)
Z, ONE, TWO = np.uint64(0), np.uint64(1), np.uint64(2)
UNSEEN = 10**15
"""Count of a tree's node that is not made yet, as in the library; real counts lie below."""


class Labels(NamedTuple):
    """What makes scores of document vectors: L labels, `dim` numbers D."""

    weight_LD: Floats
    """The output matrix: for the hierarchical loss a row per inner node, in making order."""
    loss: int
    child_T2: Nodes
    """The children of inner nodes L, L + 1, ... of the hierarchical loss; the root is the last."""
    sigmoid_S: Floats


def label_tree(counts: list[int]) -> Nodes:
    """Returns int32 (L - 1, 2): the Huffman tree of labels by their counts, as the library builds it.

    Its second child of a node is the one whose branch has the sigmoid's probability.

    Raises:
        ValueError: a count is negative, or they sum to 10^15 or more.
    """
    if min(counts, default=0) < 0 or sum(counts) >= UNSEEN:
        raise ValueError("expected counts of labels from 0 that sum to less than 10^15, found others")
    num_labels = len(counts)
    weights = counts + [UNSEEN] * (num_labels - 1)
    leaf, node = num_labels - 1, num_labels
    children = []
    for made in range(num_labels, 2 * num_labels - 1):
        pair = []
        for _ in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                pair.append(leaf)
                leaf -= 1
            else:
                pair.append(node)
                node += 1
        weights[made] = weights[pair[0]] + weights[pair[1]]
        children.append(pair)
    return np.array(children, dtype=np.int32).reshape(num_labels - 1, 2)


def sigmoid_table() -> Floats:
    """Returns float32 (513,): the sigmoid from -8 to 8."""
    steps = (np.float32(2 * 8 * i) / np.float32(SIGMOID_STEPS) - SIGMOID_BOUND for i in range(SIGMOID_STEPS + 1))
    return np.array([1.0 / (1.0 + math.exp(-x)) for x in steps], dtype=np.float32)


def best_labels(vector_ND: Floats, labels: Labels, *, count: int) -> tuple[Nodes, NDArray[np.float64]]:
    """Returns (label_NK, score_NK): of each of N documents the K = min(count, L) best labels, best first.

    A score is a probability, up to 1 + 1e-5. With the hierarchical loss, labels of probability below 1e-5 are not
    found: -1 and 0 stand for them.

    Args:
        vector_ND: of `document_vectors`; finite.
        labels: the labels; finite weights.
        count: how many, 1 or more.
    """
    num_labels = labels.weight_LD.shape[0]
    size = (vector_ND.shape[0], min(count, num_labels))
    label_NK, score_NK = np.full(size, -1, dtype=np.int32), np.zeros(size, dtype=np.float64)
    chunk_CDJ, child_T2 = _tree(labels)
    weights = labels.weight_LD.reshape(-1)
    _best(vector_ND, weights, labels.loss, labels.sigmoid_S, chunk_CDJ.reshape(-1), child_T2, label_NK, score_NK)
    return label_NK, score_NK


def _tree(labels: Labels) -> tuple[Floats, NDArray[np.uint32]]:
    """Returns (chunk_CDJ float32, child_T2): the tree with inner nodes in the order of the root to those made first.

    The weights of `NODES` J of them lie side by side, and inner node t is L + t among the children.
    """
    num_inner, dim = labels.child_T2.shape[0], labels.weight_LD.shape[1]
    padded = np.zeros((-(-num_inner // int(NODES)) * int(NODES), dim), dtype=np.float32)
    padded[:num_inner] = labels.weight_LD[:num_inner][::-1]
    child_T2 = labels.child_T2[::-1].astype(np.uint32)
    child_T2 = np.where(child_T2 > num_inner, np.uint32(3 * num_inner + 1) - child_T2, child_T2)
    return np.ascontiguousarray(padded.reshape(-1, int(NODES), dim).transpose(0, 2, 1)), child_T2


@kernel
def _best(vector_ND, weights, loss, sigmoid_S, chunks, child_T2, label_NK, score_NK):  # type: ignore[no-untyped-def]
    num_labels, most = weights.size // vector_ND.shape[1], label_NK.shape[1]
    score_L = np.empty(num_labels, dtype=np.float32)
    heap_score, heap_label = np.empty(most + 1, dtype=np.float64), np.empty(most + 1, dtype=np.int32)
    stack_node, stack_score = np.empty(num_labels + 1, dtype=np.uint32), np.empty(num_labels + 1, dtype=np.float64)
    num_chunks = np.uint64(chunks.size // (vector_ND.shape[1] * np.int64(NODES)))
    right_T = np.empty(num_chunks * NODES, dtype=np.float32)
    for n in range(vector_ND.shape[0]):
        vector_D = vector_ND[n]
        if loss == HIERARCHICAL:
            found = _descend(vector_D, chunks, right_T, child_T2, stack_node, stack_score, heap_score, heap_label, most)
        else:
            for label in range(num_labels):
                score_L[label] = _dot(vector_D, weights, label)
            if loss == SOFTMAX:
                _softmax(score_L)
            else:
                _sigmoids(score_L, sigmoid_S)
            found = _scan(score_L, heap_score, heap_label, most)
        for k in range(found):
            label_NK[n, found - 1 - k] = heap_label[0]
            score_NK[n, found - 1 - k] = heap_score[0] if loss == HIERARCHICAL else math.exp(heap_score[0])
            _pop(heap_score, heap_label, found - k)


@borrowing
def _dot(vector_D, weights, row):  # type: ignore[no-untyped-def]
    """Returns the product of a vector and a row of weights."""
    size = np.uint64(vector_D.size)
    return dot(vector_D, np.uint64(0), weights, np.uint64(row) * size, size)


@borrowing
def _softmax(score_L):  # type: ignore[no-untyped-def]
    """Turns scores into probabilities, in place."""
    largest = score_L[0]
    for label in range(score_L.size):
        largest = max(largest, score_L[label])
    total = np.float32(0)
    for label in range(score_L.size):
        score_L[label] = np.exp(np.float32(score_L[label] - largest))
        total += score_L[label]
    for label in range(score_L.size):
        score_L[label] /= total


@borrowing
def _sigmoids(score_L, sigmoid_S):  # type: ignore[no-untyped-def]
    """Turns scores into the table's sigmoids, in place."""
    for label in range(score_L.size):
        score = score_L[label]
        if score < -SIGMOID_BOUND:
            score_L[label] = np.float32(0)
        elif score > SIGMOID_BOUND:
            score_L[label] = np.float32(1)
        else:
            steps = np.float32(np.float32(score + SIGMOID_BOUND) * np.float32(SIGMOID_STEPS))
            score_L[label] = sigmoid_S[np.int64(steps / SIGMOID_BOUND / np.float32(2))]


@borrowing
def _log(probability):  # type: ignore[no-untyped-def]
    """Returns the float32 logarithm of a probability raised by 1e-5."""
    return np.float32(math.log(np.float64(probability) + RAISED))


@borrowing
def _scan(score_L, heap_score, heap_label, most):  # type: ignore[no-untyped-def]
    """Puts the best labels of given probabilities in the heap; returns how many."""
    size = 0
    bound = -1.0
    for label in range(score_L.size):
        if np.float64(score_L[label]) < bound:
            continue
        score = _log(score_L[label])
        if size == most and score < heap_score[0]:
            continue
        size = _push(heap_score, heap_label, size, score, label, most)
        if size == most:  # below it the logarithm is smaller for sure: no need to compute it
            bound = (math.exp(heap_score[0]) - RAISED) * (1 - 1e-5) - 1e-9
    return size


@borrowing
def _write_sigmoids(vector_D, chunks, right_T, first, end):  # type: ignore[no-untyped-def]
    """Writes the sigmoids of a document's inner nodes, of the chunks from `first` to `end`."""
    size = np.uint64(vector_D.size)
    for at in range(first * NODES, end * NODES, NODES):
        products_32(vector_D, Z, chunks, at * size, size, right_T, at)
        sigmoids_32(right_T, at)


@borrowing
def _descend(vector_D, chunks, right_T, child_T2, stack_node, stack_score, heap_score, heap_label, most):  # type: ignore[no-untyped-def]
    """Puts the best leaves of the tree in the heap, the likelier child first; returns how many.

    Scores are products of probabilities, which order leaves as the library's sums of logarithms do; below 1e-5, and
    below what the heap holds, no leaf is looked at. Sigmoids are made up to the chunk that is needed.
    """
    num_labels = np.uint64(child_T2.shape[0]) + ONE
    num_made = min(TWO, np.uint64(right_T.size) // NODES)
    _write_sigmoids(vector_D, chunks, right_T, Z, num_made)
    bound, size, depth = RAISED, 0, ONE
    stack_node[Z], stack_score[Z] = np.uint64(num_labels if num_labels > ONE else Z), 1.0
    while depth:
        depth -= ONE
        node, score = np.uint64(stack_node[depth]), stack_score[depth]
        while node >= num_labels and score >= bound:
            inner = node - num_labels
            if inner >= num_made * NODES:
                end = inner // NODES + ONE
                _write_sigmoids(vector_D, chunks, right_T, num_made, end)
                num_made = end
            right = right_T[inner]
            left = F_ONE - right
            first = np.uint64(right > left)
            other = score * (min(left, right) + RAISED)
            stack_node[depth], stack_score[depth] = child_T2[inner, ONE - first], other
            depth += np.uint64(other >= bound)
            node, score = np.uint64(child_T2[inner, first]), score * (max(left, right) + RAISED)
        if score >= bound:
            size = _push(heap_score, heap_label, size, score, np.int64(node), most)
            bound = max(RAISED, heap_score[0]) if size == most else RAISED
    return size


@borrowing
def _push(heap_score, heap_label, size, score, label, most):  # type: ignore[no-untyped-def]
    """Adds a label to a heap with the least score on top, then takes that one out if there are too many."""
    _sift_up(heap_score, heap_label, size, score, label)
    size += 1
    if size > most:
        _pop(heap_score, heap_label, size)
        size -= 1
    return size


@borrowing
def _sift_up(heap_score, heap_label, hole, score, label):  # type: ignore[no-untyped-def]
    """Puts a label at `hole` or above it: std::push_heap of libstdc++, which decides among equal scores."""
    while hole > 0 and heap_score[(hole - 1) // 2] > score:
        parent = (hole - 1) // 2
        heap_score[hole], heap_label[hole] = heap_score[parent], heap_label[parent]
        hole = parent
    heap_score[hole], heap_label[hole] = score, label


@borrowing
def _pop(heap_score, heap_label, size):  # type: ignore[no-untyped-def]
    """Takes the least score out of a heap of `size`: std::pop_heap of libstdc++."""
    last = size - 1
    score, label = heap_score[last], heap_label[last]
    hole, child = 0, 0
    while child < (last - 1) // 2:
        child = 2 * child + 2
        if heap_score[child] > heap_score[child - 1]:
            child -= 1
        heap_score[hole], heap_label[hole] = heap_score[child], heap_label[child]
        hole = child
    if last % 2 == 0 and last >= 2 and child == (last - 2) // 2:
        child = 2 * child + 1
        heap_score[hole], heap_label[hole] = heap_score[child], heap_label[child]
        hole = child
    _sift_up(heap_score, heap_label, hole, score, label)
