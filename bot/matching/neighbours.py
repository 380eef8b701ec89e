"""The example most like a message, letter by letter: catches misspelt words, and shows editors why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

_MAX_EXAMPLES = 160  # of a class that are compared; more content must not slow answers


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An example and how like the message it is."""

    place: int  # in the sentences the index was built of; -1 for none
    score: float  # 0 to 1


NOBODY = Neighbour(-1, 0.0)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Examples by class, folded."""

    folded: tuple[tuple[str, ...], ...]  # class -> its examples
    places: tuple[tuple[int, ...], ...]  # class -> where they stand among the sentences
    exact: dict[str, int] = field(default_factory=dict)  # folded example -> place

    @classmethod
    def build(cls, folded: Sequence[str], labels: NDArray[np.int64], classes: int) -> Neighbours:
        """Keep at most `_MAX_EXAMPLES` a class, evenly spread over it."""
        by_class: list[list[int]] = [[] for _ in range(classes)]
        for place, label in enumerate(labels.tolist()):
            by_class[label].append(place)
        kept = [_spread(places) for places in by_class]
        return cls(
            folded=tuple(tuple(folded[place] for place in places) for places in kept),
            places=tuple(map(tuple, kept)),
            exact={folded[place]: place for place in range(len(folded) - 1, -1, -1)},
        )

    def nearest(self, folded: str, label: int) -> Neighbour:
        """Find the example of one class most like the folded message."""
        found = process.extractOne(folded, self.folded[label], scorer=fuzz.ratio) if folded else None
        if found is None:
            return NOBODY
        _, score, number = found
        return Neighbour(self.places[label][number], score / 100)


def likeness(first: str, second: str) -> float:
    """Compare two folded texts, 0 to 1: shared letters in order (normalised indel similarity)."""
    return fuzz.ratio(first, second) / 100


def _spread(places: list[int]) -> list[int]:
    if len(places) <= _MAX_EXAMPLES:
        return places
    chosen = np.linspace(0, len(places) - 1, _MAX_EXAMPLES).round().astype(int)
    return [places[number] for number in chosen]
