"""What editors and statistics learn: missed questions (redacted), feedback, and counts without texts.

A message is counted by inserting one `tally` row in its own transaction; a periodic job folds them into `statistic`.
Counting in place would make every worker wait for the same few rows. A caller is counted once a week for each country,
topic, urgency and language: `counted` remembers it by a keyed hash until the week is over, and goes with the caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    UniqueConstraint,
    and_,
    delete,
    func,
    select,
    union_all,
    update,
)

from bot.hotline.records import MissedQuestion, Tally
from storage.column import Id, Instant, Sealed
from storage.database import insert, metadata
from storage.rows import Rows

missed = Table(
    "missed",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("conversation_id", String(32), nullable=False),  # only so that "delete my data" finds it
    Column("at", Instant, nullable=False),
    Column("language", String(8), nullable=False),
    Column("reason", String(16), nullable=False),
    Column("candidates", String(320), nullable=False),  # intents, by space
    Column("text", Sealed("missed.text"), nullable=False),
    Column("intent", String(64), nullable=False, server_default=""),  # an editor's choice
    Column("done", Instant, nullable=True),
    Index("ix_missed_conversation_id", "conversation_id"),
    Index("ix_missed_at", "at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("conversation_id", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("intent", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("helped", Boolean, nullable=False),
    Index("ix_feedback_conversation_id", "conversation_id"),
    Index("ix_feedback_at", "at"),
)

_DIMENSIONS = ("day", "channel", "language", "stay", "intent", "action", "urgency")
_SIZES = {"day": 10, "channel": 16, "language": 8, "stay": 8, "intent": 64, "action": 16, "urgency": 16}


def _dimensions(primary_key: bool) -> list[Column[Any]]:
    return [Column(name, String(_SIZES[name]), primary_key=primary_key, nullable=False) for name in _DIMENSIONS]


tally = Table(
    "tally",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    *_dimensions(False),
    Column("people", Integer, nullable=False, server_default="0"),
)
statistic = Table(
    "statistic",
    metadata,
    *_dimensions(True),
    Column("count", Integer, nullable=False),
    Column("people", Integer, nullable=False, server_default="0"),
)

counted = Table(
    "counted",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("conversation_id", String(32), nullable=False),
    Column("week", String(8), nullable=False),
    Column("cell", LargeBinary, nullable=False),  # keyed hash: tells neither country nor topic
    UniqueConstraint("conversation_id", "cell"),
    Index("ix_counted_week", "week"),
)

_COUNT = tally.insert()


class FindingRows(Rows):
    """Implements `bot.hotline.findings.Findings`."""

    def add_missed(
        self, conversation: str, at: datetime, language: str, reason: str, candidates: Sequence[str], text: str
    ) -> None:
        """Keep a question that was not answered; `text` must be redacted."""
        self.connection.execute(
            missed.insert().values(
                conversation_id=conversation,
                at=at,
                language=language,
                reason=reason[:16],
                candidates=" ".join(candidates)[:320],
                text=text,
            )
        )

    def missed(
        self, limit: int = 100, before: int | None = None, reason: str = "", done: bool | None = None
    ) -> list[MissedQuestion]:
        """The latest first; `before` an id pages on, `reason` and `done` keep only such ones."""
        query = select(missed).order_by(missed.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(missed.c.id < before)
        if reason:
            query = query.where(missed.c.reason == reason)
        if done is not None:
            query = query.where(missed.c.done.is_not(None) if done else missed.c.done.is_(None))
        return self._questions(query)

    def chosen(self, ids: Sequence[int]) -> list[MissedQuestion]:
        """Those with these ids, the latest first."""
        return self._questions(select(missed).where(missed.c.id.in_(ids)).order_by(missed.c.id.desc()))

    def choose(self, ids: Sequence[int], intent: str) -> None:
        """An editor says which intent these should be."""
        self.connection.execute(update(missed).where(missed.c.id.in_(ids)).values(intent=intent[:64]))

    def mark(self, ids: Sequence[int], done: datetime | None) -> int:
        """They are done, or (None) open again; how many."""
        return self.connection.execute(update(missed).where(missed.c.id.in_(ids)).values(done=done)).rowcount

    def left(self) -> dict[str, int]:
        """How many are not done, by reason."""
        query = (
            select(missed.c.reason, func.count().label("count"))
            .where(missed.c.done.is_(None))
            .group_by(missed.c.reason)
        )
        return {row[0]: row[1] for row in self.connection.execute(query)}

    def reported(self, conversation: str, text: str) -> bool:
        """Whether this text of this caller is in the list already, reported by an operator."""
        query = select(missed.c.text).where(missed.c.conversation_id == conversation, missed.c.reason == "gap")
        return text in self.connection.execute(query).scalars()

    def _questions(self, query: Select[Any]) -> list[MissedQuestion]:
        return [
            MissedQuestion(
                row.id, row.at, row.language, row.reason, tuple(row.candidates.split()), row.text, row.intent, row.done
            )
            for row in self.connection.execute(query)
        ]

    def add_feedback(self, conversation: str, at: datetime, intent: str, language: str, helped: bool) -> None:
        """Keep whether an answer helped."""
        self.connection.execute(
            feedback.insert().values(
                conversation_id=conversation, at=at, intent=intent[:64], language=language, helped=helped
            )
        )

    def feedback(self, since: datetime) -> dict[str, tuple[int, int]]:
        """Intent -> (helped, did not help)."""
        query = (
            select(feedback.c.intent, feedback.c.helped, func.count())
            .where(feedback.c.at >= since)
            .group_by(feedback.c.intent, feedback.c.helped)
        )
        result: dict[str, tuple[int, int]] = {}
        for intent, helped, count in self.connection.execute(query):
            yes, no = result.get(intent, (0, 0))
            result[intent] = (yes + count, no) if helped else (yes, no + count)
        return result

    def count(self, conversation: str, item: Tally, topic: str) -> None:
        """Count one message, and its caller when it is their first of this week, country, topic, urgency, language."""
        values: dict[str, Any] = {name: getattr(item, name)[: _SIZES[name]] for name in _DIMENSIONS}
        question = bool(item.intent or item.action)
        values["people"] = int(question and self._first(conversation, item, topic))
        self.connection.execute(_COUNT, values)

    def _first(self, conversation: str, item: Tally, topic: str) -> bool:
        """Remember the caller in this cell; False when they were. A conversation's messages come one at a time."""
        parts = ("counted", conversation, item.week, item.stay, topic, item.urgency, item.language)
        current, *older = self.cipher.lookups(*parts)
        if older:  # keys are being rotated
            ours = and_(counted.c.conversation_id == conversation, counted.c.cell.in_(older))
            if self.connection.execute(select(counted.c.id).where(ours)).first():
                return False
        new = insert(self.connection, counted).values(conversation_id=conversation, week=item.week, cell=current)
        return self.connection.execute(new.on_conflict_do_nothing()).rowcount == 1

    def tallies(self, first_day: str, last_day: str) -> list[Tally]:
        """Counts by day and all dimensions, folded or not; days are ISO dates, both included."""
        dimensions = [tally.c[name] for name in _DIMENSIONS]
        people = func.sum(tally.c.people).label("people")
        single = select(*dimensions, func.count().label("count"), people).group_by(*dimensions)
        folded = select(*(statistic.c[name] for name in _DIMENSIONS), statistic.c["count"], statistic.c.people)
        both = union_all(single, folded).subquery()
        names = [both.c[name] for name in _DIMENSIONS]
        query = (
            select(*names, func.sum(both.c["count"]), func.sum(both.c.people))
            .where(both.c.day >= first_day, both.c.day <= last_day)
            .group_by(*names)
            .order_by(*names)
        )
        return [Tally(*row[:7], count=int(row[7]), people=int(row[8])) for row in self.connection.execute(query)]

    def fold(self, limit: int) -> int:
        """Add up single tallies by day; how many were folded."""
        oldest = select(tally.c.id).order_by(tally.c.id).limit(limit)
        ids = list(self.connection.execute(oldest).scalars())
        if not ids:
            return 0
        columns = [*(tally.c[name] for name in _DIMENSIONS), tally.c.people]
        rows = self.connection.execute(delete(tally).where(tally.c.id <= ids[-1]).returning(*columns)).all()
        counts: Counter[tuple[str, ...]] = Counter()
        people: Counter[tuple[str, ...]] = Counter()
        for *dimensions, first in rows:
            counts[tuple(dimensions)] += 1
            people[tuple(dimensions)] += first
        for key, count in sorted(counts.items()):
            values = {**dict(zip(_DIMENSIONS, key, strict=True)), "count": count, "people": people[key]}
            new = insert(self.connection, statistic).values(values)
            sums = {name: statistic.c[name] + new.excluded[name] for name in ("count", "people")}
            upsert = new.on_conflict_do_update(index_elements=list(_DIMENSIONS), set_=sums)
            self.connection.execute(upsert)
        return len(rows)

    def forget_counted(self, week: str, limit: int) -> int:
        """Delete what tells who was counted in weeks before `week`."""
        return self.delete_some(counted, counted.c.week < week, limit)

    def forget(self, before: datetime, limit: int) -> int:
        """Delete missed questions and feedback older than `before`."""
        return self.delete_some(missed, missed.c.at < before, limit) + self.delete_some(
            feedback, feedback.c.at < before, limit
        )
