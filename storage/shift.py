"""The tables of who is on duty now, and of shifts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, String, Table, or_, select, update

from bot.hotline.team import Duty, Presence, Shift
from storage.column import Id, Instant
from storage.database import insert, metadata
from storage.rows import Rows

presence = Table(
    "presence",
    metadata,
    Column("staff_id", String(32), primary_key=True),
    Column("duty", String(8), nullable=False),
    Column("since", Instant, nullable=False),
    Column("seen", Instant, nullable=False),
    Column("until", Instant),
)

shift = Table(
    "shift",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("staff_id", String(32), nullable=False),
    Column("started", Instant, nullable=False),
    Column("ended", Instant),
    Index("ix_shift_started", "started"),
)


class PresenceRows(Rows):
    """Implements `bot.hotline.office.Presences`."""

    def get(self, staff_id: str) -> Presence | None:
        """One person's state."""
        return _presence(self.connection.execute(select(presence).where(presence.c.staff_id == staff_id)).first())

    def all(self) -> list[Presence]:
        """Everybody's."""
        rows = self.connection.execute(select(presence).order_by(presence.c.staff_id))
        return [found for row in rows if (found := _presence(row))]

    def set(self, staff_id: str, duty: Duty, now: datetime, until: datetime | None = None) -> None:
        """Begin or end a shift or a break; wakes "desk"."""
        before = self.get(staff_id)
        new = insert(self.connection, presence).values(
            staff_id=staff_id, duty=duty.value, since=now, seen=now, until=until
        )
        changed = {"duty": duty.value, "since": now, "seen": now, "until": until}
        self.connection.execute(new.on_conflict_do_update(index_elements=["staff_id"], set_=changed))
        working = before is not None and before.duty is not Duty.OFF
        if duty is Duty.OFF and working:
            open_shift = (shift.c.staff_id == staff_id) & shift.c.ended.is_(None)
            self.connection.execute(update(shift).where(open_shift).values(ended=now))
        elif duty is not Duty.OFF and not working:
            self.connection.execute(shift.insert().values(staff_id=staff_id, started=now))
        self.wake("desk")

    def beat(self, staff_id: str, now: datetime) -> None:
        """An open console of this person was heard of."""
        self.connection.execute(update(presence).where(presence.c.staff_id == staff_id).values(seen=now))

    def shifts(self, since: datetime) -> list[Shift]:
        """Shifts not ended before `since`, the latest first."""
        query = select(shift).where(or_(shift.c.ended.is_(None), shift.c.ended >= since)).order_by(shift.c.id.desc())
        return [Shift(row.staff_id, row.started, row.ended) for row in self.connection.execute(query.limit(200))]


def _presence(row: Any) -> Presence | None:
    return Presence(row.staff_id, Duty(row.duty), row.since, row.seen, row.until) if row else None
