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


def test_no_signal_speaks_against_danger_and_false_alarms_are_bounded() -> None:
    random = np.random.default_rng(0)
    is_danger = random.uniform(size=2000) < 0.3
    signals = np.column_stack([is_danger * 4 + random.normal(size=2000), random.normal(size=2000) - is_danger])
    model = train_danger(signals.astype(np.float32), is_danger, np.ones(2000, dtype=np.float32), 0.05)
    chances = np.array([model.chance(row) for row in signals])
    assert (model.weights >= 0).all()
    assert (chances[~is_danger] >= model.soft).mean() <= 0.051
    assert model.soft <= model.full


def test_without_danger_nothing_is_dangerous() -> None:
    model = train_danger(np.ones((5, 2), np.float32), np.zeros(5, bool), np.ones(5, np.float32), 0.05)
    assert model.chance(np.array([9.0, 9.0], dtype=np.float32)) < model.soft
