"""The lane table: who works on which conversation, one lane in and one out for each.

A lane is *ready* while it holds work. It is taken for the length of a lease by marking it with an owner; a worker that
dies loses it when the lease ends. `next_at` both orders the lanes (who waits longest goes first: round-robin) and keeps
a lane from being taken too early (a platform's gap between two messages, the backoff after a failure).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    update,
)

from bot.hotline.records import Lane
from storage.column import Instant
from storage.database import insert_in, metadata, partial_index
from storage.rows import Rows

# A time further ahead than any lease or backoff was written by a clock that has since been set back: it counts as past.
FAR = timedelta(hours=2)

lane = Table(
    "lane",
    metadata,
    Column("name", String(40), primary_key=True),  # "in:<conversation>" or "out:<conversation>"
    Column("queue", String(24), nullable=False),  # "in" or "out:<channel>"
    Column("ready", SmallInteger, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("priority", SmallInteger, nullable=False, default=0),
    Column("owner", String(64), nullable=False, default=""),
    Column("until", Instant),
    Column("takeovers", Integer, nullable=False, default=0),
    Index("ix_lane_owner", "owner"),
)

# Written as a literal, since neither database uses a partial index for a bound parameter.
_READY = lane.c.ready == literal_column("1")
_IDLE = lane.c.ready == literal_column("0")
partial_index("ix_lane_ready", lane.c.queue, lane.c.priority.desc(), lane.c.next_at, where=_READY)
partial_index("ix_lane_idle", lane.c.next_at, where=_IDLE)


def _past(column: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(column <= _NOW, column > _FAR_AHEAD)


_NOW = bindparam("now_", type_=Instant)
_FAR_AHEAD = bindparam("far", type_=Instant)
_FREE = or_(lane.c.owner == literal_column("''"), lane.c.until.is_(None), _past(lane.c.until))
_DUE = (
    select(lane.c.name)
    .where(lane.c.queue == bindparam("queue_"), _READY, _past(lane.c.next_at), _FREE)
    .order_by(lane.c.priority.desc(), lane.c.next_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(lane)
    # A CTE with FOR UPDATE runs once; as a plain subquery PostgreSQL might run it again and lock more than the limit.
    .where(lane.c.name.in_(select(_DUE.cte("due").c.name)))
    .values(
        owner=bindparam("owner_"),
        until=bindparam("until_"),
        takeovers=case((lane.c.owner != literal_column("''"), lane.c.takeovers + 1), else_=lane.c.takeovers),
    )
    .returning(lane.c.name, lane.c.takeovers, lane.c.priority, lane.c.next_at)
)
_OURS = and_(lane.c.name == bindparam("name_"), lane.c.owner == bindparam("owner_"))
_HOLD = select(lane.c.name).where(_OURS).with_for_update()
_RELEASE = (
    update(lane)
    .where(_OURS)
    .values(
        owner="",
        until=None,
        takeovers=0,
        ready=bindparam("more"),
        next_at=bindparam("at"),
        priority=bindparam("priority_"),
    )
)
_NEXT_DUE = select(func.min(lane.c.next_at)).where(lane.c.queue == bindparam("queue_"), _READY, _FREE)


@cache
def _touch(dialect: str) -> Executable:
    waits = or_(lane.c.ready == literal_column("1"), and_(lane.c.next_at > _NOW, lane.c.next_at < _FAR_AHEAD))
    new = insert_in(dialect, lane)
    new = new.values({column.name: bindparam(column.name) for column in lane.c if column is not lane.c.until})
    priority = new.excluded.priority
    return new.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "ready": 1,
            "next_at": case((waits, lane.c.next_at), else_=_NOW),
            "priority": case((and_(_READY, lane.c.priority > priority), lane.c.priority), else_=priority),
        },
    )


class LaneRows(Rows):
    """Implements `bot.hotline.ledger.Lanes`."""

    def touch(self, queue: str, lanes: Sequence[tuple[str, int]], now: datetime) -> None:
        """There is work in these lanes, with these priorities. Locks their rows until commit, so that order of ids is order of commits."""
        always = {"queue": queue, "next_at": now, "ready": 1, "owner": "", "takeovers": 0, "now_": now, "far": now + FAR}
        values = [{**always, "name": name, "priority": rank} for name, rank in lanes]
        self.connection.execute(_touch(self.connection.dialect.name), values)

    def claim(self, queue: str, owner: str, now: datetime, lease: float, limit: int) -> list[Lane]:
        """Take up to `limit` due lanes for `lease` seconds: highest priority first, then longest due."""
        until = now + timedelta(seconds=lease)
        values = {"queue_": queue, "most": limit, "now_": now, "far": now + FAR, "owner_": owner, "until_": until}
        taken = list(self.connection.execute(_CLAIM, values))
        taken.sort(key=lambda row: (-row.priority, row.next_at))  # RETURNING has no order of its own
        return [Lane(row.name, owner, until, row.takeovers) for row in taken]

    def hold(self, name: str, owner: str) -> bool:
        """Lock the lane's row; False when it is no longer ours."""
        return self.connection.execute(_HOLD, {"name_": name, "owner_": owner}).first() is not None

    def release(self, name: str, owner: str, next_at: datetime, more: bool, priority: int) -> bool:
        """Give it back, due at `next_at` when `more` waits; False when it was no longer ours."""
        values = {"name_": name, "owner_": owner, "at": next_at, "more": int(more), "priority_": priority}
        return self.connection.execute(_RELEASE, values).rowcount == 1

    def release_all(self, lanes: Sequence[tuple[Lane, datetime, int | None]]) -> None:
        """Give back lanes that are surely ours: when each is due, and the priority of what waits (None: nothing)."""
        values = [
            {"name_": lane.name, "owner_": lane.owner, "at": at, "more": int(more is not None), "priority_": more or 0}
            for lane, at, more in lanes
        ]
        if values:
            self.connection.execute(_RELEASE, values)

    def put_back(self, name: str, owner: str) -> None:
        """Give it back as it was before the claim."""
        change = update(lane).where(lane.c.name == name, lane.c.owner == owner)
        self.connection.execute(change.values(owner="", until=None))

    def next_due(self, queue: str, now: datetime) -> datetime | None:
        """When the next lane that nobody holds falls due."""
        values = {"queue_": queue, "now_": now, "far": now + FAR}
        result: datetime | None = self.connection.execute(_NEXT_DUE, values).scalar()
        return result

    def free(self, owner_prefix: str) -> int:
        """Give back what owners with this prefix hold; how many lanes. They count as taken over."""
        change = (
            update(lane)
            .where(lane.c.owner != "", lane.c.owner.startswith(owner_prefix, autoescape=True))
            .values(owner="", until=None, takeovers=lane.c.takeovers + 1)
        )
        return self.connection.execute(change).rowcount

    def forget_idle(self, before: datetime, limit: int) -> int:
        """Delete lanes without work that were last used before."""
        return self.delete_some(lane, and_(_IDLE, lane.c.owner == "", lane.c.next_at < before), limit)
