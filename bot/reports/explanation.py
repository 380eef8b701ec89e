"""An explanation of a match, as text for editors and as data for the console."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any

from bot.matching.explanation import CandidateExplanation, Explanation
from bot.matching.match import Action

_SHOWN = 4  # candidates
_REASONS = {
    Action.ANSWER: "answered",
    Action.CHOOSE: "offered as a choice",
    Action.FALLBACK: "not answered: the topics menu and a person are offered",
}


def as_data(explanation: Explanation) -> Any:
    """Plain dictionaries, lists and strings, for JSON."""
    return _plain(dataclasses.asdict(explanation))


def as_text(explanation: Explanation) -> str:
    """A few lines an editor can read."""
    danger = explanation.danger
    lines = [
        f"language   {explanation.language or 'unknown'}    script {explanation.script or 'none'}",
        f"folded     {explanation.folded}",
        f"concepts   {', '.join(explanation.concepts) or '-'}",
        f"decision   {_REASONS[explanation.action]} ({explanation.reason})",
        f"no intent  {explanation.out_of_scope:.2f}",
        f"danger     {danger.level.value}{' (unsure: asks first)' if danger.soft else ''}  {danger.score:.2f}",
    ]
    lines += [f"           {s.rule}: “{s.phrase}” → {s.intent} {s.weight:.2f}" for s in danger.signals]
    for place, candidate in enumerate(explanation.candidates[:_SHOWN], start=1):
        lines += _candidate(place, candidate)
    return "\n".join(lines)


def _candidate(place: int, candidate: CandidateExplanation) -> list[str]:
    meaning = "-" if candidate.meaning is None else f"{candidate.meaning:.2f}"
    strongest = ", ".join(f"{c.feature} {c.weight:+.2f}" for c in candidate.contributions[:5])
    return [
        f"{place}. {candidate.intent}  {candidate.score:.2f}   (letters and words {candidate.linear:+.2f}, meaning {meaning})",
        f"   nearest example [{candidate.nearest_language}] {candidate.likeness:.2f}: {candidate.nearest}",
        f"   because of {strongest}",
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
