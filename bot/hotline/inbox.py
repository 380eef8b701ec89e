"""Taking messages in: durable and deduplicated before the platform hears that we have them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from bot.dialogue.message import Envelope, Message
from bot.errors import StoreAwayError
from bot.hotline.ledger import FloodLimit, Ledger
from bot.hotline.metrics import Metrics
from bot.hotline.ports import Clock, Store
from bot.hotline.records import Arrival, Move, StatusUpdate
from bot.hotline.spool import Spool
from bot.hotline.together import Together

_REPLAY_PAUSE = 0.5  # seconds between tries to reach the database
_TICK = timedelta(microseconds=1)


def nothing_urgent(_message: Message) -> int:
    """The priority when nobody judges it at the door."""
    return 0


class Inbox:
    """The door. Every channel hands its messages to `receive`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        *,
        spool: Spool | None = None,
        priority: Callable[[Message], int] = nothing_urgent,
        flood: FloodLimit | None = None,
        expected: Callable[[Sequence[Envelope]], None] = lambda _envelopes: None,
        reached: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """`priority` is a quick look for danger: 0 normal, 1 urgent, 2 emergency. `expected` is told what came in,
        `reached` each step.
        """
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._spool = spool
        self._priority = priority
        self._flood = flood or FloodLimit()
        self._expected = expected
        self._reached = reached
        self._take: Together[Sequence[Arrival], None] = Together(self._take_together, most=16)
        self._last = datetime.min.replace(tzinfo=UTC)  # arrival

    @property
    def spooled(self) -> int:
        """Messages that wait on disk for the database; over 0: /ready should say so."""
        return self._spool.count if self._spool else 0

    async def receive(self, envelopes: Sequence[Envelope]) -> None:
        """Take messages in, in order. When this returns they survive a crash: acknowledge them to the platform.

        Raises StoreAwayError when neither database nor spool takes them: do not acknowledge, it will repeat them.
        """
        if not envelopes:
            return
        now = self._arrival()
        if self._spool and self._spool.count:  # order: what came first goes first
            await asyncio.to_thread(self._spool.append, envelopes, now)
        else:
            try:
                await self._take([Arrival(envelope, self._priority(envelope.message), now) for envelope in envelopes])
            except StoreAwayError:
                self._metrics.store_away.labels("inbox").inc()
                if not self._spool:
                    raise
                await asyncio.to_thread(self._spool.append, envelopes, now)
        self._metrics.spool_messages.set(self.spooled)
        self._expected(envelopes)
        self._reached("inbox committed")

    async def statuses(self, updates: Sequence[StatusUpdate]) -> None:
        """What the platform says of messages we sent; only ever forward. Unknown ones are passed over."""

        def work(ledger: Ledger) -> None:
            for update in updates:
                ledger.lines.advance_reference(update.channel, update.reference, update.status)

        if updates:
            await self._store.transact(work)

    async def moves(self, moves: Sequence[Move]) -> None:
        """Where live locations are now. Nobody wrote: it is not answered, and does not count as a word of the caller.

        What cannot be written down is passed over: the next move comes soon.
        """

        def work(ledger: Ledger) -> None:
            for move in moves:
                known = ledger.conversations.find(move.channel, move.sender)
                if known and ledger.lines.move(known.id, move.reference, move.place, move.at):
                    ledger.wake("said")

        if moves:
            with contextlib.suppress(StoreAwayError):
                await self._store.transact(work)

    async def replay(self, stop: asyncio.Event) -> None:
        """Bring spooled messages into the database whenever it is there, until `stop`."""
        while not stop.is_set():
            if self._spool and self._spool.count:
                try:
                    await self._drain(self._spool)
                except StoreAwayError:
                    self._metrics.store_away.labels("replay").inc()
            try:
                async with asyncio.timeout(_REPLAY_PAUSE):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _drain(self, spool: Spool) -> None:
        while spool.count:
            expected = spool.count
            for batch in await asyncio.to_thread(lambda: list(spool.batches())):
                await self._store_all([Arrival(e, self._priority(e.message), received) for e, received in batch])
            # Messages that came meanwhile were appended: go round again, the inbox drops the ones it has.
            await asyncio.to_thread(spool.clear, expected)
        self._metrics.spool_messages.set(spool.count)

    def _arrival(self) -> datetime:
        """Now, but always after the last arrival: a clock that is set back must not change the order."""
        self._last = max(self._clock.now(), self._last + _TICK)
        return self._last

    async def _take_together(self, calls: Sequence[Sequence[Arrival]]) -> list[BaseException | None]:
        """Store what several calls brought in one transaction; what cannot be stored spoils only its own call."""
        try:
            await self._store_all([arrival for arrivals in calls for arrival in arrivals], self._clock.now())
        except StoreAwayError:
            raise
        except Exception as error:
            if len(calls) == 1:
                return [error]
            return [result for arrivals in calls for result in await self._take_together([arrivals])]
        return [None] * len(calls)

    async def _store_all(self, arrivals: Sequence[Arrival], now: datetime | None = None) -> None:
        """Without `now` they come from disk, and count as come when they arrived: the caller's limit must not see them
        all at once.
        """
        # Conversations in one order in every process, so that two batches never wait for each other.
        arrivals = sorted(arrivals, key=lambda arrival: (arrival.envelope.channel, arrival.envelope.sender))

        def work(ledger: Ledger) -> list[bool]:
            if now:
                return ledger.inbox.add_all(arrivals, self._flood, now)
            return [
                ledger.inbox.add_all([arrival], self._flood, arrival.received, late=True)[0] for arrival in arrivals
            ]

        fresh = await self._store.transact(work)
        for arrival, new in zip(arrivals, fresh, strict=True):
            if new:
                self._metrics.arrived(arrival.envelope.channel, arrival.received)
            else:
                self._metrics.duplicates.labels(arrival.envelope.channel).inc()
