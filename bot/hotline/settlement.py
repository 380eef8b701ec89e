"""Writing down what a message led to: the functions that run in the one transaction of a turn.

Whatever is written here is written together with deleting the inbox row. A process killed before the commit leaves the
message to be answered by another; one killed after it leaves an outbox that someone else sends.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.dialogue.effect import Effect, Erase, Feedback, Missed, Note, OpenCase, Rate, ShowNews, Subscribe
from bot.dialogue.message import Message
from bot.dialogue.reply import Reply
from bot.dialogue.session import Mode, Session
from bot.errors import LostError
from bot.hotline import cases
from bot.hotline.codec import message_to_json, reply_to_json
from bot.hotline.ledger import Ledger
from bot.hotline.newsletter import shown_text
from bot.hotline.ports import Channel, Outcome
from bot.hotline.records import MUTE, Case, Conversation, Direction, Incoming, Json, Status, Tally
from bot.hotline.redaction import redact
from bot.matching.match import Urgency

DELETABLE = timedelta(hours=48)  # Telegram Bot API, deleteMessage; WhatsApp deletes nothing
_AFTER = timedelta(microseconds=1)  # parts what is said after an exit from what was said before


@dataclass(frozen=True, slots=True)
class Settler:
    """Writes outcomes down, for the channels this process knows."""

    channels: Mapping[str, Channel]

    def settle(
        self, ledger: Ledger, incoming: Incoming, outcome: Outcome, now: datetime, *, buried: bool = False
    ) -> bool:
        """Write everything one message led to; False when its conversation was erased with it.

        Raises LostError when someone else has done it: roll back. `buried`: the message stays as a dead letter.
        """
        conversation, turn = incoming.conversation, outcome.turn
        session = turn.session
        if any(isinstance(effect, OpenCase) for effect in turn.effects) and session.case != "operator":
            session = session.change(case="waiting")
        language = session.language or session.detected or conversation.language
        stay = session.stay or conversation.stay
        last_out = now if turn.replies else None
        if not ledger.conversations.save(conversation.id, session, language, stay, last_out):
            raise LostError
        if not buried and not ledger.inbox.finish(incoming.id):
            raise LostError
        record_incoming(ledger, incoming, outcome.understood, now)
        ledger.findings.count(conversation.id, _tally(conversation, outcome, language, stay, now), outcome.topic)
        current = _with(conversation, session, language, stay)
        for effect in turn.effects:
            self._carry_out(ledger, current, incoming.message, effect, now)
        if incoming.case:
            if incoming.case.state in MUTE:
                cases.speak_again(ledger, incoming.case, now)
                ledger.wake("desk")
                ledger.wake(f"case:{incoming.case.id}")
            ledger.wake("said")
        scopes = {effect.scope for effect in turn.effects if isinstance(effect, Erase)}
        channel = self.channels[conversation.channel]
        if "everything" in scopes:
            self._erase_everything(ledger, current, channel, turn.replies, now)
            return False
        if scopes:
            self._erase_messages(ledger, current, channel, now)
        for reply in turn.replies:
            say(ledger, channel, current, reply, now + _AFTER if scopes else now, priority=outcome.urgency.rank)
        return True

    def _carry_out(
        self, ledger: Ledger, conversation: Conversation, message: Message, effect: Effect, now: datetime
    ) -> None:
        match effect:
            case OpenCase():
                cases.open_case(ledger, conversation, effect, now)
            case Feedback(intent, helped):
                ledger.findings.add_feedback(conversation.id, now, intent, conversation.language, helped)
            case Missed(reason, candidates):
                text = redact(message.text or ledger.lines.last_question(conversation.id))
                ledger.findings.add_missed(conversation.id, now, conversation.language, reason, candidates, text)
            case Note(key, value):
                ledger.conversations.put_note(conversation.id, key, value, now)
            case Rate(useful):
                if last := ledger.cases.last_of(conversation.id):
                    ledger.cases.change(last.id, (last.state,), useful=useful)
                    ledger.cases.record(last.id, now, "rated", "caller", {"useful": useful})
            case Subscribe(wanted):
                if wanted:
                    ledger.office.broadcasts.subscribe(conversation.id, now)
                else:
                    ledger.office.broadcasts.unsubscribe(conversation.id)
            case ShowNews(broadcast, spoken, frame):
                shown = shown_text(ledger.office.broadcasts, conversation.id, broadcast, spoken, frame)
                say(ledger, self.channels[conversation.channel], conversation, shown, now)
            case Erase():
                pass  # after all others: see `settle`

    def _erase_messages(self, ledger: Ledger, conversation: Conversation, channel: Channel, now: datetime) -> None:
        """Quick exit: what is not sent yet is not sent; what can be deleted at the platform is queued for it.

        The references are read when the deletion is carried out: only then is the one being sent now known.
        """
        ledger.outbox.withdraw(conversation.id)
        ledger.conversations.set_cleared(conversation.id, now + _AFTER)
        if channel.can_delete:
            until = (now + _AFTER).isoformat()
            ledger.outbox.add(
                conversation.id, channel.name, conversation.address, [{"until": until}], now, kind="delete", priority=2
            )

    def _erase_everything(
        self,
        ledger: Ledger,
        conversation: Conversation,
        channel: Channel,
        replies: Sequence[Reply],
        now: datetime,
    ) -> None:
        """Delete my data: every row goes now. What is left for the platform stands under a random id until done."""
        references = ledger.lines.references(conversation.id, now - DELETABLE, now + _AFTER)
        ledger.erase(conversation.id)
        nameless = uuid.uuid4().hex
        address = conversation.address
        if channel.can_delete and references:
            work: list[Json] = [{"references": references}]
            ledger.outbox.add(nameless, channel.name, address, work, now, kind="delete", priority=2)
        for reply in replies:
            ledger.outbox.add(nameless, channel.name, address, channel.render(reply), now, priority=2)


def say(
    ledger: Ledger,
    channel: Channel,
    conversation: Conversation,
    reply: Reply,
    now: datetime,
    *,
    direction: Direction = Direction.OUT,
    author: str = "",
    client_id: str = "",
    priority: int = 0,
    kind: str = "send",
    payloads: Sequence[Json] | None = None,
) -> int | None:
    """Put a reply into transcript and outbox: the line's id, or None when `client_id` was used before.

    `payloads`: what goes to the platform, when it is not the reply itself but, say, a template.
    """
    payloads = channel.render(reply) if payloads is None else payloads
    line = ledger.lines.add(
        conversation.id,
        direction,
        now,
        text=reply.text,
        detail=reply_to_json(reply),
        status=Status.QUEUED if payloads else Status.SENT,
        author=author,
        client_id=client_id,
    )
    if line is not None:
        ledger.outbox.add(
            conversation.id, channel.name, conversation.address, payloads, now, line=line, priority=priority, kind=kind
        )
    return line


def record_incoming(ledger: Ledger, incoming: Incoming, understood: Json, now: datetime) -> None:
    """The caller's line in the transcript."""
    message = incoming.message
    detail = message_to_json(message)
    for name in ("kind", "text", "reference"):  # these have columns of their own
        detail.pop(name, None)
    ledger.lines.add(
        incoming.conversation.id,
        Direction.IN,
        now,
        text=message.text,
        kind=message.kind.value,
        detail=detail,
        understood=understood,
        references=(message.reference,) if message.reference else (),
        status=Status.READ,
    )


