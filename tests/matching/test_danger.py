from __future__ import annotations

import numpy as np

from bot.language.folding import fold
from bot.matching.concepts import ConceptIndex
from bot.matching.danger import Rules, train_danger

INDEX = ConceptIndex.build(
    {"passport": {"ru": ("паспорт*",)}, "take_away": {"ru": ("забрал*",)}, "lose": {"ru": ("потерял*",)}}
)
HARMFUL = [f"{who} забрал паспорт" for who in ("он", "шеф", "хозяин", "бригадир", "агент", "муж", "сосед")]
HARMLESS = ["потерял паспорт", "паспорт нужен", "где паспорт", "забрал ребенка", "паспорт не забрали", "забрал посылку"]


def learn() -> Rules:
    texts = [*HARMFUL, *HARMLESS]
    intents = ["documents_taken"] * len(HARMFUL) + [""] * len(HARMLESS)
    return Rules.learn([INDEX.find(fold(t).split()) for t in texts], intents, np.ones(len(texts), dtype=np.float32))


def test_a_pair_of_concepts_becomes_a_rule_and_its_denial_does_not() -> None:
    rules = learn()
    assert set(rules.by_key) == {("passport", "take_away")}
    written = ["Хозяин", "вчера", "ЗАБРАЛ", "мой", "паспорт!"]
    (signal,) = rules.signals(INDEX.find(fold(" ".join(written)).split()), written)
    assert (signal.rule, signal.intent) == ("passport + take_away", "documents_taken")
    assert signal.phrase == "ЗАБРАЛ мой паспорт"
    assert not rules.signals(INDEX.find(fold("паспорт не забрали").split()), [])


def drawn(distance: float) -> tuple[np.ndarray, np.ndarray]:
    """2,000 messages with one telling signal and one that misleads."""
    random = np.random.default_rng(0)
    is_danger = random.uniform(size=2000) < 0.3
    signals = np.column_stack([is_danger * distance + random.normal(size=2000), random.normal(size=2000) - is_danger])
    return signals.astype(np.float32), is_danger


def test_no_signal_speaks_against_danger_and_recall_is_kept_without_needless_alarms() -> None:
    signals, is_danger = drawn(4)
    model = train_danger(signals, is_danger, np.ones(2000, dtype=np.float32), recall=0.98, false_alarms=0.2)
    asked = np.array([model.chance(row) for row in signals]) >= model.soft
    assert (model.weights >= 0).all()
    assert 0.98 <= asked[is_danger].mean() <= 0.985
    assert asked[~is_danger].mean() < 0.05
    assert model.soft <= model.full


def test_false_alarms_are_bounded_where_danger_cannot_be_told() -> None:
    signals, is_danger = drawn(0.5)
    model = train_danger(signals, is_danger, np.ones(2000, dtype=np.float32), recall=0.98, false_alarms=0.2)
    asked = np.array([model.chance(row) for row in signals]) >= model.soft
    assert asked[~is_danger].mean() <= 0.201


def test_without_danger_nothing_is_dangerous() -> None:
    model = train_danger(
        np.ones((5, 2), np.float32), np.zeros(5, bool), np.ones(5, np.float32), recall=0.98, false_alarms=0.05
    )
    assert model.chance(np.array([9.0, 9.0], dtype=np.float32)) < model.soft
