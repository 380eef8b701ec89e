"""How much to believe each signal: one weight a signal, the same for all classes, learnt by cross-validation.

A conditional logit (McFadden 1974): a class's chance is the softmax of the weighted sum of its
signals. A dozen numbers learnt from predictions on sentences the signals were not trained on, so
it neither overfits nor needs retuning for other content.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.matching.linear import log_softmax
from bot.matching.vocabulary import Floats

_PENALTY = 1e-3


@dataclass(frozen=True, slots=True)
class Combiner:
    """Weights of the signals."""

    weights: Floats

    def chances(self, signals: Floats) -> Floats:
        """Combine signals (…, classes, signals) into chances (…, classes)."""
        return np.exp(log_softmax(np.asarray(signals @ self.weights, dtype=np.float32)))


def train_combiner(signals: Floats, labels: NDArray[np.int64], weights: Floats) -> Combiner:
    """Learn the weights from signals (messages × classes × signals) and the right classes."""
    from scipy.optimize import minimize  # slow to import, and only training needs it

    rows = np.arange(len(labels))
    truth = signals[rows, labels]
    share = weights / weights.sum()

    def loss(candidate: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logs = log_softmax((signals @ candidate.astype(np.float32)).astype(np.float32))
        chances = np.exp(logs)
        value = -float(share @ logs[rows, labels]) + _PENALTY * float(candidate @ candidate)
        expected = np.einsum("nc,nck->nk", chances, signals)
        gradient = -(share @ (truth - expected)) + 2 * _PENALTY * candidate
        return value, gradient.astype(np.float64)

    start = np.full(signals.shape[2], 0.5)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start), options={"maxiter": 60})
    return Combiner(np.asarray(found.x, dtype=np.float32))
