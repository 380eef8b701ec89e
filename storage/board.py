"""Queries over all cases, for the supervisors; no table of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import func, select

from bot.hotline.records import Case, CaseEvent, CaseState
from bot.hotline.team import Wait
from bot.matching.match import Urgency
from storage.case import COLUMNS, case_event, case_table, record
from storage.conversation import conversation
from storage.rows import Rows

_URGENCIES = tuple(urgency.value for urgency in sorted(Urgency, key=lambda urgency: urgency.rank))


class BoardRows(Rows):
    """Implements `bot.hotline.office.Board`."""

    def waits(self, since: datetime) -> list[Wait]:
        """Every case opened since then, with the moment a person first took it."""
        taken = (
            select(func.min(case_event.c.at))
            .where(case_event.c.case_id == case_table.c.id, case_event.c.kind.in_(("taken", "transferred")))
            .scalar_subquery()
        )
        query = select(case_table.c.urgency, case_table.c.language, case_table.c.opened, taken.label("taken"))
        rows = self.connection.execute(query.where(case_table.c.opened >= since).order_by(case_table.c.opened))
        return [Wait(_URGENCIES[row.urgency], row.language, row.opened, row.taken) for row in rows]

    def events(self, kinds: Iterable[str], since: datetime, limit: int = 100) -> list[CaseEvent]:
        """Of any case, the latest first."""
        query = (
            select(case_event)
            .where(case_event.c.kind.in_(list(kinds)), case_event.c.at >= since)
            .order_by(case_event.c.id.desc())
            .limit(limit)
        )
        return [
            CaseEvent(row.id, row.case_id, row.at, row.kind, row.who, row.detail or {})
            for row in self.connection.execute(query)
        ]

    def queue(self, languages: Sequence[str] = ()) -> tuple[dict[str, int], datetime | None]:
        """How many wait by urgency, and since when the first; nothing is decrypted for it."""
        query = select(case_table.c.urgency, func.count(), func.min(case_table.c.waiting_since))
        query = query.where(case_table.c.state == CaseState.WAITING.value).group_by(case_table.c.urgency)
        if languages:
            query = query.where(case_table.c.language.in_(languages))
        rows = self.connection.execute(query).all()
        counts = dict.fromkeys(_URGENCIES, 0) | {_URGENCIES[urgency]: count for urgency, count, _ in rows}
        return counts, min((since for _, _, since in rows), default=None)

    def of(self, conversation: str) -> list[Case]:
        """Every case of a conversation, the latest first."""
        query = select(*COLUMNS).where(case_table.c.conversation_id == conversation)
        return [record(row) for row in self.connection.execute(query.order_by(case_table.c.opened.desc()).limit(50))]

    def last_heard(self) -> datetime | None:
        """When any caller last wrote: read off the end of an index."""
        found: datetime | None = self.connection.execute(select(func.max(conversation.c.last_in))).scalar()
        return found

    def closed(self, operator: str, since: datetime) -> int:
        """How many cases this operator closed."""
        query = select(func.count()).where(case_table.c.operator == operator, case_table.c.closed >= since)
        return self.connection.execute(query).scalar_one()

    def outcomes(self, since: datetime) -> dict[str, tuple[int, int, int]]:
        """Outcome -> (closed, found useful, found useless)."""
        query = (
            select(case_table.c.outcome, case_table.c.useful, func.count())
            .where(case_table.c.closed >= since)
            .group_by(case_table.c.outcome, case_table.c.useful)
        )
        result: dict[str, tuple[int, int, int]] = {}
        for outcome, useful, count in self.connection.execute(query):
            total, yes, no = result.get(outcome, (0, 0, 0))
            result[outcome] = (total + count, yes + count * (useful is True), no + count * (useful is False))
        return result
