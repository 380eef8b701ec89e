"""What the matcher says about one message: plain data, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    ANSWER = "answer"  # sure, with a margin
    CHOOSE = "choose"  # 2 to 4 intents offered as buttons
    FALLBACK = "fallback"  # topics menu, a person


class Urgency(StrEnum):
    NORMAL = "normal"
    URGENT = "urgent"
    EMERGENCY = "emergency"

    @property
    def rank(self) -> int:
        """0 for normal, 2 for emergency: higher goes first."""
        return ("normal", "urgent", "emergency").index(self.value)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One intent a message may mean."""

    intent: str
    score: float  # 0 to 1, calibrated: about the chance that it is right
    parts: Mapping[str, float] = field(default_factory=dict)  # "ngrams", "words", "nearest", "meaning" -> 0 to 1
    nearest: str = ""  # the example most like the message
    nearest_language: str = ""


@dataclass(frozen=True, slots=True)
class DangerSignal:
    """Why a message was taken for danger, for the operator to read."""

    rule: str  # the rule's or model's name, e.g. "documents_taken" or "model"
    phrase: str  # the caller's own words that set it off
    intent: str  # which danger intent it points to
    weight: float  # 0 to 1


@dataclass(frozen=True, slots=True)
class Danger:
    """Danger is judged apart from the ranking, before it, and wins over a good match."""

    level: Urgency = Urgency.NORMAL  # NORMAL: no danger seen
    intent: str = ""  # the danger intent to answer with, "" when no danger
    soft: bool = False  # unsure: ask "are you in danger?" instead of the full card
    score: float = 0.0  # 0 to 1
    signals: tuple[DangerSignal, ...] = ()

    def __bool__(self) -> bool:
        return self.level is not Urgency.NORMAL


@dataclass(frozen=True, slots=True)
class Match:
    """All that was understood of one message."""

    text: str
    folded: str
    language: str  # "ru", "kk", "ky", "tg", "uz"; "" when it cannot be told
    script: str  # "Cyrl", "Latn", "" for neither
    language_scores: Mapping[str, float]  # language -> 0 to 1, sums to 1
    action: Action
    intent: str | None  # set when action is ANSWER
    choices: tuple[str, ...]  # 2 to 4 intents when action is CHOOSE
    danger: Danger
    candidates: tuple[Candidate, ...]  # best first, at least 5 when there are that many intents
    also: tuple[str, ...] = ()  # other intents meant in the same message
    reason: str = ""  # why answered, offered or refused: a key for the explanation
