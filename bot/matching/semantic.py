"""The second stage: linear heads on sentence vectors, for messages the first stage is unsure of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.matching.vocabulary import Floats

_COST = 10.0  # inverse strength of the penalty; 3 to 100 differ by less than half a point
_ITERATIONS = 200


@dataclass(frozen=True, slots=True)
class Head:
    """One score a class from a sentence's vector."""

    mean: Floats  # of the training vectors: e5 vectors share a large common part
    weights: Floats  # dimensions × classes
    bias: Floats

    def scores(self, vectors: Floats) -> Floats:
        """Score one vector or many."""
        return np.asarray((vectors - self.mean) @ self.weights + self.bias, dtype=np.float32)


def train_head(vectors: Floats, labels: NDArray[np.int64], weights: Floats, classes: int) -> Head:
    """Train a softmax regression on sentence vectors."""
    if len(np.unique(labels)) < 2:
        nothing = np.zeros((vectors.shape[1], classes), dtype=np.float32)
        return Head(np.zeros(vectors.shape[1], dtype=np.float32), nothing, np.zeros(classes, dtype=np.float32))
    from sklearn.linear_model import LogisticRegression

    mean = np.asarray(vectors.mean(axis=0), dtype=np.float32)
    regression = LogisticRegression(C=_COST, max_iter=_ITERATIONS)
    regression.fit(vectors - mean, labels, sample_weight=weights)
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:
        coefficients = np.vstack([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    spread = np.zeros((vectors.shape[1], classes), dtype=np.float32)
    bias = np.full(classes, -20.0, dtype=np.float32)
    spread[:, regression.classes_] = coefficients.T
    bias[regression.classes_] = intercepts
    return Head(mean, spread, bias)
