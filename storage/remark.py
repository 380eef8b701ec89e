"""The remark table: private notes and the side channel. Apart from the transcript, so that no channel can send them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Column, Index, String, Table, select

from bot.hotline.team import Remark, RemarkKind
from storage.column import Id, Instant, Sealed
from storage.database import metadata
from storage.rows import Rows

remark = Table(
    "remark",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("conversation_id", String(32), nullable=False),
    Column("case_id", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("author", String(32), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("text", Sealed("remark.text"), nullable=False),
    Index("ix_remark_conversation_id_id", "conversation_id", "id"),
    Index("ix_remark_case_id", "case_id"),
)


class RemarkRows(Rows):
    """Implements `bot.hotline.office.Remarks`."""

    def add(self, conversation: str, case: str, author: str, kind: RemarkKind, *, text: str, now: datetime) -> int:
        """Keep a remark; wakes the case, and the supervisors when they are asked."""
        values = {
            "conversation_id": conversation,
            "case_id": case,
            "at": now,
            "author": author,
            "kind": kind.value,
            "text": text,
        }
        added: int = self.connection.execute(remark.insert().values(values).returning(remark.c.id)).scalar_one()
        self.wake(f"case:{case}")
        if kind in (RemarkKind.ASK, RemarkKind.ADVICE):
            self.wake("desk")
        return added

    def of(self, conversation: str, limit: int = 200) -> list[Remark]:
        """Oldest first, over all cases of the conversation."""
        query = select(remark).where(remark.c.conversation_id == conversation).order_by(remark.c.id.desc()).limit(limit)
        rows = self.connection.execute(query).all()
        return [Remark(r.id, r.case_id, r.at, r.author, RemarkKind(r.kind), r.text) for r in reversed(rows)]

    def unanswered(self, cases: Sequence[str]) -> set[str]:
        """Those of the cases whose last question to a supervisor has no answer."""
        sides = (RemarkKind.ASK.value, RemarkKind.ADVICE.value)
        query = select(remark.c.case_id, remark.c.kind).where(remark.c.case_id.in_(cases), remark.c.kind.in_(sides))
        last = {row.case_id: row.kind for row in self.connection.execute(query.order_by(remark.c.id))}
        return {case for case, kind in last.items() if kind == RemarkKind.ASK.value}
