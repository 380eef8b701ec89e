"""One transaction's view of the store: repositories that take and give frozen dataclasses.

Writers lock in this order, so that two transactions never wait for each other: seen, conversation, the conversation's
incoming lane, its outgoing lane, everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.dialogue.message import Envelope
from bot.dialogue.session import Session
from bot.hotline.findings import Findings
from bot.hotline.office import Office
from bot.hotline.records import (
    Arrival,
    Case,
    CaseEvent,
    CaseState,
    Conversation,
    DeadLetter,
    Depth,
    Direction,
    Incoming,
    Json,
    Lane,
    Line,
    Outgoing,
    Status,
)
from bot.hotline.records import (
    FloodLimit as FloodLimit,  # noqa: PLC0414 - others take it from here
)
from bot.matching.match import Urgency


class Conversations(Protocol):
    """Callers, each in one channel."""

    def get(self, conversation: str) -> Conversation | None: ...

    def find(self, channel: str, address: str) -> Conversation | None: ...

    def save(self, conversation: str, session: Session, language: str, stay: str, last_out: datetime | None) -> bool:
        """Store the session (and lock the row); False when the conversation was erased."""
        ...

    def lock(self, conversation: str) -> bool:
        """Keep others from changing it until commit; False when it was erased."""
        ...

    def set_cleared(self, conversation: str, at: datetime) -> None: ...

    def set_apologised(self, conversation: str, at: datetime) -> None: ...

    def set_unreachable(self, conversation: str, at: datetime | None) -> None: ...

    def idle(self, before: datetime, limit: int) -> list[str]:
        """Conversations silent since `before` that no case, inbox or outbox row needs any more and that want no news."""
        ...

    def put_note(self, conversation: str, key: str, value: str, at: datetime, case: str | None = None) -> None:
        """Set a fact, "" deletes it; one agreed in a `case` is deleted with it."""
        ...

    def notes(self, conversation: str) -> dict[str, str]: ...


class InboxRows(Protocol):
    """Messages that came in and wait for their turn."""

    def add(self, envelope: Envelope, priority: int, limit: FloodLimit, now: datetime) -> bool:
        """Take one message in, as `add_all` does."""
        ...

    def add_all(
        self, arrivals: Sequence[Arrival], limit: FloodLimit, now: datetime, *, late: bool = False
    ) -> list[bool]:
        """Take messages in; for each, False when its (channel, external id) was seen within 48 h.

        `late`: they waited on disk and have their turn before what came after them.
        """
        ...

    def heads(self, conversations: Sequence[str]) -> list[Incoming]:
        """The first waiting message of each conversation, with its open case."""
        ...

    def waiting(self, conversation: str) -> int | None:
        """The highest priority of what waits in the conversation; None when nothing does."""
        ...

    def finish(self, incoming: int) -> bool:
        """Delete the row: the exactly-once token. False when someone else did."""
        ...

    def fail(self, incoming: int, error: str) -> int:
        """Count a failure of the responder; how many there are now."""
        ...

    def bury(self, incoming: int, error: str) -> bool:
        """Make it a dead letter; False when it is no longer waiting."""
        ...

    def forget_seen(self, before: datetime, limit: int) -> int: ...


class Lanes(Protocol):
    """Who works on which conversation. A queue is "in" or "out:<channel>"."""

    def claim(self, queue: str, owner: str, now: datetime, lease: float, limit: int) -> list[Lane]:
        """Take up to `limit` due lanes for `lease` seconds: highest priority first, then longest due."""
        ...

    def hold(self, lane: str, owner: str) -> bool:
        """Lock the lane's row; False when it is no longer ours."""
        ...

    def release(self, lane: str, owner: str, next_at: datetime, more: bool, priority: int) -> bool:
        """Give it back, due at `next_at` when `more` waits; False when it was no longer ours."""
        ...

    def release_all(self, lanes: Sequence[tuple[Lane, datetime, int | None]]) -> None:
        """Give back lanes that are surely ours: when each is due, and the priority of what waits (None: nothing)."""
        ...

    def put_back(self, lane: str, owner: str) -> None:
        """Give it back as it was before the claim."""
        ...

    def next_due(self, queue: str, now: datetime) -> datetime | None:
        """When the next lane that nobody holds falls due."""
        ...

    def free(self, owner_prefix: str) -> int:
        """Give back what owners with this prefix hold; how many lanes."""
        ...

    def forget_idle(self, before: datetime, limit: int) -> int: ...


