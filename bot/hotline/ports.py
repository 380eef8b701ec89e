"""What the hotline needs from outside, as protocols; and how to use what it gives.

The way of a message::

    channel ── Inbox.receive([Envelope]) ── durable row, deduplicated ── return: now answer the platform 200
                      │  wakes "inbox"
    Worker ── claims the conversation, calls `Responder(session, message, context) -> Outcome` in a thread,
              then ONE transaction: row deleted (the exactly-once token), session, transcript, case, outbox rows
                      │  wakes "outbox:<channel>", "conversation:<id>", "desk", "case:<id>"
    Sender ── `Channel.send(address, payload)` in order, at the channel's rates; records the reference and status

For everyone else:

- *A channel* implements `Channel`, hands what came in to `Inbox.receive` and what the platform says of sent messages
  to `Inbox.statuses`. It raises the kinds of `bot.errors.DeliveryError` from `send` and nothing else on purpose.
- *Whoever reads or writes* does so in a plain function over a `Ledger`::

      lines = await store.read(lambda ledger: ledger.lines.of(conversation_id))
      await store.transact(lambda ledger: cases.take(ledger, case_id, operator, now))

  The function may run twice (a deadlock is tried again), in another thread: it must change nothing outside of the
  ledger, and must not wait for anything. Nobody but the store commits. It raises `StoreAwayError` when the database
  is away; any other error of the function rolls its transaction back and comes through unchanged.
- *Whoever shows things live* (console, web chat)::

      mark = store.mark("desk")            # before reading, so that nothing is missed in between
      shown = await store.read(...)
      await store.wait("desk", 25.0, mark)  # returns at once when something happened since `mark`

  Topics: "inbox" · "outbox:<channel>" · "conversation:<id>" (a line was added or changed its status) · "desk" (the
  queue of cases changed) · "said" (something was said by a caller who has a case) · "case:<id>". On PostgreSQL they
  reach every process.
- *An operator's or a broadcast's message* goes out through `outbox.enqueue(ledger, ...)`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

from bot.dialogue.context import Context, Desk
from bot.dialogue.message import Message
from bot.dialogue.reply import Reply
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn
from bot.hotline.ledger import Ledger
from bot.hotline.records import Case, Conversation
from bot.matching.match import Urgency

T = TypeVar("T")


class Store(Protocol):
    """The database, behind functions over a `Ledger`."""

    async def transact(self, work: Callable[[Ledger], T]) -> T:
        """Run `work` in one transaction, commit, wake whom it named. Durable when this returns."""
        ...

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """Run `work` on one consistent state; what it writes is refused or thrown away."""
        ...

    def mark(self, topic: str) -> int:
        """A number that grows with each wake-up of `topic`; hand it to `wait`."""
        ...

    async def wait(self, topic: str, seconds: float, mark: int | None = None) -> bool:
        """Wait for a wake-up of `topic` after `mark` (or from now on), at most `seconds`; True when it came."""
        ...

    def attend(self, topic: str) -> None:
        """This process sees to `topic` itself: its own commits need not wake other processes for it."""
        ...

    def calm(self) -> float:
        """Seconds since this process last found the database away; infinite when it never did."""
        ...

    async def recover(self) -> int:
        """Free the lanes of workers known to be dead; how many. Zero when that cannot be known."""
        ...

    async def close(self) -> None:
        """Finish what runs and let go of the database."""
        ...


async def wait_for_any(store: Store, marks: Mapping[str, int], seconds: float) -> bool:
    """Wait for the first wake-up of any topic after its mark, at most `seconds`; True when one came. `marks` is not empty."""
    waits = [asyncio.create_task(store.wait(topic, seconds, mark)) for topic, mark in marks.items()]
    try:
        finished, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return any(task.result() for task in finished)
    finally:
        for task in waits:
            task.cancel()


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Now, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Rates:
    """How fast a platform lets us send."""

    gap: float = 0.0  # seconds between two messages to one conversation; 0: none
    overall: float = 0.0  # messages a second over all conversations and processes; 0: no limit


class Channel(Protocol):
    """A messenger, as the hotline uses it."""

    @property
    def name(self) -> str:
        """As in `Envelope.channel`."""
        ...

    @property
    def rates(self) -> Rates:
        """The platform's limits."""
        ...

    @property
    def can_delete(self) -> bool:
        """Whether messages younger than 48 h can be deleted at the platform."""
        ...

    @property
    def can_write_first(self) -> bool:
        """Whether a caller who is not there reads later what is sent now."""
        ...

    @property
    def can_send_files(self) -> bool:
        """Whether a reply may have an attachment."""
        ...

    def render(self, reply: Reply) -> tuple[Mapping[str, Any], ...]:
        """The platform messages for a reply, in order, as JSON values. Pure: same reply, same payloads."""
        ...

    async def send(self, address: str, payload: Mapping[str, Any]) -> str:
        """Send one of `render`'s payloads; the platform's id of the message.

        Raises TryLaterError (with `after` when the platform named a time: then the whole channel pauses),
        GaveUpError, UnreachableError. Must end within `SenderOptions.timeout` seconds.
        """
        ...

    async def send_file(self, address: str, payload: Mapping[str, Any], data: bytes) -> str:
        """Send one of `render`'s payloads that has a "file" (an attachment's fields), with its bytes; as `send` does."""
        ...

    async def delete(self, address: str, references: Sequence[str]) -> None:
        """Delete messages at the platform; those that are gone or too old are no error."""
        ...

    async def typing(self, address: str, reference: str) -> None:
        """Show that the message with this platform id is being answered; failures are of no consequence."""
        ...

    def media(self, reference: str) -> AsyncIterator[bytes]:
        """The bytes of a file a caller sent, in pieces."""
        ...


@runtime_checkable
class Knocking(Protocol):
    """A channel that may write outside of its platform's window, with a template that the platform approved."""

    def knock(self, language: str) -> Mapping[str, Any] | None:
        """The payload of the template in this language; None when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the bot made of a message."""

    turn: Turn
    understood: Mapping[str, Any] = field(default_factory=dict)  # "intent", "action", "danger", "language", …: JSON
    urgency: Urgency = Urgency.NORMAL  # counted in the statistics, sent first
    topic: str = ""  # of the intent, for counting callers


class Responder(Protocol):
    """The bot's mind: pure, 1 to 40 ms, run in a thread.

    `session.case` says where the conversation's case stands. While it is "operator" the replies are dropped by the
    worker unless the turn erases, exits or asks whether to erase; an OpenCase still raises the case's urgency.
    """

    def __call__(self, session: Session, message: Message, context: Context) -> Outcome:
        """Decide. An exception counts as a failure; after three the message goes to the dead letters."""
        ...


class Excuses(Protocol):
    """The replies the delivery itself needs, in the caller's language."""

    def on_poison(self, session: Session) -> Reply:
        """The bot failed on this message; a person will look at it."""
        ...

    def on_flood(self, session: Session) -> Reply:
        """More messages a minute than we can take: one kind word."""
        ...


class DeskView(Protocol):
    """Tells the dialogue whether a person can be reached."""

    def __call__(self, ledger: Ledger, conversation: Conversation, case: Case | None, now: datetime) -> Desk:
        """Read-only; called in the transaction that claims the message."""
        ...


class Sealer(Protocol):
    """Encryption for what lies on disk outside of the database (the spool)."""

    def seal(self, data: bytes, purpose: str) -> bytes:
        """Encrypt with the current key, bound to `purpose`."""
        ...

    def unseal(self, data: bytes, purpose: str) -> bytes:
        """Decrypt; raises CipherError."""
        ...
