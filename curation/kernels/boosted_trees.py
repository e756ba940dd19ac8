"""Sums over boosted regression trees, as flat arrays: what a trainer predicts, without the trainer.

A node sends a row left where its feature is at most the threshold. Trees are walked in order and leaves added in
float64, so a score is the same on any machine. No missing values and no categories.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from curation.kernels import kernel

MAX_NODES = 1 << 20
_ROWS = 512
"""Rows that go through all trees before the next ones do: they stay in the processor's cache."""


class Trees(NamedTuple):
    """R trees of N nodes and L leaves in all; `checked` says what holds."""

    feature_N: NDArray[np.int16]
    threshold_N: NDArray[np.float32]
    child_N2: NDArray[np.int32]
    """Left and right: a later node, or ~leaf."""
    value_L: NDArray[np.float64]
    root_R: NDArray[np.int32]
    """A node, or ~leaf where the tree is one leaf."""


def checked(trees: Trees, *, num_features: int) -> Trees:
    """Returns the trees, whose arrays may come from anywhere, if every walk through them ends at a leaf.

    Raises:
        ValueError: another dtype or shape, or an index that leaves its array or leads back.
    """
    feature_N, threshold_N, child_N2, value_L, root_R = trees
    dtypes = [str(array.dtype) for array in trees]
    if dtypes != ["int16", "float32", "int32", "float64", "int32"]:
        raise ValueError(f"trees: expected int16, float32, int32, float64 and int32, found {dtypes}")
    num = feature_N.size
    if child_N2.shape != (num, 2) or threshold_N.shape != (num,) or feature_N.ndim != 1 or num > MAX_NODES:
        raise ValueError(
            f"trees: expected (N,), (N,) and (N, 2), found {feature_N.shape}, {threshold_N.shape}, {child_N2.shape}"
        )
    if value_L.ndim != 1 or root_R.ndim != 1 or not np.isfinite(value_L).all() or np.isnan(threshold_N).any():
        raise ValueError("trees: expected finite leaves and thresholds that are numbers")
    is_inner = child_N2 >= 0
    later = np.where(is_inner, child_N2 > np.arange(num)[:, None], ~child_N2 < value_L.size) & (child_N2 < num)
    roots = np.where(root_R >= 0, root_R < num, ~root_R < value_L.size)
    if not (later.all() and roots.all() and ((feature_N >= 0) & (feature_N < num_features)).all()):
        raise ValueError("trees: a node leads to none, or asks for a feature that there is not")
    return trees


def tree_scores(features_BF: NDArray[np.float32], trees: Trees) -> NDArray[np.float64]:
    """Returns float64 (B,): the sum of the leaves that each row reaches.

    Raises:
        TypeError: another dtype or shape.
    """
    if features_BF.dtype != np.float32 or features_BF.ndim != 2:
        raise TypeError(f"tree_scores: expected float32 (B, F), found {features_BF.dtype} {features_BF.shape}")
    score_B = np.zeros(features_BF.shape[0], np.float64)
    _tree_scores(features_BF, *trees, score_B)
    return score_B


@kernel
def _tree_scores(features_BF, feature_N, threshold_N, child_N2, value_L, root_R, score_B):  # type: ignore[no-untyped-def]
    for low in range(0, score_B.size, _ROWS):
        for r in range(root_R.size):
            root = root_R[r]
            for b in range(low, min(low + _ROWS, score_B.size)):
                node = root
                while node >= 0:
                    node = child_N2[node, np.uint64(features_BF[b, feature_N[node]] > threshold_N[node])]
                score_B[b] += value_L[~node]
