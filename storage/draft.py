"""The tables of what operators have written and not sent, and of who has which case open."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, String, Table, delete, select, update

from storage.column import Instant, Sealed
from storage.database import insert, metadata
from storage.rows import Rows

draft = Table(
    "draft",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("staff_id", String(32), primary_key=True),
    Column("text", Sealed("draft.text"), nullable=False),
    Column("at", Instant, nullable=False),
)

viewer = Table(
    "viewer",
    metadata,
    Column("case_id", String(32), primary_key=True),
    Column("staff_id", String(32), primary_key=True),
    Column("seen", Instant, nullable=False),
)


class DraftRows(Rows):
    """Implements `bot.hotline.office.Drafts`."""

    def put(self, conversation: str, staff: str, text: str, now: datetime) -> None:
        """Keep a draft; an empty one is deleted."""
        if not text:
            mine = (draft.c.conversation_id == conversation) & (draft.c.staff_id == staff)
            self.connection.execute(delete(draft).where(mine))
            return
        new = insert(self.connection, draft).values(conversation_id=conversation, staff_id=staff, text=text, at=now)
        changed = {"text": new.excluded.text, "at": now}
        self.connection.execute(new.on_conflict_do_update(index_elements=["conversation_id", "staff_id"], set_=changed))

    def get(self, conversation: str, staff: str) -> str:
        """The draft, or ""."""
        query = select(draft.c.text).where(draft.c.conversation_id == conversation, draft.c.staff_id == staff)
        return self.connection.execute(query).scalar() or ""

    def look(self, case: str, staff: str, now: datetime) -> bool:
        """Someone has the case open; True (and the case is woken) when that is new."""
        mine = (viewer.c.case_id == case) & (viewer.c.staff_id == staff)
        if self.connection.execute(update(viewer).where(mine).values(seen=now)).rowcount:
            return False
        new = insert(self.connection, viewer).values(case_id=case, staff_id=staff, seen=now)
        self.connection.execute(new.on_conflict_do_nothing(index_elements=["case_id", "staff_id"]))
        self.wake(f"case:{case}")
        return True

    def leave(self, case: str, staff: str) -> None:
        """The case was closed in that browser."""
        mine = (viewer.c.case_id == case) & (viewer.c.staff_id == staff)
        if self.connection.execute(delete(viewer).where(mine)).rowcount:
            self.wake(f"case:{case}")

    def looking(self, case: str, since: datetime) -> list[str]:
        """Who has the case open."""
        query = select(viewer.c.staff_id).where(viewer.c.case_id == case, viewer.c.seen >= since)
        return list(self.connection.execute(query.order_by(viewer.c.staff_id)).scalars())
