"""The time for which a platform takes free words, and what goes out after it: a template that the platform approved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Reply
from bot.errors import ConflictError
from bot.hotline.announcement import Announcer, language_of
from bot.hotline.ledger import Ledger
from bot.hotline.outbox import enqueue
from bot.hotline.ports import Channel, Knocking
from bot.hotline.records import Case, Conversation, Direction, Json

WINDOWS: Mapping[str, timedelta] = {"whatsapp": timedelta(hours=24)}  # WhatsApp Business policy: since the last message
KNOCK = N_("There is a message for you. Write any word to read it.")  # what the template says, for the transcript


def closed(conversation: Conversation, now: datetime) -> bool:
    """Whether the platform takes only templates now."""
    window = WINDOWS.get(conversation.channel)
    return window is not None and now - conversation.last_in > window


def template(channel: Channel | None, conversation: Conversation) -> Json | None:
    """The template with which this caller may be written to at any time; None when there is none."""
    return channel.knock(language_of(conversation)) if isinstance(channel, Knocking) else None


def knock(
    ledger: Ledger, announcer: Announcer, case: Case, conversation: Conversation, author: str, client_id: str, now: datetime
) -> int | None:
    """Send the template in an operator's name: its line, or None when this `client_id` was sent before."""
    channel = announcer.channels.get(conversation.channel)
    payload = template(channel, conversation)
    if channel is None or payload is None:
        raise ConflictError(N_("No template is approved for this language."))
    line = Reply(announcer.say(KNOCK, language_of(conversation)))
    return enqueue(
        ledger, channel, conversation, line, now, direction=Direction.OPERATOR, author=author,
        client_id=client_id, priority=case.urgency.rank, payloads=(payload,),
    )  # fmt: skip
