"""What the store hands out and takes in: frozen dataclasses, never rows.

Times are aware datetimes in UTC. Whatever a caller said, was told, or is reached by is kept out of `repr`, so that it
cannot slip into a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import Any

from bot.dialogue.message import Envelope, Message
from bot.dialogue.session import Session
from bot.matching.match import Urgency

Json = Mapping[str, Any]


class Direction(StrEnum):
    """Who said a line of the transcript."""

    IN = "in"  # the caller
    OUT = "out"  # the bot
    OPERATOR = "operator"
    SYSTEM = "system"  # shown to operators only: "taken", "language changed"


class Status(IntEnum):
    """How far an outgoing message came. It only grows, so a late "delivered" never undoes "read"."""

    QUEUED = 0
    SENT = 1  # the platform took it
    FAILED = 2  # may still be overtaken by a late "delivered"
    DELIVERED = 3
    READ = 4


class CaseState(StrEnum):
    """Where a case stands."""

    WAITING = "waiting"
    OFFERED = "offered"  # shown to one operator, who has until `offered_until` to take it
    OPERATOR = "operator"  # a person has it: the bot is mute
    SILENT = "silent"  # with an operator, but the caller does not write: the bot is mute
    CLOSED = "closed"


MUTE = (CaseState.OPERATOR, CaseState.SILENT)  # states in which a person speaks and the bot does not


@dataclass(frozen=True, slots=True)
class Conversation:
    """One caller in one channel."""

    id: str  # random, 32 hex digits; the only id that logs and operators see
    channel: str
    address: str = field(repr=False)  # the platform's; encrypted at rest
    session: Session = field(repr=False)
    language: str  # as chosen or detected, for routing and statistics
    stay: str
    created: datetime
    last_in: datetime
    last_out: datetime | None = None
    cleared: datetime | None = None  # quick exit: the caller is shown nothing said before
    apologised: datetime | None = None  # backlog: the last apology for not answering in time
    unreachable: datetime | None = None  # the caller blocked the bot; undone by their next message


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that waits for its turn, with what the turn needs."""

    id: int
    conversation: Conversation
    message: Message = field(repr=False)
    received: datetime
    priority: int  # 0 normal, 1 urgent, 2 emergency, as seen at the door
    flood: int  # 0: within the caller's limit; 1: the first beyond it; 2: further ones
    failures: int  # how often `respond` failed on it
    takeovers: int = 0  # how often a worker died over it
    case: Case | None = None  # the conversation's open case


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the transcript."""

    id: int
    conversation: str
    direction: Direction
    kind: str  # `bot.dialogue.message.Kind` of an incoming line, else "text"
    text: str = field(repr=False)
    detail: Json = field(repr=False)  # incoming: media, place, choice; outgoing: buttons, columns, final
    understood: Json = field(repr=False)  # intent, action, danger, language of an incoming line
    references: tuple[str, ...] = field(repr=False)  # the platform's ids of this line's messages
    status: Status
    created: datetime
    author: str = ""  # the operator's id
    client_id: str = ""  # made by the console, so that a double click sends once


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One platform message to send, or one deletion to carry out."""

    id: int
    lane: str  # the conversation's id; after "delete my data" a random one
    channel: str
    address: str = field(repr=False)
    kind: str  # "send" or "delete"
    payload: Json = field(repr=False)  # of `Channel.render`; for "delete" {"references": [...]}
    line: int | None  # the transcript line it belongs to; None when nothing is kept of it
    attempts: int
    created: datetime
    first: bool = True  # the first part of its line
    last: bool = True  # the last part of its line
    repeat: bool = False  # a process died while sending it: it may reach the caller twice
    state: str = "queued"  # or "sending", "dead"
    error: str = ""  # the last failure's class, never its text


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation that waits for a person or is with one."""

    id: str
    conversation: str
    channel: str
    language: str
    stay: str
    state: CaseState
    urgency: Urgency
    reason: str
    intent: str
    signals: tuple[Json, ...] = field(repr=False)  # {"rule", "phrase", "intent", "weight"}: why it is urgent
    opened: datetime
    waiting_since: datetime
    operator: str = ""  # who has it or is offered it
    offered_until: datetime | None = None
    closed: datetime | None = None
    outcome: str = ""
    useful: bool | None = None  # the caller's rating after closing


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One change of a case; kept as long as the case."""

    id: int
    case: str
    at: datetime
    kind: str  # "opened", "raised", "offered", "taken", "returned", "silent", "closed", "unreachable", …
    who: str  # an operator's id, "bot" or "caller"
    detail: Json = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be answered ("in") or delivered ("out")."""

    direction: str  # "in" or "out"
    id: int
    channel: str
    conversation: str
    created: datetime
    attempts: int
    error: str


@dataclass(frozen=True, slots=True)
class MissedQuestion:
    """A question that was not answered, redacted, for the editors."""

    id: int
    at: datetime
    language: str
    reason: str
    candidates: tuple[str, ...]
    text: str = field(repr=False)
    intent: str = ""  # what an editor chose
    done: datetime | None = None


def iso_week(day: date) -> str:
    """For example 2026-W48."""
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


@dataclass(frozen=True, slots=True)
class Tally:
    """Messages counted, without their text."""

    day: str  # ISO date, UTC
    channel: str
    language: str
    stay: str
    intent: str
    action: str
    urgency: str
    count: int = 1
    people: int = 0  # of them, those that were the first of their caller in this week, country, topic, urgency, language

    @property
    def week(self) -> str:
        """The ISO week of the day."""
        return iso_week(date.fromisoformat(self.day))


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A platform's word on a message we sent."""

    channel: str
    reference: str = field(repr=False)
    status: Status


@dataclass(frozen=True, slots=True)
class Move:
    """A live location moved: where the caller is now."""

    channel: str
    sender: str = field(repr=False)  # the platform's address of the conversation
    reference: str = field(repr=False)  # the message in which the location was sent
    place: tuple[float, float] = field(repr=False)  # latitude, longitude in degrees
    at: datetime  # when the platform learnt of it


@dataclass(frozen=True, slots=True)
class FloodLimit:
    """How many messages of one caller are answered within a time."""

    messages: int = 20
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that came in."""

    envelope: Envelope
    priority: int
    received: datetime  # a conversation's messages have their turn in this order


@dataclass(frozen=True, slots=True)
class Lane:
    """The right to work on one conversation, until `until`."""

    name: str
    owner: str
    until: datetime
    takeovers: int


@dataclass(frozen=True, slots=True)
class Depth:
    """How much waits."""

    incoming: int
    outgoing: int
    dead: int
    oldest_seconds: float  # of the oldest incoming message
    cases: int  # waiting or offered
