"""The case table and its events: conversations that wait for a person or are with one.

The order of the queue: emergencies always first; then urgent ones together with normal ones that have waited for
`AGEING`; then the other normal ones; within each the one that has waited longest. So a normal case cannot be starved by
a stream of urgent ones, and nothing ever goes before an emergency but an older emergency.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Index,
    SmallInteger,
    String,
    Table,
    and_,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)

from bot.hotline.records import Case, CaseEvent, CaseState, Json
from bot.matching.match import Urgency
from storage.column import Id, Instant, SealedJson
from storage.database import insert, metadata, partial_index
from storage.rows import Rows

AGEING = timedelta(hours=2)  # a normal case that waited this long is treated as urgent

case_table = Table(
    "case",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("conversation_id", String(32), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("language", String(8), nullable=False),
    Column("stay", String(8), nullable=False),
    Column("state", String(8), nullable=False),
    Column("urgency", SmallInteger, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("intent", String(64), nullable=False, default=""),
    Column("signals", SealedJson("case.signals")),
    Column("opened", Instant, nullable=False),
    Column("waiting_since", Instant, nullable=False),
    Column("operator", String(64), nullable=False, default=""),
    Column("offered_until", Instant),
    Column("closed", Instant),
    Column("outcome", String(64), nullable=False, default=""),
    Column("useful", Boolean),
    Index("ix_case_conversation_id", "conversation_id"),
    Index("ix_case_state_waiting_since", "state", "waiting_since"),
    Index("ix_case_closed", "closed"),
)
# A literal, since PostgreSQL matches ON CONFLICT's condition with the index's only then.
OPEN = case_table.c.state != literal_column("'closed'")
partial_index("uq_case_open", case_table.c.conversation_id, where=OPEN, unique=True)

case_event = Table(
    "case_event",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("case_id", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("who", String(64), nullable=False),
    Column("detail", SealedJson("case_event.detail")),
    Index("ix_case_event_case_id_id", "case_id", "id"),
    sqlite_autoincrement=True,
)

# The order of `record`'s arguments.
COLUMNS = tuple(case_table.c)
_URGENCIES = tuple(sorted(Urgency, key=lambda urgency: urgency.rank))


def record(values: Sequence[Any]) -> Case:
    """A Case from the values of COLUMNS."""
    return Case(
        id=values[0],
        conversation=values[1],
        channel=values[2],
        language=values[3],
        stay=values[4],
        state=CaseState(values[5]),
        urgency=_URGENCIES[values[6]],
        reason=values[7],
        intent=values[8],
        signals=tuple(values[9] or ()),
        opened=values[10],
        waiting_since=values[11],
        operator=values[12],
        offered_until=values[13],
        closed=values[14],
        outcome=values[15],
        useful=values[16],
    )


class CaseRows(Rows):
    """Implements `bot.hotline.ledger.Cases`."""

    def add(self, case: Case) -> bool:
        """False when the conversation has an open case."""
        values = {
            "id": case.id,
            "conversation_id": case.conversation,
            "channel": case.channel,
            "language": case.language,
            "stay": case.stay,
            "state": case.state.value,
            "urgency": case.urgency.rank,
            "reason": case.reason,
            "intent": case.intent,
            "signals": [dict(signal) for signal in case.signals] or None,
            "opened": case.opened,
            "waiting_since": case.waiting_since,
            "operator": case.operator,
            "offered_until": case.offered_until,
        }
        new = insert(self.connection, case_table).values(values)
        unique = new.on_conflict_do_nothing(index_elements=["conversation_id"], index_where=OPEN)
        return self.connection.execute(unique).rowcount == 1

    def get(self, case: str) -> Case | None:
        """By its id."""
        return self._first(select(*COLUMNS).where(case_table.c.id == case))

    def open_of(self, conversation: str) -> Case | None:
        """The conversation's case that is not closed."""
        return self._first(select(*COLUMNS).where(case_table.c.conversation_id == conversation, OPEN))

    def last_of(self, conversation: str) -> Case | None:
        """The conversation's latest case, open or closed."""
        query = select(*COLUMNS).where(case_table.c.conversation_id == conversation)
        return self._first(query.order_by(case_table.c.opened.desc()).limit(1))

    def change(self, case: str, was: Sequence[CaseState], **fields: Any) -> bool:
        """Change the case if it is in one of the states `was`; False when not. Leaving OFFERED ends the offer."""
        values = {key: value for key, value in fields.items() if value is not None}
        if state := fields.get("state"):
            values["state"] = state.value
            if state is not CaseState.OFFERED:
                values["offered_until"] = None
        if urgency := fields.get("urgency"):
            values["urgency"] = urgency.rank
        if "signals" in values:
            values["signals"] = [dict(signal) for signal in values["signals"]]
        change = (
            update(case_table)
            .where(case_table.c.id == case, case_table.c.state.in_([state.value for state in was]))
            .values(values)
        )
        return self.connection.execute(change).rowcount == 1

    def waiting(self, now: datetime, languages: Sequence[str] = (), limit: int = 50) -> list[Case]:
        """Cases in WAITING, most urgent first; with `languages` only those."""
        query = select(*COLUMNS).where(case_table.c.state == CaseState.WAITING.value)
        if languages:
            query = query.where(case_table.c.language.in_(languages))
        order = (_level(now).desc(), case_table.c.waiting_since, case_table.c.id)
        return self._all(query.order_by(*order).limit(limit))

    def ahead(self, case: Case, now: datetime) -> int:
        """How many waiting cases come before this one."""
        level = _level(now)
        mine = case.urgency.rank
        if mine == Urgency.NORMAL.rank and case.waiting_since <= now - AGEING:
            mine = Urgency.URGENT.rank
        longer = or_(
            case_table.c.waiting_since < case.waiting_since,
            and_(case_table.c.waiting_since == case.waiting_since, case_table.c.id < case.id),
        )
        query = (
            select(func.count())
            .select_from(case_table)
            .where(
                case_table.c.state == CaseState.WAITING.value,
                case_table.c.id != case.id,
                or_(level > mine, and_(level == mine, longer)),
            )
        )
        return self.connection.execute(query).scalar_one()

    def with_operator(self, operator: str) -> list[Case]:
        """Open cases that this operator has or is offered."""
        query = select(*COLUMNS).where(case_table.c.operator == operator, OPEN)
        return self._all(query.order_by(case_table.c.opened))

    def in_state(self, states: Sequence[CaseState], limit: int = 500) -> list[Case]:
        """Cases in these states, the oldest first."""
        query = select(*COLUMNS).where(case_table.c.state.in_([state.value for state in states]))
        return self._all(query.order_by(case_table.c.waiting_since).limit(limit))

    def expired_offers(self, now: datetime, limit: int) -> list[Case]:
        """Offers that nobody took in time."""
        query = select(*COLUMNS).where(case_table.c.state == CaseState.OFFERED.value, case_table.c.offered_until <= now)
        return self._all(query.limit(limit))

    def record(self, case: str, at: datetime, kind: str, who: str, detail: Json | None = None) -> None:
        """Add an event; wakes "desk" and the case."""
        self.connection.execute(
            case_event.insert().values(case_id=case, at=at, kind=kind, who=who, detail=dict(detail) if detail else None)
        )
        self.wake("desk")
        self.wake(f"case:{case}")

    def events(self, case: str) -> list[CaseEvent]:
        """What happened to the case, in order."""
        query = select(case_event).where(case_event.c.case_id == case).order_by(case_event.c.id)
        return [
            CaseEvent(row.id, row.case_id, row.at, row.kind, row.who, row.detail or {})
            for row in self.connection.execute(query)
        ]

    def forget(self, closed_before: datetime, limit: int) -> int:
        """Delete cases closed before, with their events."""
        chosen = select(case_table.c.id).where(case_table.c.closed < closed_before).limit(limit)
        ids = list(self.connection.execute(chosen).scalars())
        if ids:
            for table in metadata.sorted_tables:  # events, and what others keep for a case
                if "case_id" in table.c:
                    self.connection.execute(delete(table).where(table.c.case_id.in_(ids)))
            self.connection.execute(delete(case_table).where(case_table.c.id.in_(ids)))
        return len(ids)

    def _first(self, query: Any) -> Case | None:
        row = self.connection.execute(query).first()
        return None if row is None else record(row)

    def _all(self, query: Any) -> list[Case]:
        return [record(row) for row in self.connection.execute(query)]


def _level(now: datetime) -> ColumnElement[int]:
    aged = and_(case_table.c.urgency == Urgency.NORMAL.rank, case_table.c.waiting_since <= now - AGEING)
    return sqlalchemy.case((aged, Urgency.URGENT.rank), else_=case_table.c.urgency)
