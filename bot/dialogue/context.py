"""What the dialogue must know of the world outside the conversation; handed in, never looked up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Desk:
    """Whether a person can be reached, as the caller should hear it."""

    open: bool = False  # within hours, and at least one operator on shift who has the caller's language
    speaks: bool = False  # some operator has the caller's language, on shift or not
    ahead: int = 0  # cases before this one in the queue
    opens_at: datetime | None = None  # UTC, when the desk opens next; None when unknown


@dataclass(frozen=True, slots=True)
class Context:
    """The moment of a turn."""

    now: datetime  # UTC
    channel: str = ""
    desk: Desk = Desk()
    backlog: bool = False  # the message waited over an hour: one apology and the menu, no stale answer
    can_write_first: bool = False  # the channel reaches the caller later, without being written to
    can_delete: bool = True  # the channel can delete messages (Telegram: younger than 48 h)