class Lines(Protocol):
    """The transcript."""

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
        ...

    def of(self, conversation: str, after: int = 0, limit: int = 200, since: datetime | None = None) -> list[Line]:
        """Lines with an id over `after` and not older than `since`, oldest first."""
        ...

    def get(self, conversation: str, line: int, since: datetime | None = None) -> Line | None:
        """One line of the conversation, not older than `since`."""
        ...

    def tail(self, conversation: str, limit: int = 50) -> list[Line]:
        """The latest lines, oldest first."""
        ...

    def last_question(self, conversation: str) -> str:
        """The caller's last line that has a text, "" when there is none."""
        ...

    def sent(self, parts: Sequence[tuple[Outgoing, str]]) -> None:
        """Parts, each of another line, were taken by the platform: keep their ids; with its last part a line is SENT."""
        ...

    def advance(self, line: int, status: Status) -> bool:
        """Move the status forward; False when it was there or further."""
        ...

    def advance_reference(self, channel: str, reference: str, status: Status) -> bool: ...

    def move(self, conversation: str, reference: str, place: tuple[float, float], at: datetime) -> bool:
        """Put a newer place into the line of a location; False when there is no such line, or it knows a newer one."""
        ...

    def references(self, conversation: str, since: datetime, until: datetime) -> list[str]:
        """The platform's ids of the conversation's messages, both ways, from `since` to before `until`."""
        ...

    def forget_references(self, conversation: str, until: datetime) -> None: ...

    def forget(self, before: datetime, case_before: datetime, limit: int) -> int:
        """Delete lines older than `before`, of conversations with a case only those older than `case_before`."""
        ...


class OutboxRows(Protocol):
    """Platform messages that wait to be sent, in order within a lane."""

    def add(
        self,
        lane_id: str,
        channel: str,
        address: str,
        payloads: Sequence[Json],
        now: datetime,
        *,
        line: int | None = None,
        kind: str = "send",
        priority: int = 0,
    ) -> None:
        """Queue payloads behind what the lane holds, and wake the sender."""
        ...

    def take(self, lanes: Sequence[str]) -> list[Outgoing]:
        """The first row of each lane, marked "sending" so that a crash shows."""
        ...

    def finish(self, done: Sequence[tuple[int, Lane]]) -> set[int]:
        """Remove what was done and lock the lanes' rows; those of which row and our hold on the lane were still there."""
        ...

    def retry_later(self, outgoing: int, error: str, counted: bool) -> None:
        """It failed for now: back to "queued"."""
        ...

    def bury(self, outgoing: int, error: str) -> None:
        """It failed for good: a dead letter, or nothing at all when its caller was erased."""
        ...

    def more(self, lanes: Sequence[str]) -> dict[str, int]:
        """The highest priority of what each lane still holds; empty ones are left out."""
        ...

    def cancel(self, lane_id: str, error: str) -> int:
        """Bury all that waits in a lane (the caller blocked the bot)."""
        ...

    def withdraw(self, lane_id: str) -> None:
        """Forget what waits in a lane and is not being sent (the caller left in a hurry)."""
        ...


