"""The signals of each class for one message: what the combiners weigh."""

from __future__ import annotations

import numpy as np

from bot.matching.neighbours import Neighbour, Neighbours
from bot.matching.vocabulary import Floats

FIRST = 2  # signals of the first stage: linear score, nearest example
LINEAR, NEAREST, MEANING = range(3)

_COMPARED = 8  # best classes whose examples are compared letter by letter


def first_signals(scores: Floats, folded: str, neighbours: Neighbours) -> tuple[Floats, dict[int, Neighbour]]:
    """Give classes × (linear score, nearest example), and the nearest examples of the best classes.

    A class that was not compared counts as near as the farthest that was.
    """
    best = np.argsort(-scores)[:_COMPARED]
    found = {int(label): neighbours.nearest(folded, int(label)) for label in best}
    nearest = np.full(len(scores), min((n.score for n in found.values()), default=0.0), dtype=np.float32)
    for label, neighbour in found.items():
        nearest[label] = neighbour.score
    return np.stack([scores, nearest], axis=1).astype(np.float32), found


def second_signals(first: Floats, meaning: Floats) -> Floats:
    """Add the scores of meaning as another signal."""
    return np.column_stack([first, meaning]).astype(np.float32)
