"""Messages, matches and a partner to talk with, for tests of the dialogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.content.handbook import Handbook
from bot.dialogue.context import Context, Desk
from bot.dialogue.message import Kind, Message
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn, take_turn
from bot.matching.match import Action, Candidate, Danger, DangerSignal, Match, Urgency
from tests.builders.content import handbook

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def text(words: str) -> Message:
    """What a caller typed."""
    return Message(Kind.TEXT, NOW, text=words)


def press(button: str) -> Message:
    """A button pressed."""
    return Message(Kind.CHOICE, NOW, choice=button)


def command(name: str, rest: str = "") -> Message:
    """A command with a slash."""
    return Message(Kind.COMMAND, NOW, text=rest, command=name)


def match(
    words: str = "",
    intent: str | None = None,
    *,
    choices: tuple[str, ...] = (),
    danger: Urgency = Urgency.NORMAL,
    danger_intent: str = "",
    soft: bool = False,
    language: str = "ru",
    script: str = "Cyrl",
    also: tuple[str, ...] = (),
) -> Match:
    """What the matcher might say."""
    action = Action.ANSWER if intent else Action.CHOOSE if choices else Action.FALLBACK
    signals = (DangerSignal("rule", words, danger_intent, 0.9),) if danger_intent else ()
    return Match(
        words, words, language, script, {language: 1.0}, action, intent, choices,
        Danger(danger, danger_intent, soft, 0.9 if danger_intent else 0.0, signals),
        tuple(Candidate(name, 0.5) for name in ((intent,) if intent else choices)), also,
    )  # fmt: skip


@dataclass
class Caller:
    """A caller in a talk; `meanings` says what the matcher makes of a text."""

    meanings: dict[str, Match] = field(default_factory=dict)
    book: Handbook = field(default_factory=handbook)
    session: Session = field(default_factory=Session)
    desk: Desk = field(default_factory=lambda: Desk(open=True, speaks=True))
    backlog: bool = False
    can_delete: bool = True
    can_write_first: bool = False
    last: Turn = field(default_factory=lambda: Turn(Session()))

    def send(self, message: Message) -> Turn:
        """One turn."""
        context = Context(NOW, "telegram", self.desk, self.backlog, self.can_write_first, self.can_delete)

        def understand(words: str, _previous: str, _hint: str) -> Match:
            return self.meanings.get(words, match(words))

        self.last = take_turn(self.session, message, understand, self.book, context)
        self.session = self.last.session
        return self.last

    def says(self, words: str) -> Turn:
        """Types something."""
        return self.send(text(words))

    def presses(self, button: str) -> Turn:
        """Presses a button."""
        return self.send(press(button))

    @property
    def heard(self) -> str:
        """All texts of the last turn."""
        return "\n".join(reply.text for reply in self.last.replies)

    @property
    def buttons(self) -> list[str]:
        """Ids of the last reply's buttons."""
        return [button.id for button in self.last.replies[-1].buttons] if self.last.replies else []