class Pace(Protocol):
    """One budget of sends a second for each channel, shared by all processes."""

    def budget(self, channel: str, overall: float, now: datetime, wanted: int) -> int:
        """How many sends are free now, at most `wanted`; locks the channel's row. 0 while paused."""
        ...

    def spend(self, channel: str, count: int) -> None: ...

    def pause(self, channel: str, until: datetime) -> None:
        """The platform said 429: nobody sends until then."""
        ...

    def paused_until(self, channel: str) -> datetime | None: ...


class Cases(Protocol):
    """Conversations that wait for a person or are with one. The rules are in `bot.hotline.cases`."""

    def add(self, case: Case) -> bool:
        """False when the conversation has an open case."""
        ...

    def get(self, case: str) -> Case | None: ...

    def open_of(self, conversation: str) -> Case | None: ...

    def last_of(self, conversation: str) -> Case | None: ...

    def change(
        self,
        case: str,
        was: Sequence[CaseState],
        *,
        state: CaseState | None = None,
        urgency: Urgency | None = None,
        reason: str | None = None,
        intent: str | None = None,
        signals: Sequence[Json] | None = None,
        waiting_since: datetime | None = None,
        operator: str | None = None,
        offered_until: datetime | None = None,
        closed: datetime | None = None,
        outcome: str | None = None,
        useful: bool | None = None,
    ) -> bool:
        """Change the case if it is in one of the states `was`; False when not. Leaving OFFERED ends the offer."""
        ...

    def waiting(self, now: datetime, languages: Sequence[str] = (), limit: int = 50) -> list[Case]:
        """Cases in WAITING, most urgent first; with `languages` only those."""
        ...

    def ahead(self, case: Case, now: datetime) -> int:
        """How many waiting cases come before this one."""
        ...

    def with_operator(self, operator: str) -> list[Case]: ...

    def in_state(self, states: Sequence[CaseState], limit: int = 500) -> list[Case]: ...

    def expired_offers(self, now: datetime, limit: int) -> list[Case]: ...

    def record(self, case: str, at: datetime, kind: str, who: str, detail: Json | None = None) -> None:
        """Add an event; wakes "desk" and the case."""
        ...

    def events(self, case: str) -> list[CaseEvent]: ...

    def forget(self, closed_before: datetime, limit: int) -> int: ...


class Leases(Protocol):
    """Periodic jobs, each run by one process at a time."""

    def take(self, name: str, owner: str, now: datetime, every: float, lease: float) -> bool:
        """True when the job is due and nobody has it: it is ours for `lease` seconds, due again after `every`."""
        ...

    def done(self, name: str, owner: str) -> None: ...


class Letters(Protocol):
    """Dead letters of both ways, and what waits."""

    def dead(self, limit: int = 100) -> list[DeadLetter]: ...

    def revive(self, direction: str, id: int, now: datetime) -> bool:  # noqa: A002 - it is the letter's id
        """Try it once more; False when there is no such dead letter."""
        ...

    def discard(self, direction: str, id: int) -> bool: ...  # noqa: A002 - it is the letter's id

    def forget(self, before: datetime, limit: int) -> int:
        """Delete dead letters older than `before`; how many."""
        ...

    def depth(self, now: datetime) -> Depth: ...


class Ledger(Protocol):
    """One transaction."""

    @property
    def conversations(self) -> Conversations: ...
    @property
    def inbox(self) -> InboxRows: ...
    @property
    def lanes(self) -> Lanes: ...
    @property
    def lines(self) -> Lines: ...
    @property
    def outbox(self) -> OutboxRows: ...
    @property
    def pace(self) -> Pace: ...
    @property
    def cases(self) -> Cases: ...
    @property
    def findings(self) -> Findings: ...
    @property
    def leases(self) -> Leases: ...
    @property
    def letters(self) -> Letters: ...
    @property
    def office(self) -> Office: ...

    def wake(self, topic: str) -> None:
        """Wake whoever waits for `topic`, once this is committed."""
        ...

    def erase(self, conversation: str) -> None:
        """Delete the conversation's rows in every table, at once."""
        ...