def muted(before: Session, case: Case | None, outcome: Outcome) -> Outcome:
    """While a person has the conversation the bot says nothing, but for leaving and erasing.

    The dialogue's own state stays as it was, since the caller did not see it speak; danger and language are kept.
    """
    if case is None or case.state not in MUTE:
        return outcome
    turn = outcome.turn
    leaving = {before.mode, turn.session.mode} & {Mode.ERASING, Mode.EXITED}
    if leaving or any(isinstance(effect, Erase) for effect in turn.effects):
        return outcome
    return kept_quiet(before, outcome)


def kept_quiet(before: Session, outcome: Outcome) -> Outcome:
    """The outcome without its replies: recorded, and only what must not be lost taken from it."""
    turn = outcome.turn
    session = before.change(
        detected=turn.session.detected,
        language=turn.session.language,
        danger=turn.session.danger,
        stay=turn.session.stay,
    )
    effects = tuple(effect for effect in turn.effects if isinstance(effect, OpenCase | Note | Rate))
    return Outcome(type(turn)(session, (), effects), outcome.understood, outcome.urgency, outcome.topic)


def grave(outcome: Outcome) -> bool:
    """Whether the outcome brings danger to a person's notice."""
    return any(isinstance(effect, OpenCase) and effect.urgency is not Urgency.NORMAL for effect in outcome.turn.effects)


def _with(conversation: Conversation, session: Session, language: str, stay: str) -> Conversation:
    return Conversation(
        conversation.id,
        conversation.channel,
        conversation.address,
        session,
        language,
        stay,
        conversation.created,
        conversation.last_in,
    )


def _tally(conversation: Conversation, outcome: Outcome, language: str, stay: str, now: datetime) -> Tally:
    understood = outcome.understood
    return Tally(
        day=now.date().isoformat(),
        channel=conversation.channel,
        language=language,
        stay=stay,
        intent=str(understood.get("intent") or ""),
        action=str(understood.get("action") or ""),
        urgency=outcome.urgency.value,
    )
