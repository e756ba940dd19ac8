"""Logistic regression over the same features: scores without trees, to compare with.

Features are drawn together by log(1 + |x|) with their sign, and standardised; else a few long blocks decide.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from infra.extraction.training import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Weights of F features."""

    mean_F: NDArray[np.float64]
    scale_F: NDArray[np.float64]
    weight_F: NDArray[np.float64]
    bias: float

    def __call__(self, features_BF: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns the log-odds of each block."""
        return ((_drawn(features_BF) - self.mean_F) / self.scale_F) @ self.weight_F + self.bias


def fitted(samples: Iterable[Sample]) -> Linear:
    """Returns the regression on the samples' known blocks, by their weights."""
    samples = list(samples)
    weight = np.concatenate([one.weight_B for one in samples])
    is_known = weight > 0
    rows = _drawn(np.concatenate([one.features_BF for one in samples])[is_known])
    content = np.concatenate([one.content_B for one in samples])[is_known]
    mean_F, scale_F = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    model = LogisticRegression(C=0.01, max_iter=200)
    model.fit((rows - mean_F) / scale_F, content, sample_weight=weight[is_known] / weight[is_known].mean())
    return Linear(mean_F=mean_F, scale_F=scale_F, weight_F=model.coef_[0], bias=float(model.intercept_[0]))


def _drawn(features_BF: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.sign(features_BF) * np.log1p(np.abs(features_BF.astype(np.float64)))
