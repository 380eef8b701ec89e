"""Builders of the delivery: envelopes, a clock, a channel, a bot, and a house that holds them together."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry

from bot.dialogue.context import Context
from bot.dialogue.effect import Effect
from bot.dialogue.message import Envelope, Kind, Message
from bot.dialogue.reply import Reply
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn
from bot.hotline.inbox import Inbox
from bot.hotline.ledger import FloodLimit
from bot.hotline.metrics import Metrics
from bot.hotline.outbox import Sender, SenderOptions
from bot.hotline.ports import Outcome, Rates, Responder, Store
from bot.hotline.records import Conversation, Line
from bot.hotline.worker import Worker, WorkerOptions
from bot.matching.match import Urgency

START = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_numbers = itertools.count(1)


class FakeClock:
    """A clock that starts at START, goes at the real speed, and can be set."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self._began = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=max(0.0, time.monotonic() - self._began))

    def stop(self) -> None:
        """From now on it goes only when it is moved, however slow the machine is."""
        self._start, self._began = self.now(), float("inf")

    def move(self, **by: float) -> None:
        """By hours=2, days=-1, …"""
        self._start += timedelta(**by)


def envelope(
    text: str = "hello",
    *,
    sender: str = "caller",
    external_id: str = "",
    channel: str = "fake",
    kind: Kind = Kind.TEXT,
    at: datetime = START,
    **fields: Any,
) -> Envelope:
    """A message from a caller; each call makes another external id."""
    number = next(_numbers)
    message = Message(kind, at, text, reference=fields.pop("reference", f"in-{number}"), **fields)
    return Envelope(channel, external_id or f"x{number}", sender, message)


@dataclass
class FakeChannel:
    """A channel that collects. `trouble` is asked before each send and may raise."""

    name: str = "fake"
    rates: Rates = field(default_factory=Rates)
    can_delete: bool = True
    can_send_files: bool = True
    files: list[tuple[str, str, bytes]] = field(default_factory=list)  # (address, name, bytes)
    can_write_first: bool = True
    sent: list[tuple[str, str]] = field(default_factory=list)  # (address, text), in order
    times: list[float] = field(default_factory=list)  # of each send, monotonic seconds
    deleted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    trouble: Callable[[str, str], None] = lambda _address, _text: None
    pause: float = 0.0  # seconds each send takes

    def render(self, reply: Reply) -> tuple[Mapping[str, Any], ...]:
        file = ({"file": dataclasses.asdict(reply.attachment)},) if reply.attachment else ()
        return (*file, *({"text": part} for part in reply.text.split("|") if part or not file))

    async def send(self, address: str, payload: Mapping[str, Any]) -> str:
        await asyncio.sleep(self.pause)
        self.trouble(address, payload["text"])
        self.sent.append((address, payload["text"]))
        self.times.append(time.monotonic())
        return f"out-{next(_numbers)}"

    async def send_file(self, address: str, payload: Mapping[str, Any], data: bytes) -> str:
        self.trouble(address, payload["file"]["name"])
        self.files.append((address, payload["file"]["name"], data))
        return f"out-{next(_numbers)}"

    async def delete(self, address: str, references: Sequence[str]) -> None:
        self.deleted.append((address, tuple(references)))

    async def typing(self, address: str, reference: str) -> None:
        pass

    async def media(self, reference: str) -> AsyncIterator[bytes]:
        yield reference.encode()

    def to(self, address: str) -> list[str]:
        """The texts sent to one address."""
        return [text for other, text in self.sent if other == address]


class Echo:
    """A bot that says back what it hears, with the effects it was told for a text. "fail" makes it fail."""

    def __init__(self, effects: Mapping[str, tuple[Effect, ...]] | None = None) -> None:
        self.effects = dict(effects or {})
        self.contexts: list[Context] = []
        self.sessions: list[Session] = []

    def __call__(self, session: Session, message: Message, context: Context) -> Outcome:
        self.contexts.append(context)
        self.sessions.append(session)
        if message.text.startswith("fail"):
            raise ValueError(message.text)
        effects = self.effects.get(message.text, ())
        urgency = max(
            (getattr(e, "urgency", Urgency.NORMAL) for e in effects), key=lambda u: u.rank, default=Urgency.NORMAL
        )
        turn = Turn(session.change(misses=session.misses + 1, language="ru"), (Reply(f"re {message.text}"),), effects)
        return Outcome(turn, {"intent": "echo", "action": "answer", "language": "ru"}, urgency)


class FakeExcuses:
    """Names the excuse instead of making it."""

    def on_poison(self, session: Session) -> Reply:  # noqa: ARG002 - the protocol's
        return Reply("poison")

    def on_flood(self, session: Session) -> Reply:  # noqa: ARG002 - the protocol's
        return Reply("flood")


async def until(done: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that nobody announces; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.01)


class House:
    """Inbox, worker and sender over one store; `quiet` runs them until nothing is left to do now."""

    def __init__(
        self,
        store: Store,
        *,
        bot: Responder | None = None,
        channel: FakeChannel | None = None,
        clock: FakeClock | None = None,
        worker: WorkerOptions | None = None,
        sender: SenderOptions | None = None,
        **inbox: Any,
    ) -> None:
        self.store = store
        self.bot = bot or Echo()
        self.channel = channel or FakeChannel()
        self.clock = clock or FakeClock()
        self.metrics = Metrics(CollectorRegistry())
        channels = {self.channel.name: self.channel}
        inbox.setdefault("flood", FloodLimit(1_000_000))
        self.inbox = Inbox(store, self.clock, self.metrics, **inbox)
        self.worker = Worker(
            store,
            channels,
            self.bot,
            FakeExcuses(),
            self.clock,
            self.metrics,
            options=worker or WorkerOptions(poll=0.02),
        )
        self.sender = Sender(store, channels, self.clock, self.metrics, options=sender or SenderOptions(poll=0.02))

    async def hear(self, *texts: str, sender: str = "caller", **fields: Any) -> None:
        """Take in messages of one caller, one call each."""
        for text in texts:
            message = envelope(text, sender=sender, **{"at": self.clock.now(), **fields})
            await self.inbox.receive([message])

    async def quiet(self, seconds: float = 10.0, *, until: Callable[[], bool] | None = None) -> None:
        """Run worker and sender until inbox and outbox are empty (or `until` is true); fails after `seconds`."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self.worker.run(stop)), asyncio.create_task(self.sender.run(stop))]
        try:
            async with asyncio.timeout(seconds):
                while not await self._done(until):
                    await asyncio.sleep(0.01)
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _done(self, until: Callable[[], bool] | None) -> bool:
        if until:
            return until()
        depth = await self.store.read(lambda ledger: ledger.letters.depth(self.clock.now()))
        return depth.incoming == 0 and depth.outgoing == 0

    async def answered(self) -> None:
        """Wait until nothing waits for its turn; whoever calls it runs the worker."""
        async with asyncio.timeout(10):
            while (await self.store.read(lambda ledger: ledger.letters.depth(self.clock.now()))).incoming:
                await asyncio.sleep(0.01)

    async def conversation(self, sender: str = "caller") -> Conversation:
        """The caller's conversation, which must exist."""
        found = await self.store.read(lambda ledger: ledger.conversations.find(self.channel.name, sender))
        assert found is not None
        return found

    async def lines(self, sender: str = "caller") -> list[Line]:
        """The caller's transcript."""
        conversation = await self.conversation(sender)
        return await self.store.read(lambda ledger: ledger.lines.of(conversation.id))
