"""Delivering: sends what the outbox holds, in order within a conversation, at each channel's rates."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.errors import GaveUpError, LostError, OutsideWindowError, StoreAwayError, TryLaterError, UnreachableError
from bot.hotline.ledger import Ledger
from bot.hotline.metrics import Metrics
from bot.hotline.ports import Channel, Clock, Store
from bot.hotline.records import Lane, Outgoing
from bot.hotline.settlement import DELETABLE
from bot.hotline.settlement import say as enqueue
from bot.hotline.together import Together
from bot.hotline.worker import process_name

__all__ = ["Sender", "SenderOptions", "enqueue"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SenderOptions:
    """Numbers of the sender; times in seconds."""

    concurrency: int = 32  # conversations at once, for each channel
    lease: float = 10.0
    timeout: float = 4.0  # of one call to the platform; must stay under half the lease
    poll: float = 1.0  # how often to look although nobody woke us
    backoff: float = 1.0  # before the second try; doubled for each further one
    longest: float = 300.0  # the longest backoff
    attempts: int = 40  # about two and a half hours, then it is a dead letter


@dataclass(frozen=True, slots=True)
class _Result:
    """What came of one call to the platform."""

    done: bool = False
    reference: str = ""
    error: str = ""
    wait: float | None = None  # seconds until the next try; None: give up
    pause: bool = False  # the whole channel waits
    counted: bool = True  # as an attempt
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class _Sent:
    """A call that the platform took, to be recorded."""

    lane: Lane
    outgoing: Outgoing
    reference: str
    next_at: datetime  # when the lane may be taken again
    leave: bool  # give the lane back whatever it still holds


class Sender:
    """One process's sender for all its channels. Any number may run on one PostgreSQL."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        clock: Clock,
        metrics: Metrics,
        *,
        options: SenderOptions | None = None,
        reached: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """`reached` is told each named step."""
        self._store = store
        self._channels = channels
        self._clock = clock
        self._metrics = metrics
        self._options = options or SenderOptions()
        self._reached = reached
        self._owner = process_name()
        self._claims = itertools.count()
        # Sent, but the database was away when it was to be recorded: not to be sent again by us.
        self._unrecorded: dict[int, str] = {}
        self._calling: set[int] = set()
        self._record_sent: Together[_Sent, Outgoing | None] = Together(
            lambda batch: self._store.transact(lambda ledger: _record(ledger, batch))
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; then finish the calls in hand."""
        for channel in self._channels.values():
            self._store.attend(f"outbox:{channel.name}")
        await asyncio.gather(*(self._pump(channel, stop) for channel in self._channels.values()))

    async def _pump(self, channel: Channel, stop: asyncio.Event) -> None:
        stopped = asyncio.create_task(stop.wait())
        running: set[asyncio.Task[None]] = set()
        topic = f"outbox:{channel.name}"
        while not stop.is_set():
            mark = self._store.mark(topic)
            free = self._options.concurrency - len(running)
            claimed, pause = await self._claim(channel, free) if free > 0 else ([], self._options.poll)
            for lane, outgoing in claimed:
                task = asyncio.create_task(self._lane(channel, lane, outgoing, stop))
                running.add(task)
                task.add_done_callback(running.discard)
            if len(claimed) == free:
                await asyncio.wait({*running, stopped}, return_when=asyncio.FIRST_COMPLETED)
                continue
            waiting = asyncio.create_task(self._store.wait(topic, pause, mark))
            await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        stopped.cancel()

    async def _claim(self, channel: Channel, free: int) -> tuple[list[tuple[Lane, Outgoing]], float]:
        """Rows to send now, each marked as being sent, and how long to wait when there are fewer than `free`."""
        options, now = self._options, self._clock.now()
        owner = f"{self._owner}:{next(self._claims)}"
        queue, overall = f"out:{channel.name}", channel.rates.overall

        def work(ledger: Ledger) -> tuple[list[tuple[Lane, Outgoing]], float]:
            budget = ledger.pace.budget(channel.name, overall, now, free)
            if not budget:
                until = ledger.pace.paused_until(channel.name)
                paused = (until - now).total_seconds() if until and until > now else 0.0
                return [], max(paused, 1 / overall if overall else options.poll)
            lanes = ledger.lanes.claim(queue, owner, now, options.lease, budget)
            rows = {row.lane: row for row in ledger.outbox.take([_name(lane) for lane in lanes])}
            claimed = [(lane, rows[_name(lane)]) for lane in lanes if _name(lane) in rows]
            for lane in lanes:
                if _name(lane) not in rows:
                    ledger.lanes.release(lane.name, owner, now, False, 0)
            if overall and claimed:
                ledger.pace.spend(channel.name, len(claimed))
            # Without rates only a failure makes a lane due later, and it wakes us: then we come by here again.
            look = len(lanes) < free and (overall or channel.rates.gap or not lanes)
            due = ledger.lanes.next_due(queue, now) if look else None
            wait = options.poll if due is None else max((due - now).total_seconds(), 0.01)
            return claimed, max(wait, 1 / overall if overall and len(lanes) == budget else 0.0)

        try:
            claimed, wait = await self._store.transact(work)
        except StoreAwayError:
            self._metrics.store_away.labels("sender").inc()
            return [], options.poll
        return claimed, min(options.poll, wait)

    async def _lane(self, channel: Channel, lane: Lane, outgoing: Outgoing, stop: asyncio.Event) -> None:
        """Send a conversation's rows in order, for at most half the lease."""
        leave_at = asyncio.get_running_loop().time() + self._options.lease / 2
        # With a rate, each further row must pass through `_claim`, where the budget is.
        paced = bool(channel.rates.gap or channel.rates.overall)
        current: Outgoing | None = outgoing
        try:
            while current:
                result = await self._deliver(channel, current)
                late = asyncio.get_running_loop().time() > leave_at
                current = await self._record(channel, lane, current, result, paced or late or stop.is_set())
        except LostError:
            pass
        except StoreAwayError:
            self._metrics.store_away.labels("sender").inc()  # the lease ends by itself
        except Exception:
            log.exception("a delivery could not be recorded", conversation=outgoing.lane)

    async def _deliver(self, channel: Channel, outgoing: Outgoing) -> _Result:
        """Call the platform."""
        if outgoing.id in self._unrecorded:
            return _Result(done=True, reference=self._unrecorded[outgoing.id])
        if outgoing.id in self._calling:  # the clock jumped over the lease: our own call is still under way
            return _Result(error="Calling", wait=0.2, counted=False)
        self._calling.add(outgoing.id)
        try:
            return await self._call(channel, outgoing)
        finally:
            self._calling.discard(outgoing.id)

    async def _send(self, channel: Channel, outgoing: Outgoing) -> str:
        file = outgoing.payload.get("file")
        if not file:
            return await channel.send(outgoing.address, outgoing.payload)
        data = await self._store.read(lambda ledger: ledger.office.parcels.get(str(file["id"]), outgoing.lane))
        if not data:
            raise GaveUpError("The file is gone.")
        return await channel.send_file(outgoing.address, outgoing.payload, data)

    async def _call(self, channel: Channel, outgoing: Outgoing) -> _Result:
        if outgoing.repeat:
            if outgoing.kind == "news":  # nobody gets news twice: it may have come, and a person decides about the rest
                return _Result(error="Unsure")
            self._metrics.repeats.labels(channel.name).inc()
        try:
            async with asyncio.timeout(self._options.timeout):
                if outgoing.kind == "delete":
                    await self._delete(channel, outgoing)
                    return _Result(done=True)
                reference = await self._send(channel, outgoing)
        except TryLaterError as error:
            told = error.after is not None
            wait = error.after if error.after is not None else self._backoff(outgoing.attempts)
            return self._try_later(outgoing, error, wait, pause=told)
        except UnreachableError as error:
            return _Result(error=type(error).__name__, unreachable=True)
        except GaveUpError as error:
            return _Result(error=type(error).__name__)
        except StoreAwayError:
            raise
        except Exception as error:
            return self._try_later(outgoing, error, self._backoff(outgoing.attempts), pause=False)
        self._unrecorded[outgoing.id] = reference
        self._reached("sent but not recorded")
        return _Result(done=True, reference=reference)

    async def _delete(self, channel: Channel, outgoing: Outgoing) -> None:
        references = outgoing.payload.get("references")
        if references is None:
            until = datetime.fromisoformat(outgoing.payload["until"])
            since = self._clock.now() - DELETABLE
            references = await self._store.read(lambda ledger: ledger.lines.references(outgoing.lane, since, until))
        if references:
            await channel.delete(outgoing.address, references)

    def _try_later(self, outgoing: Outgoing, error: Exception, wait: float, *, pause: bool) -> _Result:
        name = type(error).__name__
        if not pause and outgoing.attempts >= self._options.attempts:
            return _Result(error=name)
        return _Result(error=name, wait=wait, pause=pause, counted=not pause)

    def _backoff(self, attempts: int) -> float:
        full = min(self._options.longest, self._options.backoff * 2.0 ** min(attempts - 1, 20))
        return full * random.uniform(0.5, 1.0)  # noqa: S311 - only to part those who wait together

    async def _record(
        self, channel: Channel, lane: Lane, outgoing: Outgoing, result: _Result, leave: bool
    ) -> Outgoing | None:
        """Write down what came of it; the lane's next row, or None when it was given back."""
        now = self._clock.now()
        next_at = now + timedelta(seconds=channel.rates.gap)
        if result.done:
            sent = _Sent(lane, outgoing, result.reference, next_at, leave)
            following = await self._patiently(lambda: self._record_sent(sent))
            self._unrecorded.pop(outgoing.id, None)
            self._metrics.sent.labels(channel.name).inc()
            return following

        def work(ledger: Ledger) -> Outgoing | None:
            if result.unreachable:  # first, for the order of locks
                ledger.conversations.lock(outgoing.lane)
            if not ledger.lanes.hold(lane.name, lane.owner):
                raise LostError
            if result.wait is not None:
                ledger.outbox.retry_later(outgoing.id, result.error, result.counted)
                again = now + timedelta(seconds=result.wait)
                if result.pause:
                    ledger.pace.pause(channel.name, again)
                priority = ledger.outbox.more([outgoing.lane]).get(outgoing.lane, 0)
                ledger.lanes.release(lane.name, lane.owner, again, True, priority)
                ledger.wake(f"outbox:{channel.name}")
                return None
            if result.unreachable:
                self._unreachable(ledger, outgoing, result, now)
            else:
                ledger.outbox.bury(outgoing.id, result.error)
                case = ledger.cases.open_of(outgoing.lane) if result.error == OutsideWindowError.__name__ else None
                if case:
                    ledger.cases.record(case.id, now, "window", "bot")
            return _go_on(ledger, [_Sent(lane, outgoing, "", next_at, leave)])[0]

        following = await self._patiently(lambda: self._store.transact(work))
        (self._metrics.dead.labels("out") if result.wait is None else self._metrics.retried.labels(channel.name)).inc()
        return following

    async def _patiently(self, record: Callable[[], Awaitable[Outgoing | None]]) -> Outgoing | None:
        """Try for a while: what was sent should not be sent again for a database that restarts."""
        until = asyncio.get_running_loop().time() + self._options.lease / 4
        while True:
            try:
                return await record()
            except StoreAwayError:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(0.2)

    @staticmethod
    def _unreachable(ledger: Ledger, outgoing: Outgoing, result: _Result, now: datetime) -> None:
        """The caller blocked the bot: nothing more is tried until they write; an operator sees it."""
        ledger.outbox.cancel(outgoing.lane, result.error)
        ledger.conversations.set_unreachable(outgoing.lane, now)
        if case := ledger.cases.open_of(outgoing.lane):
            ledger.cases.record(case.id, now, "unreachable", "bot")


def _record(ledger: Ledger, sent: Sequence[_Sent]) -> list[Outgoing | BaseException | None]:
    """In one transaction: what the platform took is removed; each lane's next row, None when the lane was given back.

    LostError stands for those that someone else has taken over: theirs is the record.
    """
    gone = ledger.outbox.finish([(item.outgoing.id, item.lane) for item in sent])
    ours = [item for item in sent if item.outgoing.id in gone]
    ledger.lines.sent([(item.outgoing, item.reference) for item in ours])
    for item in ours:
        if item.outgoing.kind == "delete" and "until" in item.outgoing.payload:
            until = datetime.fromisoformat(item.outgoing.payload["until"])
            ledger.lines.forget_references(item.outgoing.lane, until)
    following = dict(zip((item.outgoing.id for item in ours), _go_on(ledger, ours), strict=True))
    return [following[item.outgoing.id] if item.outgoing.id in gone else LostError() for item in sent]


def _go_on(ledger: Ledger, items: Sequence[_Sent]) -> list[Outgoing | None]:
    """The next row of each lane, None where the lane was given back. The lanes' rows must be locked."""
    rows = {row.lane: row for row in ledger.outbox.take([item.outgoing.lane for item in items if not item.leave])}
    back = [item for item in items if item.outgoing.lane not in rows]
    more = ledger.outbox.more([item.outgoing.lane for item in back if item.leave])
    ledger.lanes.release_all([(item.lane, item.next_at, more.get(item.outgoing.lane)) for item in back])
    for item in back:
        if item.outgoing.lane in more:
            ledger.wake(f"outbox:{item.outgoing.channel}")
    return [rows.get(item.outgoing.lane) for item in items]


def _name(lane: Lane) -> str:
    return lane.name.partition(":")[2]
