"""Danger, judged apart from the ranking: a model tuned for recall, and rules that say why.

The rules are not written by hand: they are pairs of concepts (words.yaml) that in the examples
stand almost only in messages of danger, such as passport + take_away. A concept that is denied
("паспорт не забрали") is another concept, so negation needs no rule of its own.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, groupby

import numpy as np
from numpy.typing import NDArray

from bot.matching.concepts import Found
from bot.matching.match import DangerSignal
from bot.matching.vocabulary import Floats

_MIN_SUPPORT = 4.0  # danger messages that follow a rule (weighted by variants)
_MIN_PRECISION = 0.9
_MAX_RULES = 1500
_PENALTY = 1e-3  # on the weights of the combination
_SURE_ALARMS = 0.02  # share of harmless messages that may show the full card instead of the question
_REACH = 8  # words between the first and the last concept of a rule

RuleKey = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Concepts that together mean danger."""

    concepts: RuleKey
    intent: str  # the danger intent they point to most often
    precision: float  # share of danger among the examples that have them, smoothed
    support: float  # danger examples that have them

    @property
    def name(self) -> str:
        """Say the rule as an operator reads it."""
        return " + ".join(self.concepts)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules learnt from examples, by their first concept."""

    by_key: Mapping[RuleKey, Rule] = field(default_factory=dict)

    @classmethod
    def learn(cls, found: Sequence[Sequence[Found]], intents: Sequence[str], weights: Floats) -> Rules:
        """Learn from the concepts of each example and its danger intent ("" for a harmless one)."""
        danger: Counter[RuleKey] = Counter()
        harmless: Counter[RuleKey] = Counter()
        pointed: defaultdict[RuleKey, Counter[str]] = defaultdict(Counter)
        for concepts, intent, weight in zip(found, intents, weights.tolist(), strict=True):
            for key in {key for key, _ in _keys(concepts)}:
                if intent:
                    danger[key] += weight
                    pointed[key][intent] += weight
                else:
                    harmless[key] += weight
        rules = [
            Rule(key, pointed[key].most_common(1)[0][0], (support + 0.5) / (support + harmless[key] + 1), support)
            for key, support in danger.items()
            if support >= _MIN_SUPPORT
        ]
        rules = [rule for rule in rules if rule.precision >= _MIN_PRECISION]
        rules.sort(key=lambda rule: (-rule.support * rule.precision, rule.concepts))
        return cls({rule.concepts: rule for rule in rules[:_MAX_RULES]})

    def signals(self, concepts: Sequence[Found], written: Sequence[str]) -> list[DangerSignal]:
        """Name the rules a message follows, strongest first, with the caller's own words (`written`)."""
        signals: dict[RuleKey, DangerSignal] = {}
        for key, (start, end) in _keys(concepts):
            rule = self.by_key.get(key)
            if rule is not None and key not in signals:
                phrase = phrase_of(written[start:end])
                signals[key] = DangerSignal(rule.name, phrase, rule.intent, rule.precision)
        return sorted(signals.values(), key=lambda signal: -signal.weight)

    def strength(self, concepts: Sequence[Found]) -> float:
        """Weigh the rules a message follows: logarithm of the odds of the strongest, 0 for none."""
        strongest = max((rule.precision for key, _ in _keys(concepts) if (rule := self.by_key.get(key))), default=0.5)
        return math.log(strongest / (1 - strongest))


@dataclass(frozen=True, slots=True)
class DangerModel:
    """Combines the signals of danger into one chance."""

    weights: Floats
    bias: float
    soft: float  # chance from which the caller is asked
    full: float  # chance from which the danger card is shown

    def chance(self, signals: Floats) -> float:
        """Combine signals into the chance of danger."""
        return float(1 / (1 + np.exp(-np.clip(signals @ self.weights + self.bias, -30, 30))))


def train_danger(
    signals: Floats, is_danger: np.ndarray, weights: Floats, *, recall: float, false_alarms: float
) -> DangerModel:
    """Learn to combine, and the highest threshold that still asks in a share `recall` of messages of danger.

    No more than a share `false_alarms` of harmless messages is asked, whatever recall that leaves.
    """
    from scipy.optimize import minimize  # half a second of every start, were it not only for training

    if is_danger.all() or not is_danger.any():
        return DangerModel(np.zeros(signals.shape[1], np.float32), -30.0, 0.5, 0.5)
    share = weights / weights.sum()
    inputs = np.column_stack([signals, np.ones(len(signals))]).astype(np.float64)

    def loss(candidate: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = np.clip(inputs @ candidate, -30, 30)
        value = float(share @ (np.logaddexp(0, odds) - is_danger * odds)) + _PENALTY * float(candidate @ candidate)
        return value, (share * (1 / (1 + np.exp(-odds)) - is_danger)) @ inputs + 2 * _PENALTY * candidate

    # A signal of danger never speaks against danger: no weight below zero, however the sample fell.
    bounds = [(0.0, None)] * signals.shape[1] + [(None, None)]
    found = minimize(loss, np.full(inputs.shape[1], 0.3), jac=True, method="L-BFGS-B", bounds=bounds).x
    model = DangerModel(found[:-1].astype(np.float32), float(found[-1]), 0.5, 0.5)
    chances = 1 / (1 + np.exp(-(signals @ model.weights + model.bias)))
    kept = np.quantile(chances[is_danger], 1 - recall, method="lower")
    soft = float(np.clip(max(kept, np.quantile(chances[~is_danger], 1 - false_alarms)), 0.02, 0.5))
    full = float(max(soft, np.quantile(chances[~is_danger], 1 - _SURE_ALARMS)))
    return DangerModel(model.weights, model.bias, soft, full)


def _keys(concepts: Sequence[Found]) -> Iterator[tuple[RuleKey, tuple[int, int]]]:
    """List a message's concepts and its pairs of concepts near each other, with the words they span."""
    for concept in concepts[:60]:
        yield (concept.name,), (concept.start, concept.end)
    for first, second in combinations(concepts[:60], 2):
        if second.start >= first.end and second.end - first.start <= _REACH and first.name != second.name:
            yield tuple(sorted((first.name, second.name))), (first.start, second.end)


def phrase_of(written: Sequence[str]) -> str:
    """Join words as written; punctuation at the ends goes, and a word that stands for several is said once."""
    return " ".join(word for word, _ in groupby(written)).strip('.,;:!?…-–—()"«»“” ')


def log_odds(chance: Floats | float) -> Floats:
    """Logarithm of the odds of a chance, kept within ±9."""
    clipped = np.clip(chance, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float32)
