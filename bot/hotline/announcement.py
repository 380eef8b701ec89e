"""What the hotline itself tells a caller about a person joining, leaving or ending a talk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.dialogue.reply import Button, Reply
from bot.dialogue.session import Mode
from bot.hotline.ledger import Ledger
from bot.hotline.outbox import enqueue
from bot.hotline.ports import Channel
from bot.hotline.records import Conversation

HUSH = timedelta(minutes=30)  # after so long without a word from the caller, nothing is sent by itself

Say = Callable[..., str]  # (phrase, language, **values): one of the bot's own phrases


@dataclass(frozen=True, slots=True)
class Announcer:
    """Tells callers, in their language, and only those who are there."""

    channels: Mapping[str, Channel]
    say: Say

    def tell(
        self,
        ledger: Ledger,
        conversation: Conversation,
        phrase: str,
        now: datetime,
        *,
        buttons: tuple[tuple[str, str], ...] = (),
        **values: object,
    ) -> bool:
        """Send a phrase with buttons (id, phrase); False when the caller is not there to read it.

        The conversation must be locked and read after that.
        """
        channel = self.channels.get(conversation.channel)
        if channel is None or away(conversation, now):
            return False
        language = language_of(conversation)
        shown = tuple(Button(button, self.say(title, language)) for button, title in buttons)
        reply = Reply(self.say(phrase, language, **values), shown, columns=2)
        enqueue(ledger, channel, conversation, reply, now, priority=1)
        session = conversation.session
        if shown:
            mode = session.mode if session.mode is Mode.EXITED else Mode.OPEN
            session = session.change(offered=tuple(button.id for button in shown), mode=mode, pending="")
        ledger.conversations.save(conversation.id, session, conversation.language, conversation.stay, now)
        return True


def away(conversation: Conversation, now: datetime) -> bool:
    """Whether nothing may be sent without a person's decision: silent for long, left in a hurry, or not reachable."""
    left = conversation.session.mode is Mode.EXITED or conversation.unreachable is not None
    return left or now - conversation.last_in > HUSH


def language_of(conversation: Conversation) -> str:
    """The language in which the caller is spoken to."""
    session = conversation.session
    return session.language or session.detected or conversation.language or "ru"


def locked(ledger: Ledger, conversation: str) -> Conversation | None:
    """The conversation, kept from others until commit; None when it was erased."""
    if not ledger.conversations.lock(conversation):
        return None
    return ledger.conversations.get(conversation)
