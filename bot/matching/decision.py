"""Answer, offer a choice, or fall back: act only when sure, propose early."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.matching.match import Action, Candidate
from bot.matching.vocabulary import Floats

_MOST = 4  # choices
_UNTOLD = 5  # times as many messages may fall back where no message out of scope is known; held-out examples are the harder ones
_MOST_REFUSED = 0.4  # chance of the best intent up to which a message may be refused for that
_ENOUGH = 0.985  # chance that the choices hold the right one at which no more are offered


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Chances at which the decision turns."""

    answer: float = 0.75  # of the best intent
    fallback: float = 0.6  # of being out of scope
    nothing: float = 0.05  # of the best intent: below it no choice is worth offering


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and the key of the reason."""

    action: Action
    choices: tuple[str, ...]
    reason: str


def decide(
    candidates: tuple[Candidate, ...], out_of_scope: float, thresholds: Thresholds, exact: bool = False
) -> Decision:
    """Decide from the candidates (best first) and the chance that none of the intents is meant."""
    if not candidates:
        return Decision(Action.FALLBACK, (), "empty")
    best = candidates[0].score
    if exact and best >= out_of_scope:
        return Decision(Action.ANSWER, (), "exact")
    if best >= thresholds.answer:
        return Decision(Action.ANSWER, (), "sure")
    if out_of_scope >= thresholds.fallback:
        return Decision(Action.FALLBACK, (), "out_of_scope")
    if best < thresholds.nothing or len(candidates) < 2:
        return Decision(Action.FALLBACK, (), "unknown")
    return Decision(Action.CHOOSE, _choices(candidates, out_of_scope), "unsure")


def _choices(candidates: tuple[Candidate, ...], out_of_scope: float) -> tuple[str, ...]:
    total = max(1e-9, 1 - out_of_scope)
    held, chosen = 0.0, []
    for candidate in candidates[:_MOST]:
        chosen.append(candidate.intent)
        held += candidate.score
        if len(chosen) >= 2 and held / total >= _ENOUGH:
            break
    return tuple(chosen)


def choose_thresholds(
    chances: Floats, labels: NDArray[np.int64], weights: Floats, *, wrong: float, beyond: float, lost: float
) -> Thresholds:
    """Choose from cross-validated chances (messages × classes, the last of which is out of scope).

    `wrong` is the share of messages in scope that may be answered wrongly, `beyond` of those out of
    scope that may be answered, `lost` of those in scope that may fall back.
    """
    out_of_scope = chances.shape[1] - 1
    intents = np.delete(np.arange(chances.shape[1]), out_of_scope)
    best = intents[chances[:, intents].argmax(axis=1)]
    sure = chances[np.arange(len(labels)), best]
    inside = labels != out_of_scope
    mistaken = best != labels
    answer = max(
        _cut(sure[inside], (mistaken[inside] * weights[inside]), weights[inside].sum() * wrong),
        _cut(sure[~inside], weights[~inside], weights[~inside].sum() * beyond),
        0.4,
    )
    strange = chances[inside, out_of_scope]
    fallback = float(np.quantile(strange, 1 - lost)) if len(strange) else 0.6
    nothing = Thresholds().nothing
    if len(strange) and inside.all():  # nobody said what is out of scope: what is unlike everything is refused
        nothing = float(np.clip(np.quantile(sure, lost * _UNTOLD), nothing, _MOST_REFUSED))
    return Thresholds(answer=min(answer, 0.97), fallback=float(np.clip(fallback, 0.5, 0.95)), nothing=nothing)


def _cut(chances: Floats, cost: Floats, allowed: float) -> float:
    """Find the lowest chance above which the summed cost stays within what is allowed."""
    order = np.argsort(-chances)
    beyond = np.nonzero(np.cumsum(cost[order]) > allowed)[0]
    return float(chances[order[beyond[0]]]) + 1e-6 if len(beyond) else 0.0
