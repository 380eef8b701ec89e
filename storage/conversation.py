"""The conversation table: one caller in one channel, found by a keyed hash of the address."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    Executable,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from bot.dialogue.session import Session
from bot.hotline.ledger import FloodLimit
from bot.hotline.records import Conversation
from storage import note
from storage.column import Instant, Sealed
from storage.database import insert_in, metadata
from storage.rows import Rows

conversation = Table(
    "conversation",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("address_hash", LargeBinary, nullable=False),
    Column("address", Sealed("conversation.address"), nullable=False),
    Column("session", Sealed("conversation.session"), nullable=False),
    Column("language", String(8), nullable=False, default=""),
    Column("stay", String(8), nullable=False, default=""),
    Column("created", Instant, nullable=False),
    Column("last_in", Instant, nullable=False),
    Column("last_out", Instant),
    Column("cleared", Instant),
    Column("apologised", Instant),
    Column("unreachable", Instant),
    Column("window_start", Instant, nullable=False),  # of the caller's flood limit
    Column("window_count", Integer, nullable=False, default=0),
    UniqueConstraint("channel", "address_hash"),
    Index("ix_conversation_last_in", "last_in"),
)

# The order of `record`'s arguments; other modules select these to join a conversation to their own rows.
COLUMNS = (
    conversation.c.id,
    conversation.c.channel,
    conversation.c.address,
    conversation.c.session,
    conversation.c.language,
    conversation.c.stay,
    conversation.c.created,
    conversation.c.last_in,
    conversation.c.last_out,
    conversation.c.cleared,
    conversation.c.apologised,
    conversation.c.unreachable,
)


def record(values: Sequence[Any]) -> Conversation:
    """A Conversation from the values of COLUMNS."""
    return Conversation(values[0], values[1], values[2], Session.load(values[3]), *values[4:])


@cache
def _arrive(dialect: str, window: int) -> Executable:
    """Note that messages came, `window_count` of them, making conversations if need be; `window` in microseconds."""
    new = insert_in(dialect, conversation)
    came = new.excluded
    # No bound values in SET: with them SQLAlchemy would send row by row.
    begun = conversation.c.window_start > came.last_in - literal_column(str(window), Integer)
    fresh = and_(begun, conversation.c.window_start <= came.last_in)
    return new.on_conflict_do_update(
        index_elements=["channel", "address_hash"],
        set_={
            "last_in": came.last_in,
            "unreachable": None,
            "window_count": case((fresh, conversation.c.window_count + came.window_count), else_=came.window_count),
            "window_start": case((fresh, conversation.c.window_start), else_=came.last_in),
        },
    ).returning(conversation.c.id, conversation.c.channel, conversation.c.address_hash, conversation.c.window_count)


_SAVE = (
    update(conversation)
    .where(conversation.c.id == bindparam("id_"))
    .values(
        session=bindparam("session_"),
        language=bindparam("language_"),
        stay=bindparam("stay_"),
        last_out=func.coalesce(bindparam("last_out_", type_=Instant), conversation.c.last_out),
    )
)


class ConversationRows(Rows):
    """Implements `bot.hotline.ledger.Conversations`."""

    def get(self, conversation_id: str) -> Conversation | None:
        """By its id."""
        return self._one(self.connection.execute(select(*COLUMNS).where(conversation.c.id == conversation_id)).first())

    def find(self, channel: str, address: str) -> Conversation | None:
        """By the platform's address, whichever key its hash is under."""
        hashes = self.cipher.lookups(channel, address)
        query = select(*COLUMNS).where(conversation.c.channel == channel, conversation.c.address_hash.in_(hashes))
        return self._one(self.connection.execute(query).first())

    def arrive(
        self, senders: Sequence[tuple[str, str]], limit: FloodLimit, now: datetime
    ) -> dict[tuple[str, str], tuple[str, int]]:
        """Note that a message came from each (channel, address), making conversations if need be.

        For each sender the conversation's id, and the messages within the limit's time, these among them.
        """
        hashes = {sender: self.cipher.lookups(*sender) for sender in senders}
        self._rehash([(sender, known) for sender, known in hashes.items() if len(known) > 1])
        empty = Session().dump()
        rows = [
            {
                "id": uuid.uuid4().hex,
                "channel": sender[0],
                "address_hash": hashes[sender][0],
                "address": sender[1],
                "session": empty,
                "language": "",
                "stay": "",
                "created": now,
                "last_in": now,
                "window_start": now,
                "window_count": count,
            }
            # In one order in every process, so that two batches never wait for each other.
            for sender, count in sorted(Counter(senders).items(), key=lambda item: hashes[item[0]][0])
        ]
        statement = _arrive(self.connection.dialect.name, round(limit.seconds * 1_000_000))
        found = {(row[1], bytes(row[2])): (row[0], row[3]) for row in self.connection.execute(statement, rows)}
        return {sender: found[sender[0], known[0]] for sender, known in hashes.items()}

    def _rehash(self, rotated: Sequence[tuple[tuple[str, str], Sequence[bytes]]]) -> None:
        """While keys are being rotated: bring a caller who is known under an older key under the current one."""
        current = conversation.alias()
        for (channel, _), known in rotated:
            here = exists().where(current.c.channel == channel, current.c.address_hash == known[0])
            older = conversation.c.address_hash.in_(known[1:])
            change = update(conversation).where(conversation.c.channel == channel, older, ~here)
            self.connection.execute(change.values(address_hash=known[0]))

    def save(self, conversation_id: str, session: Session, language: str, stay: str, last_out: datetime | None) -> bool:
        """Store the session (and lock the row); False when the conversation was erased."""
        values = {
            "id_": conversation_id,
            "session_": session.dump(),
            "language_": language,
            "stay_": stay,
            "last_out_": last_out,
        }
        return self.connection.execute(_SAVE, values).rowcount == 1

    def lock(self, conversation_id: str) -> bool:
        """Keep others from changing it until commit; False when it was erased."""
        query = select(conversation.c.id).where(conversation.c.id == conversation_id).with_for_update()
        return self.connection.execute(query).first() is not None

    def set_cleared(self, conversation_id: str, at: datetime) -> None:
        """After quick exit."""
        self._set(conversation_id, cleared=at)

    def set_apologised(self, conversation_id: str, at: datetime) -> None:
        """After the backlog's apology."""
        self._set(conversation_id, apologised=at)

    def set_unreachable(self, conversation_id: str, at: datetime | None) -> None:
        """The caller blocked the bot."""
        self._set(conversation_id, unreachable=at)

    def idle(self, before: datetime, limit: int) -> list[str]:
        """Conversations silent since `before` that no case, inbox or outbox row needs any more and that want no news."""
        needed = [
            exists().where(metadata.tables[name].c.conversation_id == conversation.c.id)
            for name in ("case", "inbox", "outbox", "subscription")
        ]
        last_out = or_(conversation.c.last_out.is_(None), conversation.c.last_out < before)
        query = (
            select(conversation.c.id)
            .where(conversation.c.last_in < before, last_out, ~or_(*needed))
            .order_by(conversation.c.last_in)
            .limit(limit)
        )
        return list(self.connection.execute(query).scalars())

    def put_note(
        self, conversation_id: str, key: str, value: str, at: datetime, case: str | None = None
    ) -> None:
        """Set or replace a fact about the caller."""
        note.put(self.connection, conversation_id, key, value, at, case)

    def notes(self, conversation_id: str) -> dict[str, str]:
        """All facts noted about the caller."""
        return note.of(self.connection, conversation_id)

    def _set(self, conversation_id: str, **values: datetime | None) -> None:
        self.connection.execute(update(conversation).where(conversation.c.id == conversation_id).values(**values))

    @staticmethod
    def _one(row: Sequence[Any] | None) -> Conversation | None:
        return None if row is None else record(row)
