"""Measure a matcher on questions it never saw: the figures of `hotline test`.

Every figure is a count of a count, so that it can be given with its Wilson interval and compared
with a recorded baseline.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.matching.corpus import OUT_OF_SCOPE
from bot.matching.match import Action, Match, Urgency

ALL = "all"  # the row over all languages, or over all styles
_Z = 1.96  # 95 %
_MIN_WORDS = 4  # of a message whose language is judged

# figure -> whether more is better
FIGURES: Mapping[str, bool] = {
    "right": True,  # the right intent comes first; of questions in scope
    "held": True,  # the right intent is answered, or among the choices; of questions in scope
    "wrong": False,  # a wrong intent is answered; of questions in scope
    "danger": True,  # the danger card, full or soft, is shown; of urgent and emergency questions
    "false_alarm": False,  # the danger card is shown; of normal questions
    "scope": False,  # answered; of questions out of scope
    "language": True,  # language told; of questions of four words or more
}


class Understands(Protocol):
    """What is measured: a `Matcher`, or a peer dressed as one."""

    def match(self, text: str) -> Match:
        """Say what `text` means."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """A message and what it should be understood as."""

    language: str
    intent: str  # or OUT_OF_SCOPE
    style: str  # "plain", "indirect", "misspelt", …
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total`."""

    hits: int = 0
    total: int = 0

    @property
    def rate(self) -> float:
        """0 to 1; NaN of nothing."""
        return self.hits / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate (Wilson 1927)."""
        return wilson(self.hits, self.total)

    def __add__(self, other: Share) -> Share:
        return Share(self.hits + other.hits, self.total + other.total)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question and what came of it."""

    question: Question
    match: Match
    figures: Mapping[str, bool]  # the figures the question counts in -> hit or not


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures by language and style, and every outcome, to look at the misses."""

    shares: Mapping[tuple[str, str, str], Share]  # (language, style, figure); ALL for every language or style
    outcomes: tuple[Outcome, ...] = field(default=(), repr=False)

    def share(self, figure: str, language: str = ALL, style: str = ALL) -> Share:
        """Look a figure up."""
        return self.shares.get((language, style, figure), Share())

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages asked in, ALL last."""
        return (*sorted({language for language, _, _ in self.shares} - {ALL}), ALL)

    @property
    def styles(self) -> tuple[str, ...]:
        """Styles asked in, ALL last."""
        return (*sorted({style for _, style, _ in self.shares} - {ALL}), ALL)

    def baseline(self) -> dict[str, dict[str, list[int]]]:
        """Give the counts by language as JSON can hold them, to be recorded."""
        return {
            language: {
                figure: [self.share(figure, language).hits, self.share(figure, language).total] for figure in FIGURES
            }
            for language in self.languages
        }


@dataclass(frozen=True, slots=True)
class Regression:
    """A figure that got worse than the recorded baseline."""

    language: str
    figure: str
    before: Share
    now: Share

    def __str__(self) -> str:
        return f"{self.language}: {self.figure} was {self.before.rate:.1%}, is {self.now.rate:.1%}"


def evaluate(matcher: Understands, questions: Iterable[Question], urgencies: Mapping[str, Urgency]) -> Evaluation:
    """Ask every question; `urgencies` maps an intent to its urgency."""
    shares: dict[tuple[str, str, str], Share] = {}
    outcomes = []
    for question in questions:
        match = matcher.match(question.text)
        figures = judge(question, match, urgencies)
        outcomes.append(Outcome(question, match, figures))
        for figure, hit in figures.items():
            for language in (question.language, ALL):
                for style in (question.style, ALL):
                    key = (language, style, figure)
                    shares[key] = shares.get(key, Share()) + Share(int(hit), 1)
    return Evaluation(shares, tuple(outcomes))


def judge(question: Question, match: Match, urgencies: Mapping[str, Urgency]) -> dict[str, bool]:
    """Say which figures a question counts in, and whether it hits."""
    answered = match.action is Action.ANSWER
    figures: dict[str, bool] = {}
    if question.intent == OUT_OF_SCOPE:
        figures["scope"] = answered
    else:
        first = match.candidates[0].intent if match.candidates else ""
        figures["right"] = first == question.intent
        figures["held"] = question.intent in ((match.intent,) if answered else match.choices)
        figures["wrong"] = answered and match.intent != question.intent
        is_danger = urgencies.get(question.intent, Urgency.NORMAL) is not Urgency.NORMAL
        figures["danger" if is_danger else "false_alarm"] = bool(match.danger)
    if len(question.text.split()) >= _MIN_WORDS:
        figures["language"] = match.language == question.language
    return figures


def compare(
    now: Evaluation, baseline: Mapping[str, Mapping[str, Sequence[int]]], tolerance: float = 0.01
) -> list[Regression]:
    """List what fell: any figure by more than `tolerance`, danger recall by anything at all."""
    fallen = []
    for language, figures in baseline.items():
        for figure, (hits, total) in figures.items():
            before, share = Share(hits, total), now.share(figure, language)
            if figure not in FIGURES or not before.total or not share.total:
                continue
            loss = before.rate - share.rate if FIGURES[figure] else share.rate - before.rate
            if loss > (1e-9 if figure == "danger" else tolerance):
                fallen.append(Regression(language, figure, before, share))
    return fallen


def read_questions(text: str, language: str) -> list[Question]:
    """Read a file of questions: a line each, intent, style and text between tabs; a header is skipped."""
    questions = []
    for line in text.splitlines():
        columns = line.split("\t")
        if len(columns) >= 3 and columns[:2] != ["intent", "style"]:
            questions.append(Question(language, columns[0].strip(), columns[1].strip(), columns[2].strip()))
    return questions


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Bound a rate with 95 % confidence, well also near 0 and 1."""
    if not total:
        return 0.0, 1.0
    rate = hits / total
    centre = rate + _Z**2 / (2 * total)
    spread = _Z * math.sqrt(rate * (1 - rate) / total + _Z**2 / (4 * total**2))
    scale = 1 + _Z**2 / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
