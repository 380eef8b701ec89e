"""The inbox: messages that wait for their turn, and `seen`, which knows for 48 h what came before.

The two are apart because deleting the inbox row is the exactly-once token of the answer, while a duplicate may come
long after the answer was given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from sqlalchemy import (
    Column,
    Executable,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    select,
    update,
)

from bot.dialogue.message import Envelope
from bot.hotline.codec import message_from_json, message_to_json
from bot.hotline.ledger import FloodLimit
from bot.hotline.records import Arrival, Incoming
from storage import case as cases
from storage import conversation as conversations
from storage.column import Id, Instant, SealedJson
from storage.conversation import ConversationRows
from storage.database import insert_in, metadata
from storage.lane import LaneRows
from storage.rows import Rows, padded

seen = Table(
    "seen",
    metadata,
    Column("hash", LargeBinary, primary_key=True),  # keyed, of channel and external id
    Column("at", Instant, nullable=False),
    Index("ix_seen_at", "at"),
)

inbox = Table(
    "inbox",
    metadata,
    # AUTOINCREMENT: SQLite would otherwise give a deleted row's id out again, and the id is the exactly-once token.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("conversation_id", String(32), nullable=False),
    Column("payload", SealedJson("inbox.payload"), nullable=False),
    Column("received", Instant, nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("flood", SmallInteger, nullable=False),
    Column("failures", Integer, nullable=False, default=0),
    Column("state", String(8), nullable=False),  # "queued" or "dead"
    Column("error", String(64), nullable=False, default=""),
    Index("ix_inbox_conversation_id_state", "conversation_id", "state", "id"),
    Index("ix_inbox_state_received", "state", "received"),
    sqlite_autoincrement=True,
)

_QUEUED = inbox.c.state == literal_column("'queued'")
_ADD = inbox.insert()
# Doors whose clocks differ: what comes now has its turn after all that waits, whatever time they read.
_CAME = bindparam("came", type_=Instant)
_WAITS = inbox.alias()
_LATEST = (
    select(func.max(_WAITS.c.received))
    .where(_WAITS.c.conversation_id == bindparam("conversation_id"), _WAITS.c.state == literal_column("'queued'"))
    .scalar_subquery()
)
_ADD_LAST = inbox.insert().values(
    {column.name: bindparam(column.name, type_=column.type) for column in inbox.c if column.name not in ("id", "received")}
    | {"received": case((_LATEST > _CAME, _LATEST), else_=_CAME)}
)
_PLACE = func.row_number().over(partition_by=inbox.c.conversation_id, order_by=(inbox.c.received, inbox.c.id))
_RANKED = (
    select(inbox.c.id, _PLACE.label("place"))
    .where(inbox.c.conversation_id.in_(bindparam("conversations", expanding=True)), _QUEUED)
    .subquery()
)
_FIRST = select(_RANKED.c.id).where(_RANKED.c.place == 1)
_OPEN_CASE = and_(cases.case_table.c.conversation_id == inbox.c.conversation_id, cases.OPEN)
_HEADS = (
    select(
        inbox.c.id,
        inbox.c.payload,
        inbox.c.received,
        inbox.c.priority,
        inbox.c.flood,
        inbox.c.failures,
        *conversations.COLUMNS,
        *cases.COLUMNS,
    )
    .join(conversations.conversation, conversations.conversation.c.id == inbox.c.conversation_id)
    .outerjoin(cases.case_table, _OPEN_CASE)
    .where(inbox.c.id.in_(_FIRST))
)
_WAITING = select(func.max(inbox.c.priority)).where(inbox.c.conversation_id == bindparam("conversation"), _QUEUED)
_FINISH = delete(inbox).where(inbox.c.id == bindparam("incoming"), _QUEUED)


@cache
def _see(dialect: str) -> Executable:
    return insert_in(dialect, seen).on_conflict_do_nothing().returning(seen.c.hash)


class InboxRows(Rows):
    """Implements `bot.hotline.ledger.InboxRows`."""

    def add(self, envelope: Envelope, priority: int, limit: FloodLimit, now: datetime) -> bool:
        """Take one message in, as `add_all` does."""
        return self.add_all([Arrival(envelope, priority, now)], limit, now)[0]

    def add_all(
        self, arrivals: Sequence[Arrival], limit: FloodLimit, now: datetime, *, late: bool = False
    ) -> list[bool]:
        """Take messages in; for each, False when its (channel, external id) was seen within 48 h.

        `late`: they waited on disk and have their turn before what came after them.
        """
        fresh = self._first_times([arrival.envelope for arrival in arrivals], now)
        new = [arrival for arrival, first in zip(arrivals, fresh, strict=True) if first]
        if not new:
            return fresh
        senders = [(arrival.envelope.channel, arrival.envelope.sender) for arrival in new]
        arrived = ConversationRows(self.connection, self.wake).arrive(senders, limit, now)
        first_of_many = Counter({sender: arrived[sender][1] for sender in arrived})
        first_of_many.subtract(senders)
        rows = []
        for arrival, sender in zip(new, senders, strict=True):
            first_of_many[sender] += 1  # the caller's messages within the limit's time, up to this one
            beyond = 0 if arrival.priority else min(2, max(0, first_of_many[sender] - limit.messages))
            row = {
                "conversation_id": arrived[sender][0],
                "payload": message_to_json(arrival.envelope.message),
                "received" if late else "came": arrival.received,
                "priority": arrival.priority,
                "flood": beyond,
                "failures": 0,
                "state": "queued",
                "error": "",
            }
            rows.append(row)
        lanes = sorted((f"in:{row['conversation_id']}", arrival.priority) for row, arrival in zip(rows, new, strict=True))
        LaneRows(self.connection, self.wake).touch("in", lanes, now)
        self.connection.execute(_ADD if late else _ADD_LAST, rows)  # executed one by one, in one go: ids rise in this order
        self.wake("inbox")
        return fresh

    def _first_times(self, envelopes: Sequence[Envelope], now: datetime) -> list[bool]:
        hashes = [self.cipher.lookups("seen", envelope.channel, envelope.external_id) for envelope in envelopes]
        known: set[bytes] = set()
        if len(hashes[0]) > 1:  # keys are being rotated: it may be known under an older one
            older = [other for one in hashes for other in one[1:]]
            found = set(self.connection.execute(select(seen.c.hash).where(seen.c.hash.in_(older))).scalars())
            known = {one[0] for one in hashes if found.intersection(one[1:])}
        # In one order in every process, so that two batches never wait for each other.
        rows = [{"hash": new, "at": now} for new in sorted({one[0] for one in hashes} - known)]
        see = _see(self.connection.dialect.name)
        fresh = set(self.connection.execute(see, rows).scalars()) if rows else set()
        firsts = []
        for one in hashes:
            firsts.append(one[0] in fresh)
            fresh.discard(one[0])  # a second one in the same batch is a duplicate
        return firsts

    def heads(self, conversation_ids: Sequence[str]) -> list[Incoming]:
        """The first waiting message of each conversation, with its open case."""
        if not conversation_ids:
            return []
        middle = 6 + len(conversations.COLUMNS)
        return [
            Incoming(
                id=row[0],
                conversation=conversations.record(row[6:middle]),
                message=message_from_json(row[1]),
                received=row[2],
                priority=row[3],
                flood=row[4],
                failures=row[5],
                case=cases.record(row[middle:]) if row[middle] is not None else None,
            )
            for row in self.connection.execute(_HEADS, {"conversations": padded(conversation_ids)})
        ]

    def waiting(self, conversation: str) -> int | None:
        """The highest priority of what waits in the conversation; None when nothing does."""
        result: int | None = self.connection.execute(_WAITING, {"conversation": conversation}).scalar()
        return result

    def finish(self, incoming: int) -> bool:
        """Delete the row: the exactly-once token. False when someone else did."""
        return self.connection.execute(_FINISH, {"incoming": incoming}).rowcount == 1

    def fail(self, incoming: int, error: str) -> int:
        """Count a failure of the responder; how many there are now."""
        change = (
            update(inbox)
            .where(inbox.c.id == incoming)
            .values(failures=inbox.c.failures + 1, error=error[:64])
            .returning(inbox.c.failures)
        )
        return self.connection.execute(change).scalar() or 0

    def bury(self, incoming: int, error: str) -> bool:
        """Make it a dead letter; False when it is no longer waiting."""
        change = (
            update(inbox)
            .where(inbox.c.id == incoming, inbox.c.state == "queued")
            .values(state="dead", error=error[:64])
        )
        return self.connection.execute(change).rowcount == 1

    def forget_seen(self, before: datetime, limit: int) -> int:
        """Forget what came before, so that `seen` stays small."""
        return self.delete_some(seen, seen.c.at < before, limit)
