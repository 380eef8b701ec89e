"""What the store keeps of news: who wants it, what is sent, and to whom it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Protocol

from bot.dialogue.reply import Reply


class BroadcastState(StrEnum):
    """Where a broadcast stands."""

    DRAFT = "draft"  # waits for another person's word
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


class Reached(IntEnum):
    """Where one recipient of a broadcast stands."""

    WAITING = 0
    HANDED_OVER = 1  # the preview is in the outbox or beyond it
    SHOWN = 2  # asked to see it
    SKIPPED = 3  # not to be written to any more: see the reason


@dataclass(frozen=True, slots=True)
class Broadcast:
    """News for many."""

    id: str
    title: str  # for those who send it
    texts: Mapping[str, str] = field(repr=False)  # by language; whoever's language is missing is left out
    countries: tuple[str, ...]  # of stay; empty: everywhere
    state: BroadcastState
    author: str
    created: datetime
    confirmed_by: str = ""
    planned: bool = False  # every recipient is written down
    cursor: str = ""  # the last conversation looked at while planning
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """Someone who wants news."""

    conversation: str
    channel: str
    stay: str


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many recipients stand where."""

    total: int = 0
    waiting: int = 0
    handed_over: int = 0
    shown: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)  # by reason


class Broadcasts(Protocol):
    """News, its recipients, and who wants any."""

    def subscribe(self, conversation: str, at: datetime) -> None: ...

    def unsubscribe(self, conversation: str) -> None:
        """Also takes the caller out of what waits to be sent."""
        ...

    def is_subscribed(self, conversation: str) -> bool: ...

    def expire(self, silent_since: datetime, limit: int) -> int:
        """End the subscriptions of callers not heard of since; how many."""
        ...

    def add(self, broadcast: Broadcast) -> None: ...

    def get(self, broadcast: str) -> Broadcast | None: ...

    def named(self, beginning: str) -> list[Broadcast]:
        """Those whose id begins so."""
        ...

    def all(self, limit: int = 100) -> list[Broadcast]:
        """The latest first."""
        ...

    def running(self) -> list[str]:
        """The ids of those being sent, the latest first."""
        ...

    def lock(self, broadcast: str) -> Broadcast | None:
        """The broadcast, kept from others until commit."""
        ...

    def change(self, broadcast: str, was: Sequence[BroadcastState], **fields: Any) -> bool:
        """Replace fields if it is in one of these states; False when not."""
        ...

    def audience(self, languages: Sequence[str], countries: Sequence[str]) -> dict[tuple[str, str], int]:
        """(language, stay) -> how many want news."""
        ...

    def candidates(
        self, languages: Sequence[str], countries: Sequence[str], after: str, limit: int
    ) -> list[Candidate]:
        """Who wants news, in the order of their ids, beginning after `after`."""
        ...

    def plan(self, broadcast: str, recipients: Sequence[tuple[Candidate, datetime]]) -> None:
        """Write recipients down with the moment from which they may be written to."""
        ...

    def due(self, broadcast: str, channel: str, now: datetime, limit: int) -> list[str]:
        """Conversations that may be written to now."""
        ...

    def defer(self, broadcast: str, conversation: str, until: datetime) -> None: ...

    def reach(self, broadcast: str, conversation: str, state: Reached, reason: str = "") -> bool:
        """Move a recipient on, never back; False when there is none."""
        ...

    def is_left(self, broadcast: str) -> bool:
        """Whether anybody waits."""
        ...

    def crowd(self, broadcast: str) -> Crowd: ...

    def unsent(self, channel: str) -> int:
        """News in the outbox that the platform has not taken yet."""
        ...

    def forget(self, before: datetime, limit: int) -> int:
        """Delete broadcasts made before, with their recipients."""
        ...


def shown_text(news: Broadcasts, conversation: str, broadcast: str, language: str, frame: Reply) -> Reply:
    """What is shown after the tap: the broadcast's text, or the frame as it is when there is none any more."""
    known = news.get(broadcast)
    if known is None or known.state is BroadcastState.CANCELLED or language not in known.texts:
        return frame
    news.reach(broadcast, conversation, Reached.SHOWN)
    return replace(frame, text=known.texts[language])
