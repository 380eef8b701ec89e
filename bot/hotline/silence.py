"""The alarm when no message comes for long at a time of day when some usually do: a webhook or a token may be broken."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.hotline.hours import Hours
from bot.hotline.ledger import Ledger
from bot.hotline.metrics import Metrics
from bot.hotline.ports import Clock, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SilenceOptions:
    """When silence is an alarm."""

    after: timedelta = timedelta(hours=1)  # 0: never
    hours: Hours = field(default_factory=lambda: Hours.parse("Mon-Sun 08:00-23:00", "Asia/Almaty"))  # of usual traffic


def alarm(ledger: Ledger, now: datetime, options: SilenceOptions) -> timedelta | None:
    """How long no message has come, when that is an alarm; None when all is as usual, or nobody ever wrote."""
    if not options.after or not (options.hours.is_open(now) and options.hours.is_open(now - options.after)):
        return None
    last = ledger.office.board.last_heard()
    return now - last if last is not None and now - last > options.after else None


class SilenceWatch:
    """The periodic look; whoever holds the lease writes the line into the log."""

    def __init__(self, store: Store, clock: Clock, metrics: Metrics, options: SilenceOptions) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._options = options

    async def look(self) -> timedelta | None:
        """How long it has been silent, when that is an alarm."""
        now = self._clock.now()
        silent = await self._store.read(lambda ledger: alarm(ledger, now, self._options))
        self._metrics.silence.set(silent.total_seconds() if silent else 0)
        return silent

    async def report(self) -> None:
        """Write an error into the log while the alarm stands."""
        if silent := await self.look():
            log.error("no message has come for long; look whether the channels work", minutes=int(silent.total_seconds() // 60))
