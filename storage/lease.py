"""The lease table: periodic jobs, each run by one process at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Column, String, Table, or_, update

from storage.column import Instant
from storage.database import insert, metadata
from storage.rows import Rows

lease_table = Table(
    "lease",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("owner", String(64), nullable=False, default=""),
    Column("until", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
)

# A time further ahead than it can be, by more than clocks differ, was written by a clock that has since been set back.
_SKEW = timedelta(minutes=1)


class LeaseRows(Rows):
    """Implements `bot.hotline.ledger.Leases`."""

    def take(self, name: str, owner: str, now: datetime, every: float, lease: float) -> bool:
        """True when the job is due and nobody has it: it is ours for `lease` seconds, due again after `every`."""
        new = insert(self.connection, lease_table).values(name=name, owner="", until=now, next_at=now)
        self.connection.execute(new.on_conflict_do_nothing())
        due = or_(lease_table.c.next_at <= now, lease_table.c.next_at > now + timedelta(seconds=every) + _SKEW)
        free = or_(
            lease_table.c.owner == "",
            lease_table.c.until <= now,
            lease_table.c.until > now + timedelta(seconds=lease) + _SKEW,
        )
        take = (
            update(lease_table)
            .where(lease_table.c.name == name, due, free)
            .values(owner=owner, until=now + timedelta(seconds=lease), next_at=now + timedelta(seconds=every))
        )
        return self.connection.execute(take).rowcount == 1

    def done(self, name: str, owner: str) -> None:
        """The job has ended."""
        change = update(lease_table).where(lease_table.c.name == name, lease_table.c.owner == owner)
        self.connection.execute(change.values(owner=""))
