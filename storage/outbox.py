"""The outbox: platform messages that wait to be sent, in order within a lane."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    SmallInteger,
    String,
    Table,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    select,
    true,
    tuple_,
    update,
)

from bot.hotline.records import Json, Lane, Outgoing, Status
from storage.column import Id, Instant, Sealed, SealedJson
from storage.database import metadata
from storage.lane import LaneRows, lane
from storage.message import MessageRows
from storage.rows import Rows, padded

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("conversation_id", String(32), nullable=False),  # after "delete my data" a random id of no conversation
    Column("channel", String(16), nullable=False),
    Column("address", Sealed("outbox.address"), nullable=False),
    Column("kind", String(8), nullable=False),  # "send" or "delete"
    Column("payload", SealedJson("outbox.payload"), nullable=False),
    Column("message_id", Id),  # the transcript line; without one nothing may stay behind
    Column("first", Boolean, nullable=False, server_default=true()),  # part of its line
    Column("last", Boolean, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("state", String(8), nullable=False),  # "queued", "sending", "again" (a process died sending it), "dead"
    Column("attempts", Integer, nullable=False),
    Column("error", String(64), nullable=False, default=""),
    Column("created", Instant, nullable=False),
    Index("ix_outbox_conversation_id_id", "conversation_id", "id"),
    Index("ix_outbox_state", "state"),
    sqlite_autoincrement=True,
)

_ALIVE = outbox.c.state != literal_column("'dead'")
_ADD = outbox.insert()
_TAKE = (
    update(outbox)
    .where(
        outbox.c.id.in_(
            select(func.min(outbox.c.id))
            .where(outbox.c.conversation_id.in_(bindparam("lanes", expanding=True)), _ALIVE)
            .group_by(outbox.c.conversation_id)
        )
    )
    .values(
        state=case((outbox.c.state == literal_column("'queued'"), "sending"), else_="again"),
        attempts=outbox.c.attempts + 1,
    )
    .returning(*outbox.c)
)
# The lane's row is locked by the statement that removes the message: one round trip less for every send.
_HELD = (
    select(lane.c.name)
    .where(tuple_(lane.c.name, lane.c.owner).in_(bindparam("held", expanding=True)))
    .order_by(lane.c.name)  # so that two processes never wait for each other
    .with_for_update()
    .cte("held")
)
_FINISH = (
    delete(outbox)
    .where(
        outbox.c.id.in_(bindparam("done", expanding=True)),
        (literal_column("'out:'", String) + outbox.c.conversation_id).in_(select(_HELD.c.name)),
    )
    .returning(outbox.c.id)
)
_MORE = (
    select(outbox.c.conversation_id, func.max(outbox.c.priority))
    .where(outbox.c.conversation_id.in_(bindparam("lanes", expanding=True)), _ALIVE)
    .group_by(outbox.c.conversation_id)
)


class OutboxRows(Rows):
    """Implements `bot.hotline.ledger.OutboxRows`."""

    def add(
        self,
        lane_id: str,
        channel: str,
        address: str,
        payloads: Sequence[Json],
        now: datetime,
        *,
        line: int | None = None,
        kind: str = "send",
        priority: int = 0,
    ) -> None:
        """Queue payloads behind what the lane holds, and wake the sender."""
        if not payloads:
            return
        LaneRows(self.connection, self.wake).touch(f"out:{channel}", [(f"out:{lane_id}", priority)], now)
        rows = [
            {
                "conversation_id": lane_id,
                "channel": channel,
                "address": address,
                "kind": kind,
                "payload": dict(payload),
                "message_id": line,
                "first": number == 1,
                "last": number == len(payloads),
                "priority": priority,
                "state": "queued",
                "attempts": 0,
                "error": "",
                "created": now,
            }
            for number, payload in enumerate(payloads, 1)
        ]
        self.connection.execute(_ADD, rows)  # executed one by one, in one go: ids rise in this order
        self.wake(f"outbox:{channel}")

    def take(self, lanes: Sequence[str]) -> list[Outgoing]:
        """The first row of each lane, marked "sending" so that a crash shows."""
        if not lanes:
            return []
        rows = self.connection.execute(_TAKE, {"lanes": padded(lanes)})
        return [
            Outgoing(
                id=row.id,
                lane=row.conversation_id,
                channel=row.channel,
                address=row.address,
                kind=row.kind,
                payload=row.payload,
                line=row.message_id,
                first=row.first,
                last=row.last,
                attempts=row.attempts,
                created=row.created,
                repeat=row.state == "again",
                state=row.state,
                error=row.error,
            )
            for row in rows
        ]

    def finish(self, done: Sequence[tuple[int, Lane]]) -> set[int]:
        """Remove what was done and lock the lanes' rows; those of which row and our hold on the lane were still there."""
        held = [(lane_.name, lane_.owner) for _, lane_ in done]
        values = {"done": padded([outgoing for outgoing, _ in done]), "held": padded(held)}
        return set(self.connection.execute(_FINISH, values).scalars())

    def retry_later(self, outgoing: int, error: str, counted: bool) -> None:
        """It failed for now: back to "queued"."""
        attempts = outbox.c.attempts if counted else outbox.c.attempts - 1
        change = update(outbox).where(outbox.c.id == outgoing, _ALIVE)
        self.connection.execute(change.values(state="queued", error=error[:64], attempts=attempts))

    def bury(self, outgoing: int, error: str) -> None:
        """It failed for good: a dead letter, or nothing at all when its caller was erased."""
        nameless = delete(outbox).where(outbox.c.id == outgoing, outbox.c.message_id.is_(None))
        if self.connection.execute(nameless).rowcount:
            return
        change = (
            update(outbox)
            .where(outbox.c.id == outgoing)
            .values(state="dead", error=error[:64])
            .returning(outbox.c.message_id)
        )
        line = self.connection.execute(change).scalar()
        if line is not None:
            MessageRows(self.connection, self.wake).advance(line, Status.FAILED)

    def more(self, lanes: Sequence[str]) -> dict[str, int]:
        """The highest priority of what each lane still holds; empty ones are left out."""
        if not lanes:
            return {}
        return {row[0]: row[1] for row in self.connection.execute(_MORE, {"lanes": padded(lanes)})}

    def cancel(self, lane_id: str, error: str) -> int:
        """Bury all that waits in a lane (the caller blocked the bot)."""
        query = select(outbox.c.id).where(outbox.c.conversation_id == lane_id, _ALIVE)
        waiting = list(self.connection.execute(query).scalars())
        for outgoing in waiting:
            self.bury(outgoing, error)
        return len(waiting)

    def withdraw(self, lane_id: str) -> None:
        """Forget what waits in a lane and is not being sent (the caller left in a hurry)."""
        self.connection.execute(delete(outbox).where(outbox.c.conversation_id == lane_id, outbox.c.state == "queued"))
