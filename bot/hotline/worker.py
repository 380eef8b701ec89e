"""Answering messages: claims conversations, lets the bot decide, and commits each turn in one transaction."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.dialogue.context import Context, Desk
from bot.dialogue.effect import OpenCase
from bot.dialogue.message import Kind
from bot.dialogue.turn import Turn
from bot.errors import LostError, StoreAwayError
from bot.hotline import cases
from bot.hotline.ledger import Ledger
from bot.hotline.metrics import Metrics
from bot.hotline.ports import Channel, Clock, DeskView, Excuses, Outcome, Responder, Store
from bot.hotline.records import Case, Conversation, Incoming, Lane
from bot.hotline.settlement import Settler, grave, kept_quiet, muted
from bot.matching.match import Urgency

log = structlog.get_logger(__name__)

# Seconds after an outage in which nothing is answered: another process may still bring in, from its spool, an earlier
# message of the same caller.
OUTAGE_OVER = 3.0


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """Numbers of the worker; times in seconds."""

    concurrency: int = 32  # conversations at once
    threads: int = 2  # for the bot's mind
    lease: float = 10.0  # a dead worker's conversations are silent for at most this long
    burst: int = 4  # messages of one conversation before the others have their turn
    poll: float = 1.0  # how often to look although nobody woke us
    stale: float = 3600.0  # a message older than this is answered with an apology
    failures: int = 3  # of the bot on one message, then it is a dead letter
    suspect: int = 2  # a message over which so many workers died is answered alone, so that no other shares the blame
    takeovers: int = 10  # then it is a dead letter; a message alone at so many deaths is hardly innocent
    backoff: float = 1.0  # before the second try; doubled for each further one


def no_desk(ledger: Ledger, conversation: Conversation, case: Case | None, now: datetime) -> Desk:  # noqa: ARG001 - the protocol's
    """Nobody can be reached: the default until operators exist."""
    return Desk()


def process_name() -> str:
    """A name that no other process has, now or later."""
    return f"{socket.gethostname()[:24]}:{os.getpid()}:{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class _Claimed:
    lane: Lane
    incoming: Incoming
    desk: Desk


class Worker:
    """One process's worker. Any number may run on one PostgreSQL; messages of a conversation never overlap."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        respond: Responder,
        excuses: Excuses,
        clock: Clock,
        metrics: Metrics,
        *,
        desk: DeskView = no_desk,
        options: WorkerOptions | None = None,
        executor: Executor | None = None,
        reached: Callable[[str], None] = lambda _step: None,
    ) -> None:
        """`executor` runs the bot's mind (default: `options.threads` threads); `reached` is told each named step."""
        self._store = store
        self._respond = respond
        self._excuses = excuses
        self._clock = clock
        self._metrics = metrics
        self._desk = desk
        self._options = options or WorkerOptions()
        self._executor = executor or ThreadPoolExecutor(self._options.threads, thread_name_prefix="mind")
        self._reached = reached
        self._settler = Settler(channels)
        self._owner = process_name()
        self._claims = itertools.count()
        self._careful = False  # a suspect waits: one conversation at a time

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; then finish what is in hand."""
        self._store.attend("inbox")
        stopped = asyncio.create_task(stop.wait())
        running: set[asyncio.Task[None]] = set()
        await self._recover()
        while not stop.is_set():
            if self._careful and running:
                await asyncio.wait(running)
            if self._store.calm() < OUTAGE_OVER:
                with contextlib.suppress(StoreAwayError):  # only to see whether it is away again
                    await self._store.transact(lambda ledger: ledger.leases)
                await asyncio.wait({stopped}, timeout=0.2)
                continue
            mark = self._store.mark("inbox")
            free = 1 if self._careful else self._options.concurrency - len(running)
            claimed, pause = await self._claim(free) if free > 0 else ([], self._options.poll)
            for item in claimed:
                task = asyncio.create_task(self._lane(item, stop))
                running.add(task)
                task.add_done_callback(running.discard)
            if len(claimed) == free and running:
                await asyncio.wait({*running, stopped}, return_when=asyncio.FIRST_COMPLETED)
                continue
            waiting = asyncio.create_task(self._store.wait("inbox", pause, mark))
            await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        stopped.cancel()

    async def _recover(self) -> None:
        with contextlib.suppress(StoreAwayError):  # the leases end by themselves
            if freed := await self._store.recover():
                log.info("lanes of a dead process freed", count=freed)

    async def _claim(self, free: int) -> tuple[list[_Claimed], float]:
        """Conversations to work on, and how long to wait when there are fewer than `free`."""
        options, now = self._options, self._clock.now()
        owner = f"{self._owner}:{next(self._claims)}"

        def work(ledger: Ledger) -> tuple[list[_Claimed], datetime | None, bool]:
            lanes = ledger.lanes.claim("in", owner, now, options.lease, free)
            suspects = any(lane.takeovers >= options.suspect for lane in lanes)
            if suspects and not self._careful:
                for lane in lanes:
                    ledger.lanes.put_back(lane.name, owner)
                return [], now, True
            heads = {head.conversation.id: head for head in ledger.inbox.heads([_conversation(lane) for lane in lanes])}
            claimed = []
            for lane in lanes:
                if head := heads.get(_conversation(lane)):
                    head = replace(head, takeovers=lane.takeovers)
                    claimed.append(_Claimed(lane, head, self._desk(ledger, head.conversation, head.case, now)))
                else:
                    ledger.lanes.release(lane.name, owner, now, False, 0)
            due = None if lanes else ledger.lanes.next_due("in", now)
            return claimed, due, suspects

        try:
            claimed, due, self._careful = await self._store.transact(work)
        except StoreAwayError:
            self._metrics.store_away.labels("worker").inc()
            return [], options.poll
        pause = options.poll if due is None else min(options.poll, max(0.01, (due - now).total_seconds()))
        return claimed, pause

    async def _lane(self, item: _Claimed, stop: asyncio.Event) -> None:
        """Answer a conversation's messages in order, for at most half the lease."""
        leave_at = asyncio.get_running_loop().time() + self._options.lease / 2
        left = self._options.burst
        current: _Claimed | None = item
        try:
            while current:
                left -= 1
                late = asyncio.get_running_loop().time() > leave_at
                unsure = self._store.calm() < OUTAGE_OVER
                current = await self._one(current, leave=left <= 0 or late or unsure or stop.is_set())
        except LostError:
            pass  # someone else has the conversation: theirs is the answer
        except StoreAwayError:
            self._metrics.store_away.labels("worker").inc()  # the lease ends by itself
        except Exception:
            log.exception("a turn could not be stored", conversation=_conversation(item.lane))

    async def _one(self, item: _Claimed, leave: bool) -> _Claimed | None:
        """Answer one message; the conversation's next one, or None when the lane was given back."""
        now = self._clock.now()
        incoming = item.incoming
        outcome: Outcome | None
        if incoming.takeovers >= self._options.takeovers:
            return await self._store.transact(lambda ledger: self._bury(ledger, item, "Crash", now, leave))
        try:
            outcome = await self._decide(item, now)
        except Exception as error:
            name = type(error).__name__
            log.warning("the bot failed on a message", conversation=incoming.conversation.id, error=name)
            self._metrics.failed.labels(incoming.conversation.channel).inc()
            return await self._store.transact(lambda ledger: self._fail(ledger, item, name, now, leave))
        self._reached("dialogue done")

        def work(ledger: Ledger) -> _Claimed | None:
            if not self._settler.settle(ledger, incoming, outcome, now):
                return None
            if outcome.turn.replies and self._is_stale(incoming, now):
                ledger.conversations.set_apologised(incoming.conversation.id, now)
            if incoming.message.kind is Kind.LEFT:
                ledger.outbox.withdraw(incoming.conversation.id)
                ledger.conversations.set_unreachable(incoming.conversation.id, now)
            return self._next(ledger, item, now, leave)

        following = await self._store.transact(work)
        self._reached("transaction committed")
        self._metrics.answered.labels(incoming.conversation.channel).inc()
        self._metrics.turn_seconds.observe(max(0.0, (self._clock.now() - incoming.received).total_seconds()))
        return following

    async def _decide(self, item: _Claimed, now: datetime) -> Outcome:
        """What the bot makes of the message, after the rules on floods, backlogs and muteness."""
        incoming, conversation = item.incoming, item.incoming.conversation
        before = conversation.session.change(case=cases.session_word(incoming.case, conversation.session.case))
        if incoming.flood:
            replies = (self._excuses.on_flood(before),) if incoming.flood == 1 else ()
            return muted(before, incoming.case, Outcome(Turn(before, replies), {"action": "flood"}))
        stale = self._is_stale(incoming, now)
        channel = self._settler.channels[conversation.channel]
        context = Context(
            now=now,
            channel=conversation.channel,
            desk=item.desk,
            backlog=stale,
            can_write_first=channel.can_write_first,
            can_delete=channel.can_delete,
        )
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._options.lease / 2):
            outcome = await loop.run_in_executor(self._executor, self._respond, before, incoming.message, context)
        apologised = conversation.apologised
        sent = incoming.message.sent_at
        if stale and apologised and sent <= apologised and not grave(outcome):
            return kept_quiet(before, outcome)
        if incoming.message.kind is Kind.LEFT:
            return kept_quiet(before, outcome)
        return muted(before, incoming.case, outcome)

    def _is_stale(self, incoming: Incoming, now: datetime) -> bool:
        waited = now - min(incoming.received, incoming.message.sent_at)
        return waited > timedelta(seconds=self._options.stale)

    def _next(self, ledger: Ledger, item: _Claimed, now: datetime, leave: bool) -> _Claimed | None:
        """Within the turn's transaction: the conversation's next message, or the lane given back."""
        conversation = item.incoming.conversation.id
        if not leave:
            heads = ledger.inbox.heads([conversation])
            if heads:
                head = heads[0]
                return _Claimed(item.lane, head, self._desk(ledger, head.conversation, head.case, now))
            waiting = None
        else:
            waiting = ledger.inbox.waiting(conversation)
        if not ledger.lanes.release(item.lane.name, item.lane.owner, now, waiting is not None, waiting or 0):
            raise LostError
        if waiting is not None:
            ledger.wake("inbox")
        return None

    def _fail(self, ledger: Ledger, item: _Claimed, error: str, now: datetime, leave: bool) -> _Claimed | None:
        failures = ledger.inbox.fail(item.incoming.id, error)
        if failures >= self._options.failures:
            return self._bury(ledger, item, error, now, leave)
        again = now + timedelta(seconds=self._options.backoff * 2 ** (failures - 1))
        priority = ledger.inbox.waiting(item.incoming.conversation.id)
        if not ledger.lanes.release(item.lane.name, item.lane.owner, again, priority is not None, priority or 0):
            raise LostError
        ledger.wake("inbox")  # whoever waits must learn when it is due
        return None

    def _bury(self, ledger: Ledger, item: _Claimed, error: str, now: datetime, leave: bool) -> _Claimed | None:
        """The message becomes a dead letter, a person is called, the caller hears that."""
        incoming = item.incoming
        conversation = incoming.conversation
        if not ledger.conversations.lock(conversation.id) or not ledger.inbox.bury(incoming.id, error):
            raise LostError
        self._metrics.dead.labels("in").inc()
        before = conversation.session.change(case=cases.session_word(incoming.case, conversation.session.case))
        urgency = (Urgency.NORMAL, Urgency.URGENT, Urgency.EMERGENCY)[min(2, max(0, incoming.priority))]
        turn = Turn(before, (self._excuses.on_poison(before),), (OpenCase(urgency, "failed"),))
        outcome = muted(before, incoming.case, Outcome(turn, {"action": "failed"}, urgency))
        self._settler.settle(ledger, incoming, outcome, now, buried=True)
        return self._next(ledger, item, now, leave)


def _conversation(lane: Lane) -> str:
    return lane.name.partition(":")[2]
