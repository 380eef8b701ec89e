"""News: who wants it, the broadcasts, and each broadcast's recipients."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

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
    exists,
    func,
    select,
    update,
)

from bot.hotline.newsletter import Broadcast, BroadcastState, Candidate, Crowd, Reached
from storage.column import Instant, Sealed, SealedJson
from storage.conversation import conversation
from storage.database import insert, metadata
from storage.outbox import outbox
from storage.rows import Rows

subscription = Table(
    "subscription",
    metadata,
    Column("conversation_id", String(32), primary_key=True),
    Column("since", Instant, nullable=False),
)

broadcast_table = Table(
    "broadcast",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", Sealed("broadcast.title"), nullable=False),
    Column("texts", SealedJson("broadcast.texts"), nullable=False),
    Column("countries", String(256), nullable=False, default=""),  # parted by spaces
    Column("state", String(16), nullable=False),
    Column("author", String(64), nullable=False),
    Column("created", Instant, nullable=False),
    Column("confirmed_by", String(64), nullable=False, default=""),
    Column("planned", Boolean, nullable=False, default=False),
    Column("cursor", String(32), nullable=False, default=""),
    Column("finished", Instant),
    Index("ix_broadcast_created", "created"),
)

recipient = Table(
    "broadcast_recipient",
    metadata,
    Column("broadcast_id", String(32), primary_key=True),
    Column("conversation_id", String(32), primary_key=True),
    Column("channel", String(16), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("reason", String(16), nullable=False, default=""),  # why it was skipped
    Column("due", Instant, nullable=False),
    Index("ix_broadcast_recipient_due", "broadcast_id", "state", "channel", "due"),
    Index("ix_broadcast_recipient_conversation_id", "conversation_id"),
)

UNKNOWN_LANGUAGE = "ru"  # in which callers are spoken to whose language is not known


class BroadcastRows(Rows):
    """Implements `bot.hotline.newsletter.Broadcasts`."""

    def subscribe(self, conversation_id: str, at: datetime) -> None:
        """The caller wants news."""
        new = insert(self.connection, subscription).values(conversation_id=conversation_id, since=at)
        self.connection.execute(new.on_conflict_do_nothing())

    def unsubscribe(self, conversation_id: str) -> None:
        """No more news, not even what is planned."""
        self.connection.execute(delete(subscription).where(subscription.c.conversation_id == conversation_id))
        waits = and_(recipient.c.conversation_id == conversation_id, recipient.c.state == Reached.WAITING)
        self.connection.execute(update(recipient).where(waits).values(state=Reached.SKIPPED, reason="left"))

    def is_subscribed(self, conversation_id: str) -> bool:
        """Whether the caller wants news."""
        query = select(subscription.c.since).where(subscription.c.conversation_id == conversation_id)
        return self.connection.execute(query).first() is not None

    def expire(self, silent_since: datetime, limit: int) -> int:
        """End the subscriptions of callers not heard of since; how many."""
        silent = (
            select(subscription.c.conversation_id)
            .join(conversation, conversation.c.id == subscription.c.conversation_id)
            .where(conversation.c.last_in < silent_since)
            .limit(limit)
        )
        ids = list(self.connection.execute(silent).scalars())
        if ids:
            self.connection.execute(delete(subscription).where(subscription.c.conversation_id.in_(ids)))
        return len(ids)

    def add(self, broadcast: Broadcast) -> None:
        """A new one."""
        values = {
            "id": broadcast.id,
            "title": broadcast.title,
            "texts": dict(broadcast.texts),
            "countries": " ".join(broadcast.countries),
            "state": broadcast.state.value,
            "author": broadcast.author,
            "created": broadcast.created,
        }
        self.connection.execute(broadcast_table.insert().values(values))

    def get(self, broadcast_id: str) -> Broadcast | None:
        """By its id."""
        return self._first(select(broadcast_table).where(broadcast_table.c.id == broadcast_id))

    def named(self, beginning: str) -> list[Broadcast]:
        """Those whose id begins so."""
        like = broadcast_table.c.id.startswith(beginning, autoescape=True)
        return [_record(row) for row in self.connection.execute(select(broadcast_table).where(like).limit(2))]

    def all(self, limit: int = 100) -> list[Broadcast]:
        """The latest first."""
        query = select(broadcast_table).order_by(broadcast_table.c.created.desc()).limit(limit)
        return [_record(row) for row in self.connection.execute(query)]

    def running(self) -> list[str]:
        """The ids of those being sent, the latest first; asked each second, so no text is decrypted."""
        sent = broadcast_table.c.state == BroadcastState.RUNNING.value
        query = select(broadcast_table.c.id).where(sent).order_by(broadcast_table.c.created.desc())
        return list(self.connection.execute(query).scalars())

    def lock(self, broadcast_id: str) -> Broadcast | None:
        """The broadcast, kept from others until commit."""
        return self._first(select(broadcast_table).where(broadcast_table.c.id == broadcast_id).with_for_update())

    def change(self, broadcast: str, was: Sequence[BroadcastState], **fields: Any) -> bool:
        """Replace fields if it is in one of these states; False when not."""
        values = {key: value.value if isinstance(value, BroadcastState) else value for key, value in fields.items()}
        states = [state.value for state in was]
        mine = and_(broadcast_table.c.id == broadcast, broadcast_table.c.state.in_(states))
        return self.connection.execute(update(broadcast_table).where(mine).values(values)).rowcount == 1

    def audience(self, languages: Sequence[str], countries: Sequence[str]) -> dict[tuple[str, str], int]:
        """(language, stay) -> how many want news."""
        query = (
            select(conversation.c.language, conversation.c.stay, func.count())
            .join(subscription, subscription.c.conversation_id == conversation.c.id)
            .where(_among(languages, countries))
            .group_by(conversation.c.language, conversation.c.stay)
        )
        return {(language, stay): count for language, stay, count in self.connection.execute(query)}

    def candidates(
        self, languages: Sequence[str], countries: Sequence[str], after: str, limit: int
    ) -> list[Candidate]:
        """Who wants news, in the order of their ids, beginning after `after`."""
        query = (
            select(conversation.c.id, conversation.c.channel, conversation.c.stay)
            .join(subscription, subscription.c.conversation_id == conversation.c.id)
            .where(subscription.c.conversation_id > after, _among(languages, countries))
            .order_by(subscription.c.conversation_id)
            .limit(limit)
        )
        return [Candidate(*row) for row in self.connection.execute(query)]

    def plan(self, broadcast_id: str, recipients: Sequence[tuple[Candidate, datetime]]) -> None:
        """Write recipients down with the moment from which they may be written to."""
        rows = [
            {
                "broadcast_id": broadcast_id,
                "conversation_id": candidate.conversation,
                "channel": candidate.channel,
                "state": Reached.WAITING,
                "reason": "",
                "due": due,
            }
            for candidate, due in recipients
        ]
        if rows:
            self.connection.execute(insert(self.connection, recipient).on_conflict_do_nothing(), rows)

    def due(self, broadcast_id: str, channel: str, now: datetime, limit: int) -> list[str]:
        """Conversations that may be written to now."""
        query = (
            select(recipient.c.conversation_id)
            .where(
                recipient.c.broadcast_id == broadcast_id,
                recipient.c.state == Reached.WAITING,
                recipient.c.channel == channel,
                recipient.c.due <= now,
            )
            .order_by(recipient.c.due)
            .limit(limit)
        )
        return list(self.connection.execute(query).scalars())

    def defer(self, broadcast_id: str, conversation_id: str, until: datetime) -> None:
        """Not now, but later."""
        self.connection.execute(update(recipient).where(_one(broadcast_id, conversation_id)).values(due=until))

    def reach(self, broadcast_id: str, conversation_id: str, state: Reached, reason: str = "") -> bool:
        """Move a recipient on, never back; False when there is none."""
        before = and_(_one(broadcast_id, conversation_id), recipient.c.state < state)
        change = update(recipient).where(before).values(state=state, reason=reason)
        return self.connection.execute(change).rowcount == 1

    def is_left(self, broadcast_id: str) -> bool:
        """Whether anybody waits."""
        waits = and_(recipient.c.broadcast_id == broadcast_id, recipient.c.state == Reached.WAITING)
        return bool(self.connection.execute(select(exists().where(waits))).scalar())

    def crowd(self, broadcast_id: str) -> Crowd:
        """How many recipients stand where."""
        query = (
            select(recipient.c.state, recipient.c.reason, func.count())
            .where(recipient.c.broadcast_id == broadcast_id)
            .group_by(recipient.c.state, recipient.c.reason)
        )
        counts: dict[int, int] = {}
        skipped: dict[str, int] = {}
        for state, reason, count in self.connection.execute(query):
            counts[state] = counts.get(state, 0) + count
            if state == Reached.SKIPPED:
                skipped[reason] = count
        return Crowd(
            total=sum(counts.values()),
            waiting=counts.get(Reached.WAITING, 0),
            handed_over=counts.get(Reached.HANDED_OVER, 0) + counts.get(Reached.SHOWN, 0),
            shown=counts.get(Reached.SHOWN, 0),
            skipped=skipped,
        )

    def unsent(self, channel: str) -> int:
        """News in the outbox that the platform has not taken yet."""
        waiting = and_(outbox.c.kind == "news", outbox.c.state != "dead", outbox.c.channel == channel)
        return self.connection.execute(select(func.count()).select_from(outbox).where(waiting)).scalar_one()

    def forget(self, before: datetime, limit: int) -> int:
        """Delete broadcasts made before, with their recipients."""
        old = select(broadcast_table.c.id).where(broadcast_table.c.created < before).limit(limit)
        ids = list(self.connection.execute(old).scalars())
        if ids:
            self.connection.execute(delete(recipient).where(recipient.c.broadcast_id.in_(ids)))
            self.connection.execute(delete(broadcast_table).where(broadcast_table.c.id.in_(ids)))
        return len(ids)

    def _first(self, query: Any) -> Broadcast | None:
        row = self.connection.execute(query).first()
        return None if row is None else _record(row)


def _record(row: Any) -> Broadcast:
    return Broadcast(
        id=row.id,
        title=row.title,
        texts=row.texts,
        countries=tuple(row.countries.split()),
        state=BroadcastState(row.state),
        author=row.author,
        created=row.created,
        confirmed_by=row.confirmed_by,
        planned=row.planned,
        cursor=row.cursor,
        finished=row.finished,
    )


def _one(broadcast_id: str, conversation_id: str) -> ColumnElement[bool]:
    return and_(recipient.c.broadcast_id == broadcast_id, recipient.c.conversation_id == conversation_id)


def _among(languages: Sequence[str], countries: Sequence[str]) -> ColumnElement[bool]:
    wanted = [*languages, *([""] if UNKNOWN_LANGUAGE in languages else [])]
    chosen = conversation.c.language.in_(wanted)
    return and_(chosen, conversation.c.stay.in_(countries)) if countries else chosen
