"""The conversation table: one caller in one channel, found by a keyed hash of the address."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
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
    or_,
    select,
    update,
)

from bot.dialogue.session import Session
from bot.hotline.ledger import FloodLimit
from bot.hotline.records import Conversation
from storage import note
from storage.column import Instant, Sealed
from storage.database import insert, metadata
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


_FRESH = and_(
    conversation.c.window_start > bindparam("window", type_=Instant),
    conversation.c.window_start <= bindparam("arrived", type_=Instant),
)
_ARRIVAL = {
    "last_in": bindparam("arrived", type_=Instant),
    "unreachable": None,
    "window_count": case((_FRESH, conversation.c.window_count + 1), else_=1),
    "window_start": case((_FRESH, conversation.c.window_start), else_=bindparam("arrived", type_=Instant)),
}
_ARRIVE = (
    update(conversation)
    .where(conversation.c.channel == bindparam("channel_"), conversation.c.address_hash == bindparam("hash"))
    .values(_ARRIVAL)
    .returning(conversation.c.id, conversation.c.window_count)
)
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

    def arrive(self, channel: str, address: str, limit: FloodLimit, now: datetime) -> tuple[str, int]:
        """Note that a message came, making the conversation if need be: its id, and the messages in this window."""
        window = {"arrived": now, "window": now - timedelta(seconds=limit.seconds)}
        hashes = self.cipher.lookups(channel, address)
        for known in hashes:  # one, unless keys are being rotated
            row = self.connection.execute(_ARRIVE, {**window, "channel_": channel, "hash": known}).first()
            if row:
                return row[0], row[1]
        new = insert(self.connection, conversation).values(
            id=uuid.uuid4().hex,
            channel=channel,
            address_hash=hashes[0],
            address=address,
            session=Session().dump(),
            language="",
            stay="",
            created=now,
            last_in=now,
            window_start=now,
            window_count=1,
        )
        upsert = new.on_conflict_do_update(  # another process may have been first
            index_elements=["channel", "address_hash"], set_=_ARRIVAL
        ).returning(conversation.c.id, conversation.c.window_count)
        row = self.connection.execute(upsert, window).one()
        return row[0], row[1]

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
