"""Linear models over the vocabulary: a support-vector machine and Complement Naive Bayes.

Trained with scikit-learn, kept as plain arrays, so that answering needs numpy only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from bot.matching.vocabulary import Floats, Ints

_COST = 0.5  # of the support-vector machine; 0.2 to 1 differ by less than 0.3 points
_TOLERANCE = 1e-2  # of its optimiser: 1e-4 takes three times as long and answers the same
_SMOOTHING = 0.3  # of Naive Bayes


@dataclass(frozen=True, slots=True)
class Linear:
    """One score a class: weights (features × classes) and a bias."""

    weights: NDArray[np.float16] | NDArray[np.int8]
    bias: Floats
    scales: Floats  # a feature's weights are multiplied by it

    def scores(self, numbers: Ints, values: Floats) -> Floats:
        """Score one message given as sparse numbers and values."""
        rows = self.weights[numbers].astype(np.float32)
        return np.asarray((values * self.scales[numbers]) @ rows + self.bias, dtype=np.float32)

    def parts(self, numbers: Ints, values: Floats, label: int) -> Floats:
        """Give each feature's part of one class's score; -1 is the last class."""
        return np.asarray(self.weights[numbers, label].astype(np.float32) * self.scales[numbers] * values)

    def scores_of_all(self, matrix: csr_matrix) -> Floats:
        """Score many messages."""
        return np.asarray(matrix @ self.full() + self.bias, dtype=np.float32)

    def full(self) -> Floats:
        """Give the weights in single precision."""
        return np.asarray(self.weights.astype(np.float32) * self.scales[:, None], dtype=np.float32)

    def packed(self) -> Linear:
        """Keep the weights as signed bytes: half the memory, no figure changes by more than 0.1 points."""
        full = self.full()
        scales = (np.abs(full).max(axis=1, initial=1e-9) / 127).astype(np.float32)
        return Linear(np.round(full / scales[:, None]).astype(np.int8), self.bias, scales)


def train_svm(matrix: csr_matrix, labels: NDArray[np.int64], weights: Floats, classes: int, seed: int) -> Linear:
    """Train one support-vector machine a class against the rest (liblinear)."""
    if len(np.unique(labels)) < 2:
        return unscaled(np.zeros((matrix.shape[1], classes), np.float32), _prior(labels, classes))
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=_COST, tol=_TOLERANCE, random_state=seed)
    machine.fit(matrix, labels, sample_weight=weights)
    return _spread(machine.coef_, machine.intercept_, machine.classes_, classes, missing=-2.0)


def train_bayes(matrix: csr_matrix, labels: NDArray[np.int64], weights: Floats, classes: int) -> Linear:
    """Train Complement Naive Bayes, in closed form (Rennie et al. 2003)."""
    occurrences = np.zeros((classes, matrix.shape[1]), dtype=np.float64)
    for number in range(classes):
        chosen = labels == number
        occurrences[number] = np.asarray(weights[chosen] @ matrix[chosen]).ravel()
    complement = occurrences.sum(axis=0) - occurrences + _SMOOTHING
    logarithms = np.log(complement / complement.sum(axis=1, keepdims=True))
    weights = (logarithms.mean(axis=0) - logarithms).T  # what all classes share tells them not apart
    return unscaled(weights.astype(np.float32), np.zeros(classes, dtype=np.float32))


def unscaled(weights: Floats, bias: Floats) -> Linear:
    """Make a model of plain weights."""
    return Linear(weights.astype(np.float16), bias, np.ones(len(weights), dtype=np.float32))


def _prior(labels: NDArray[np.int64], classes: int) -> Floats:
    """All there is to say when one class was seen, or none."""
    bias = np.full(classes, -2.0, dtype=np.float32)
    bias[np.unique(labels)] = 2.0
    return bias


def _spread(
    coefficients: NDArray[np.float64],
    intercepts: NDArray[np.float64],
    found: NDArray[np.int64],
    classes: int,
    missing: float,
) -> Linear:
    """Put scikit-learn's weights at their classes' places; with two classes it keeps one column only."""
    if len(found) == 2:
        coefficients = np.vstack([-coefficients, coefficients])
        intercepts = np.concatenate([-intercepts, intercepts])
    weights = np.zeros((coefficients.shape[1], classes), dtype=np.float32)
    bias = np.full(classes, missing, dtype=np.float32)
    weights[:, found] = coefficients.T
    bias[found] = intercepts
    return unscaled(weights, bias)


def log_softmax(scores: Floats) -> Floats:
    """Turn scores into logarithms of chances, along the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float32)


def labels_of(names: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Number `names` by their place in `classes`."""
    places = {name: place for place, name in enumerate(classes)}
    return np.array([places[name] for name in names], dtype=np.int64)
