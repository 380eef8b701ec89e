"""Why a message was understood as it was: data for `hotline explain` and the console."""

from __future__ import annotations

from dataclasses import dataclass

from bot.matching.match import Action, Danger


@dataclass(frozen=True, slots=True)
class Contribution:
    """A feature of the message and how much it speaks for an intent."""

    feature: str  # "w:паспорт" style: see features.py
    kind: str  # "letters", "word", "word pair", "concept", "concept pair"
    weight: float  # its part of the linear score; the parts and the bias add up to it


@dataclass(frozen=True, slots=True)
class CandidateExplanation:
    """Why one intent came where it did."""

    intent: str
    score: float  # 0 to 1
    linear: float  # linear score: bias + all contributions
    bias: float
    contributions: tuple[Contribution, ...]  # strongest first
    nearest: str  # the example most like the message
    nearest_language: str
    likeness: float  # 0 to 1, of message and nearest example
    meaning: float | None  # 0 to 1, by meaning alone; None when that stage was not needed


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that led to a match."""

    text: str
    language: str
    script: str
    folded: str
    concepts: tuple[str, ...]  # found in the message, "!" before a denied one
    action: Action
    reason: str
    candidates: tuple[CandidateExplanation, ...]
    out_of_scope: float  # chance that no intent is meant
    danger: Danger
