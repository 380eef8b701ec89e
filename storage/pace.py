"""The pace table: one budget of sends a second for each channel, shared by all processes.

A token bucket in the database: a process that is about to send locks the channel's row for the length of its claim.
It refills at nine tenths of the platform's rate and holds one tenth, so that no second sees more than the rate.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Column, Float, String, Table, select, update

from storage.column import Instant
from storage.database import insert, metadata
from storage.rows import Rows

pace = Table(
    "pace",
    metadata,
    Column("channel", String(16), primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("refilled", Instant, nullable=False),
    Column("paused_until", Instant),
)

_LONGEST_PAUSE = timedelta(hours=2)  # a pause further ahead was set by a clock that has since been set back


class PaceRows(Rows):
    """Implements `bot.hotline.ledger.Pace`."""

    def budget(self, channel: str, overall: float, now: datetime, wanted: int) -> int:
        """How many sends are free now, at most `wanted`; locks the channel's row. 0 while paused."""
        if overall <= 0:
            until = self.paused_until(channel)
            return 0 if until and now < until < now + _LONGEST_PAUSE else wanted
        query = select(pace).where(pace.c.channel == channel).with_for_update()
        row = self.connection.execute(query).first()
        burst = max(1.0, overall / 10)
        if row is None:
            first = insert(self.connection, pace).values(channel=channel, tokens=burst, refilled=now)
            self.connection.execute(first.on_conflict_do_nothing())
            row = self.connection.execute(query).one()
        if row.paused_until and now < row.paused_until < now + _LONGEST_PAUSE:
            return 0
        passed = max(0.0, (now - row.refilled).total_seconds())
        tokens = min(burst, row.tokens + passed * overall * 0.9)
        free = min(wanted, int(tokens))
        if free:  # else leave the row: rounding a little at a time would lose the rest
            change = update(pace).where(pace.c.channel == channel)
            self.connection.execute(change.values(tokens=tokens, refilled=now))
        return free

    def spend(self, channel: str, count: int) -> None:
        """So many of the budget were used."""
        change = update(pace).where(pace.c.channel == channel)
        self.connection.execute(change.values(tokens=pace.c.tokens - count))

    def pause(self, channel: str, until: datetime) -> None:
        """The platform said 429: nobody sends until then."""
        new = insert(self.connection, pace).values(channel=channel, tokens=0.0, refilled=until, paused_until=until)
        upsert = new.on_conflict_do_update(
            index_elements=["channel"], set_={"tokens": 0.0, "refilled": until, "paused_until": until}
        )
        self.connection.execute(upsert)

    def paused_until(self, channel: str) -> datetime | None:
        """The end of the last pause, past or to come."""
        query = select(pace.c.paused_until).where(pace.c.channel == channel)
        result: datetime | None = self.connection.execute(query).scalar()
        return result
