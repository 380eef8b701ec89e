"""The note table: facts about a caller worth showing to an operator (safe time, country, check word)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, String, Table, select

from storage.column import Instant, Sealed
from storage.database import insert, metadata

note = Table(
    "note",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("value", Sealed("note.value"), nullable=False),
    Column("at", Instant, nullable=False),
)


def put(connection: Connection, conversation: str, key: str, value: str, at: datetime) -> None:
    """Set or replace one fact."""
    new = insert(connection, note).values(conversation_id=conversation, key=key, value=value, at=at)
    upsert = new.on_conflict_do_update(
        index_elements=["conversation_id", "key"], set_={"value": new.excluded.value, "at": new.excluded.at}
    )
    connection.execute(upsert)


def of(connection: Connection, conversation: str) -> dict[str, str]:
    """All facts of one caller."""
    query = select(note.c.key, note.c.value).where(note.c.conversation_id == conversation).order_by(note.c.key)
    return {row.key: row.value for row in connection.execute(query)}
