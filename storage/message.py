"""The message table: the transcript, encrypted, with the platform's ids for as long as they can be used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    Executable,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    and_,
    bindparam,
    case,
    exists,
    or_,
    select,
    update,
)

from bot.hotline.records import Direction, Json, Line, Outgoing, Status
from storage.case import OPEN, case_table
from storage.column import Id, Instant, Sealed, SealedJson
from storage.database import insert_in, metadata, partial_index
from storage.rows import Rows, padded

message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("conversation_id", String(32), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("text", Sealed("message.text"), nullable=False),
    Column("detail", SealedJson("message.detail")),
    Column("understood", SealedJson("message.understood")),
    Column("refs", SealedJson("message.refs")),
    Column("ref_hash", LargeBinary),  # keyed, of the last part's id: finds the line when a status comes
    Column("status", SmallInteger, nullable=False),
    Column("created", Instant, nullable=False),
    Column("author", String(64), nullable=False, default=""),
    Column("client_id", String(64)),
    Index("ix_message_conversation_id_id", "conversation_id", "id"),
    Index("ix_message_created", "created"),
    sqlite_autoincrement=True,
)
partial_index("ix_message_ref_hash", message.c.ref_hash, where=message.c.ref_hash.is_not(None))
partial_index("uq_message_client_id", message.c.client_id, where=message.c.client_id.is_not(None), unique=True)

_LOCATIONS = 20  # latest ones of a talk, among which the one that moves is looked for

REFERENCE = "reference"  # parts these hashes from those of addresses

_ADD = message.insert().returning(message.c.id)
_REFERENCES = (
    select(message.c.id, message.c.refs)
    .where(message.c.id.in_(bindparam("lines", expanding=True)))
    .order_by(message.c.id)
    .with_for_update()
)
_SENT = (
    update(message)
    .where(message.c.id == bindparam("line"))
    .values(
        refs=bindparam("refs_"),
        ref_hash=bindparam("hash"),
        status=case(
            (message.c.status < bindparam("status_", type_=SmallInteger), bindparam("status_", type_=SmallInteger)),
            else_=message.c.status,
        ),
    )
)


@cache
def _add_once(dialect: str) -> Executable:
    new = insert_in(dialect, message).on_conflict_do_nothing(
        index_elements=["client_id"], index_where=message.c.client_id.is_not(None)
    )
    return new.returning(message.c.id)


class MessageRows(Rows):
    """Implements `bot.hotline.ledger.Lines`."""

    def add(
        self,
        conversation: str,
        direction: Direction,
        now: datetime,
        *,
        text: str = "",
        kind: str = "text",
        detail: Json | None = None,
        understood: Json | None = None,
        references: Sequence[str] = (),
        status: Status = Status.QUEUED,
        author: str = "",
        client_id: str = "",
    ) -> int | None:
        """Add a line and wake its conversation; its id, or None when `client_id` was used before."""
        values = {
            "conversation_id": conversation,
            "direction": direction.value,
            "kind": kind,
            "text": text,
            "detail": dict(detail) if detail else None,
            "understood": dict(understood) if understood else None,
            "refs": list(references) or None,
            "status": status.value,
            "created": now,
            "author": author,
            "client_id": client_id or None,
        }
        new = _add_once(self.connection.dialect.name) if client_id else _ADD
        added: int | None = self.connection.execute(new, values).scalar()
        if added is not None:
            self.wake(f"conversation:{conversation}")
        return added

    def of(self, conversation: str, after: int = 0, limit: int = 200, since: datetime | None = None) -> list[Line]:
        """Lines with an id over `after` and not older than `since`, oldest first."""
        query = select(message).where(message.c.conversation_id == conversation, message.c.id > after)
        if since:
            query = query.where(message.c.created >= since)
        return [_line(row) for row in self.connection.execute(query.order_by(message.c.id).limit(limit))]

    def get(self, conversation: str, line: int, since: datetime | None = None) -> Line | None:
        """One line of the conversation, not older than `since`."""
        found = self.of(conversation, line - 1, 1, since)
        return found[0] if found and found[0].id == line else None

    def tail(self, conversation: str, limit: int = 50) -> list[Line]:
        """The latest lines, oldest first."""
        query = select(message).where(message.c.conversation_id == conversation)
        rows = self.connection.execute(query.order_by(message.c.id.desc()).limit(limit)).all()
        return [_line(row) for row in reversed(rows)]

    def last_question(self, conversation: str) -> str:
        """The caller's last line that has a text, "" when there is none."""
        query = (
            select(message.c.text)
            .where(
                message.c.conversation_id == conversation,
                message.c.direction == Direction.IN.value,
                message.c.kind == "text",
            )
            .order_by(message.c.id.desc())
            .limit(1)
        )
        return self.connection.execute(query).scalar() or ""

    def sent(self, parts: Sequence[tuple[Outgoing, str]]) -> None:
        """Parts, each of another line, were taken by the platform: keep their ids; with its last part a line is SENT."""
        parts = [(part, reference) for part, reference in parts if part.line is not None]
        if not parts:
            return
        before: dict[int, list[str]] = {}
        if later := [part.line for part, _ in parts if not part.first]:  # their ids join those of the parts before
            before = {row[0]: row[1] or [] for row in self.connection.execute(_REFERENCES, {"lines": padded(later)})}
        rows = []
        for part, reference in parts:
            references = [*before.get(part.line or 0, ()), *([reference] if reference else ())]
            row = {
                "line": part.line,
                "refs_": references or None,
                "hash": self.cipher.lookup(REFERENCE, part.channel, reference) if reference else None,
                "status_": Status.SENT.value if part.last else Status.QUEUED.value,
            }
            rows.append(row)
            if part.last:
                self.wake(f"conversation:{part.lane}")
        self.connection.execute(_SENT, rows)

    def advance(self, line: int, status: Status) -> bool:
        """Move the status forward; False when it was there or further."""
        return self._advance(message.c.id == line, status)

    def advance_reference(self, channel: str, reference: str, status: Status) -> bool:
        """The same for the line that holds the platform's id; False when there is none."""
        hashes = self.cipher.lookups(REFERENCE, channel, reference)
        return self._advance(message.c.ref_hash.in_(hashes), status)

    def _advance(self, condition: Any, status: Status) -> bool:
        change = (
            update(message)
            .where(condition, message.c.status < status.value)
            .values(status=status.value)
            .returning(message.c.conversation_id)
        )
        rows = list(self.connection.execute(change).scalars())
        for conversation in rows:
            self.wake(f"conversation:{conversation}")
        return bool(rows)

    def move(self, conversation: str, reference: str, place: tuple[float, float], at: datetime) -> bool:
        """Put a newer place into the line of a location; False when there is no such line, or it knows a newer one."""
        query = (
            select(message)
            .where(message.c.conversation_id == conversation, message.c.kind == "location")
            .order_by(message.c.id.desc())
            .limit(_LOCATIONS)
        )
        lines = map(_line, self.connection.execute(query))
        line = next((known for known in lines if reference in known.references), None)
        if line is None or float(line.detail.get("moved", 0)) >= at.timestamp():
            return False
        detail = {**line.detail, "place": list(place), "moved": at.timestamp()}
        self.connection.execute(update(message).where(message.c.id == line.id).values(detail=detail))
        self.wake(f"conversation:{conversation}")
        return True

    def references(self, conversation: str, since: datetime, until: datetime) -> list[str]:
        """The platform's ids of the conversation's messages, both ways, from `since` to before `until`."""
        query = (
            select(message.c.refs)
            .where(
                message.c.conversation_id == conversation,
                message.c.created >= since,
                message.c.created < until,
                message.c.refs.is_not(None),
            )
            .order_by(message.c.id)
        )
        return [reference for refs in self.connection.execute(query).scalars() for reference in refs]

    def forget_references(self, conversation: str, until: datetime) -> None:
        """They were deleted at the platform."""
        change = update(message).where(message.c.conversation_id == conversation, message.c.created < until)
        self.connection.execute(change.values(refs=None, ref_hash=None))

    def forget(self, before: datetime, case_before: datetime, limit: int) -> int:
        """Delete lines older than `before`, of conversations with a case only those older than `case_before`."""
        of_this = case_table.c.conversation_id == message.c.conversation_id
        kept = exists().where(of_this, or_(case_table.c.closed.is_(None), case_table.c.closed > case_before))
        under_way = exists().where(of_this, OPEN)
        old = and_(message.c.created < before, ~kept)
        very_old = and_(message.c.created < case_before, ~under_way)
        return self.delete_some(message, or_(old, very_old), limit)


def _line(row: Any) -> Line:
    return Line(
        id=row.id,
        conversation=row.conversation_id,
        direction=Direction(row.direction),
        kind=row.kind,
        text=row.text,
        detail=row.detail or {},
        understood=row.understood or {},
        references=tuple(row.refs or ()),
        status=Status(row.status),
        created=row.created,
        author=row.author,
        client_id=row.client_id or "",
    )
