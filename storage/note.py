"""The note table: facts about a caller worth showing to an operator (safe time, country, check word)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, Index, String, Table, delete, select

from storage.column import Instant, Sealed
from storage.database import insert, metadata

note = Table(
    "note",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("value", Sealed("note.value"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("case_id", String(32), nullable=True),  # agreed with an operator: goes with that case
    Index("ix_note_case_id", "case_id"),
)


def put(connection: Connection, conversation: str, key: str, value: str, at: datetime, case: str | None = None) -> None:
    """Set or replace one fact; an empty value deletes it."""
    if not value:
        connection.execute(delete(note).where(note.c.conversation_id == conversation, note.c.key == key))
        return
    new = insert(connection, note).values(conversation_id=conversation, key=key, value=value, at=at, case_id=case)
    changed = {name: new.excluded[name] for name in ("value", "at", "case_id")}
    upsert = new.on_conflict_do_update(index_elements=["conversation_id", "key"], set_=changed)
    connection.execute(upsert)


def of(connection: Connection, conversation: str) -> dict[str, str]:
    """All facts of one caller."""
    query = select(note.c.key, note.c.value).where(note.c.conversation_id == conversation).order_by(note.c.key)
    return {row.key: row.value for row in connection.execute(query)}
