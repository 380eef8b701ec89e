"""The bot's mind: content, matcher and dialogue of one edition, behind the one call that the worker makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.content.handbook import Handbook
from bot.dialogue.context import Context
from bot.dialogue.knowledge import N_
from bot.dialogue.message import Message
from bot.dialogue.parting import asks_to_leave
from bot.dialogue.reply import Reply
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn, take_turn
from bot.hotline.ports import Outcome
from bot.matching.match import Match, Urgency
from bot.matching.matcher import Matcher


@dataclass(frozen=True, slots=True)
class Edition:
    """The content and the matcher trained on it; swapped whole, so that an answer never mixes two."""

    handbook: Handbook
    matcher: Matcher

    @property
    def revision(self) -> str:
        """A hash of the content."""
        return self.handbook.content.revision


class Mind:
    """Implements `Responder` and `Excuses`. Threads may call it while `edition` is replaced."""

    def __init__(self, edition: Edition) -> None:
        self.edition = edition

    def __call__(self, session: Session, message: Message, context: Context) -> Outcome:
        """Decide what one message leads to."""
        turn = self.turn(session, message, context)
        return Outcome(turn, understood(turn.match), _urgency(turn), self._topic(turn.match))

    def turn(self, session: Session, message: Message, context: Context) -> Turn:
        """The dialogue's turn, with everything that was understood."""
        edition = self.edition

        def understand(text: str, previous: str, hint: str) -> Match:
            return edition.matcher.match(text, previous=previous or None, language_hint=hint)

        return take_turn(session, message, understand, edition.handbook, context)

    def priority(self, message: Message) -> int:
        """How urgent a message looks at the door: 0, 1 or 2. Fast, since every message passes."""
        if asks_to_leave(message):
            return Urgency.EMERGENCY.rank  # who must leave cannot wait behind others
        if not message.text:
            return 0
        return self.edition.matcher.glance(message.text).level.rank

    def on_poison(self, session: Session) -> Reply:
        """The bot failed on this message; a person will look at it."""
        return Reply(self._say(session, N_("Something went wrong on our side. A person will look at your message.")))

    def on_flood(self, session: Session) -> Reply:
        """More messages a minute than we answer: one kind word."""
        handbook = self.edition.handbook
        number = handbook.emergency(session.stay)
        phrase = N_("You write faster than I can answer. Please wait a minute. If you are in danger, call {number}.")
        return Reply(handbook.say(phrase, _language(session), number=number))

    def _topic(self, match: Match | None) -> str:
        known = self.edition.handbook.content.intents.get(match.intent or "") if match else None
        return known.topic if known else ""

    def _say(self, session: Session, phrase: str) -> str:
        return self.edition.handbook.say(phrase, _language(session))


def understood(match: Match | None) -> Mapping[str, Any]:
    """What the transcript keeps of a match: enough for an operator, no text of the caller twice."""
    if match is None:
        return {}
    return {
        "language": match.language,
        "script": match.script,
        "action": match.action.value,
        "intent": match.intent or "",
        "choices": list(match.choices),
        "candidates": [[c.intent, round(c.score, 3)] for c in match.candidates[:5]],
        "danger": match.danger.level.value,
        "danger_intent": match.danger.intent,
        "danger_soft": match.danger.soft,
        "signals": [
            {"rule": s.rule, "phrase": s.phrase, "intent": s.intent, "weight": round(s.weight, 3)}
            for s in match.danger.signals
        ],
        "also": list(match.also),
        "reason": match.reason,
    }


def _urgency(turn: Turn) -> Urgency:
    if turn.match is not None and turn.match.danger:
        return turn.match.danger.level
    return Urgency(turn.session.danger) if turn.session.danger else Urgency.NORMAL


def _language(session: Session) -> str:
    return session.language or session.detected or "ru"
