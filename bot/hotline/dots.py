"""Typing dots, shown where an answer takes longer than a moment. A courtesy: it never delays or fails an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import structlog

from bot.dialogue.message import Envelope, Kind
from bot.dialogue.session import Mode
from bot.errors import StoreAwayError
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Channel, Clock, Store
from bot.hotline.records import MUTE

log = structlog.get_logger(__name__)

MOMENT = 1.0  # seconds: an answer within these needs no dots
_AGAIN = 4.5  # seconds: the dots of Telegram go out after 5
_TIMES = 6  # then the wait is no longer a matter of typing
_AT_ONCE = 20  # callers watched for; with more of them the machine and the platform's rates have better to do
_UNANSWERED = frozenset({Kind.LEFT, Kind.REACTION})


class Dots:
    """Watches messages that came in here until they are answered, by this process or another."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[str, Channel],
        clock: Clock,
        *,
        without: Collection[str] = (),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`without`: channels that show dots by themselves."""
        self._store = store
        self._channels = channels
        self._clock = clock
        self._without = frozenset(without)
        self._sleep = sleep
        self._watched: dict[tuple[str, str], asyncio.Task[None]] = {}

    def expect(self, envelopes: Sequence[Envelope]) -> None:
        """These were taken in just now. Returns at once."""
        for envelope in envelopes:
            key = envelope.channel, envelope.sender
            wanted = envelope.channel not in self._without and envelope.message.kind not in _UNANSWERED
            if wanted and key not in self._watched and len(self._watched) < _AT_ONCE:
                task = asyncio.create_task(self._watch(envelope))
                self._watched[key] = task
                task.add_done_callback(lambda _, key=key: self._watched.pop(key, None))  # type: ignore[misc]

    async def close(self) -> None:
        """Watch no more."""
        tasks = list(self._watched.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, envelope: Envelope) -> None:
        channel = self._channels.get(envelope.channel)
        await self._sleep(MOMENT)
        for _ in range(_TIMES):
            try:
                if channel is None or not await self._store.read(lambda ledger: self._is_awaited(ledger, envelope)):
                    return
                await channel.typing(envelope.sender, envelope.message.reference)
            except StoreAwayError:
                return
            except Exception as error:
                log.debug("no typing dots", error=type(error).__name__)
                return
            await self._sleep(_AGAIN)

    def _is_awaited(self, ledger: Ledger, envelope: Envelope) -> bool:
        """Whether the bot will say something: not after a quick exit, and not while a person has the conversation."""
        known = ledger.conversations.find(envelope.channel, envelope.sender)
        if known is None or known.session.mode is Mode.EXITED or known.unreachable:
            return False
        paused = ledger.pace.paused_until(envelope.channel)
        if paused and paused > self._clock.now():  # the platform asked to be left alone
            return False
        case = ledger.cases.open_of(known.id)
        if case and case.state in MUTE:
            return False
        return ledger.inbox.waiting(known.id) is not None or bool(ledger.outbox.more([known.id]))
