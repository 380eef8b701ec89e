"""Dead letters of both ways, and how much waits: questions over several tables, so no table of its own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import and_, delete, func, select, update

from bot.hotline.records import CaseState, DeadLetter, Depth
from storage.case import case_table
from storage.conversation import conversation
from storage.inbox import inbox
from storage.lane import LaneRows
from storage.outbox import outbox
from storage.rows import Rows


class LetterRows(Rows):
    """Implements `bot.hotline.ledger.Letters`."""

    def dead(self, limit: int = 100) -> list[DeadLetter]:
        """The latest first."""
        incoming = (
            select(inbox, conversation.c.channel)
            .join(conversation, conversation.c.id == inbox.c.conversation_id)
            .where(inbox.c.state == "dead")
            .order_by(inbox.c.id.desc())
            .limit(limit)
        )
        outgoing = select(outbox).where(outbox.c.state == "dead").order_by(outbox.c.id.desc()).limit(limit)
        letters = [
            DeadLetter("in", row.id, row.channel, row.conversation_id, row.received, row.failures, row.error)
            for row in self.connection.execute(incoming)
        ]
        letters += [
            DeadLetter("out", row.id, row.channel, row.conversation_id, row.created, row.attempts, row.error)
            for row in self.connection.execute(outgoing)
        ]
        return sorted(letters, key=lambda letter: letter.created, reverse=True)[:limit]

    def revive(self, direction: str, letter: int, now: datetime) -> bool:
        """Try it once more; False when there is no such dead letter."""
        lanes = LaneRows(self.connection, self.wake)
        if direction == "in":
            change = (
                update(inbox)
                .where(inbox.c.id == letter, inbox.c.state == "dead")
                .values(state="queued", failures=0, error="")
                .returning(inbox.c.conversation_id, inbox.c.priority)
            )
            if row := self.connection.execute(change).first():
                lanes.touch("in", [(f"in:{row.conversation_id}", row.priority)], now)
                self.wake("inbox")
                return True
            return False
        revived = (
            update(outbox)
            .where(outbox.c.id == letter, outbox.c.state == "dead")
            .values(state="queued", attempts=0, error="")
            .returning(outbox.c.conversation_id, outbox.c.channel, outbox.c.priority)
        )
        if row := self.connection.execute(revived).first():
            lanes.touch(f"out:{row.channel}", [(f"out:{row.conversation_id}", row.priority)], now)
            self.wake(f"outbox:{row.channel}")
            return True
        return False

    def discard(self, direction: str, letter: int) -> bool:
        """Delete it; False when there is no such dead letter."""
        table = inbox if direction == "in" else outbox
        gone = delete(table).where(table.c.id == letter, table.c.state == "dead")
        return self.connection.execute(gone).rowcount == 1

    def forget(self, before: datetime, limit: int) -> int:
        """Delete dead letters older than `before`; how many. While they are kept, so is their conversation."""
        incoming = and_(inbox.c.state == "dead", inbox.c.received < before)
        outgoing = and_(outbox.c.state == "dead", outbox.c.created < before)
        return self.delete_some(inbox, incoming, limit) + self.delete_some(outbox, outgoing, limit)

    def depth(self, now: datetime) -> Depth:
        """How much waits, over all channels."""
        waiting = select(func.count(), func.min(inbox.c.received)).where(inbox.c.state == "queued")
        incoming, oldest = self.connection.execute(waiting).one()
        out = select(func.count()).select_from(outbox).where(outbox.c.state != "dead")
        dead_in = select(func.count()).select_from(inbox).where(inbox.c.state == "dead")
        dead_out = select(func.count()).select_from(outbox).where(outbox.c.state == "dead")
        open_states = (CaseState.WAITING.value, CaseState.OFFERED.value)
        cases = select(func.count()).select_from(case_table).where(case_table.c.state.in_(open_states))
        return Depth(
            incoming=incoming,
            outgoing=self.connection.execute(out).scalar_one(),
            dead=self.connection.execute(dead_in).scalar_one() + self.connection.execute(dead_out).scalar_one(),
            oldest_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
            cases=self.connection.execute(cases).scalar_one(),
        )
