from __future__ import annotations

import numpy as np
import pytest

from bot.matching.decision import Thresholds, choose_thresholds, decide
from bot.matching.match import Action, Candidate

THRESHOLDS = Thresholds(answer=0.8, fallback=0.6, nothing=0.05)


def candidates(*scores: float) -> tuple[Candidate, ...]:
    return tuple(Candidate(f"i{number}", score) for number, score in enumerate(scores))


@pytest.mark.parametrize(
    ("scores", "out_of_scope", "exact", "action", "reason", "choices"),
    [
        ((0.9, 0.05), 0.0, False, Action.ANSWER, "sure", 0),
        ((0.5, 0.3), 0.1, True, Action.ANSWER, "exact", 0),
        ((0.1, 0.3), 0.5, True, Action.CHOOSE, "unsure", 2),
        ((0.6, 0.395, 0.001), 0.0, False, Action.CHOOSE, "unsure", 2),
        ((0.3, 0.2, 0.2, 0.1, 0.1), 0.1, False, Action.CHOOSE, "unsure", 4),
        ((0.2, 0.1), 0.7, False, Action.FALLBACK, "out_of_scope", 0),
        ((0.04, 0.04, 0.04), 0.1, False, Action.FALLBACK, "unknown", 0),
        ((0.5,), 0.5, False, Action.FALLBACK, "unknown", 0),
        ((), 0.0, False, Action.FALLBACK, "empty", 0),
    ],
)
def test_decisions(
    scores: tuple[float, ...], out_of_scope: float, exact: bool, action: Action, reason: str, choices: int
) -> None:
    decision = decide(candidates(*scores), out_of_scope, THRESHOLDS, exact)
    assert (decision.action, decision.reason, len(decision.choices)) == (action, reason, choices)


def test_thresholds_keep_what_is_allowed() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 2000)
    sure = random.uniform(0.3, 0.95, 2000)
    guess = np.where(random.uniform(size=2000) < sure, labels, (labels + 1) % 4)
    chances = np.full((2000, 4), 0.01)
    chances[np.arange(2000), guess] = sure
    weights = np.ones(2000, dtype=np.float32)
    thresholds = choose_thresholds(chances.astype(np.float32), labels, weights, wrong=0.03, beyond=0.05, lost=0.01)
    inside = labels != 3
    answered = (chances[:, :3].max(axis=1) >= thresholds.answer) & inside
    assert (answered & (chances[:, :3].argmax(axis=1) != labels)).sum() <= 0.03 * inside.sum()
    assert thresholds.fallback >= 0.5


def test_what_is_unlike_everything_is_refused_where_nothing_out_of_scope_was_taught() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 3, 2000)
    sure = np.sqrt(random.uniform(0.0, 1.0, 2000)).clip(0.34, 0.99)
    chances = np.repeat(((1 - sure) / 3)[:, None], 4, axis=1)
    chances[np.arange(2000), labels] = sure
    weights = np.ones(2000, dtype=np.float32)
    taught = np.where(random.uniform(size=2000) < 0.1, 3, labels)
    limits = {"wrong": 0.03, "beyond": 0.05, "lost": 0.01}
    assert choose_thresholds(chances.astype(np.float32), taught, weights, **limits).nothing == Thresholds().nothing
    untold = choose_thresholds(chances.astype(np.float32), labels, weights, **limits).nothing
    assert 0.3 < untold <= 0.4
    assert decide(candidates(0.25, 0.1, 0.1), 0.0, Thresholds(nothing=untold)).action is Action.FALLBACK
