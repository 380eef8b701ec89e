"""From features to numbers: the words of the first stage, weighed by how rare they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_MIN_MESSAGES = 2  # a feature seen in one message only teaches nothing about others


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Numbers the features and knows their weights (inverse document frequency)."""

    numbers: dict[str, int]
    idf: Floats

    @classmethod
    def build(cls, documents: Sequence[Sequence[str]]) -> Vocabulary:
        """Take every feature that two messages share, in a fixed order."""
        frequency: Counter[str] = Counter()
        for document in documents:
            frequency.update(set(document))
        kept = sorted(name for name, count in frequency.items() if count >= _MIN_MESSAGES)
        counts = np.array([frequency[name] for name in kept], dtype=np.float64)
        idf = np.log((1 + len(documents)) / (1 + counts)) + 1
        return cls({name: number for number, name in enumerate(kept)}, idf.astype(np.float32))

    def vector(self, document: Iterable[str]) -> tuple[Ints, Floats]:
        """Turn one message's features into numbers and weights of Euclidean length 1.

        Repetition counts by its logarithm (sublinear term frequency, as in scikit-learn).
        """
        counts: Counter[int] = Counter()
        get = self.numbers.get
        for name in document:
            number = get(name)
            if number is not None:
                counts[number] += 1
        numbers = np.fromiter(counts.keys(), np.int32, len(counts))
        repeats = np.fromiter(counts.values(), np.float32, len(counts))
        weights = (1 + np.log(repeats)) * self.idf[numbers]
        length = float(np.sqrt((weights**2).sum()))
        return numbers, (weights / length if length else weights).astype(np.float32)

    def matrix(self, documents: Sequence[Sequence[str]]) -> csr_matrix:
        """Turn many messages into a sparse matrix, one row a message."""
        rows = [self.vector(document) for document in documents]
        lengths = np.array([len(numbers) for numbers, _ in rows], dtype=np.int64)
        pointers = np.concatenate([[0], np.cumsum(lengths)])
        numbers = np.concatenate([numbers for numbers, _ in rows] or [np.zeros(0, np.int32)])
        weights = np.concatenate([weights for _, weights in rows] or [np.zeros(0, np.float32)])
        return csr_matrix((weights, numbers, pointers), shape=(len(rows), len(self.numbers)), dtype=np.float32)
