"""What the dialogue wants done besides replying; the hotline carries it out in the same transaction."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.dialogue.reply import Reply
from bot.matching.match import DangerSignal, Urgency


@dataclass(frozen=True, slots=True)
class OpenCase:
    """Put the conversation before a person, or raise the urgency of the case it already has."""

    urgency: Urgency
    reason: str  # "asked", "danger", "missed_twice", "did_not_help", "media"
    intent: str = ""
    signals: tuple[DangerSignal, ...] = ()


@dataclass(frozen=True, slots=True)
class Erase:
    """Forget the conversation.

    `scope` "messages" deletes what the platform lets us delete (quick exit); "everything" also
    removes all rows of the caller (delete my data).
    """

    scope: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """The caller said whether an answer helped."""

    intent: str
    helped: bool


@dataclass(frozen=True, slots=True)
class Missed:
    """A message was not answered, or was answered and did not help: editors see it."""

    reason: str  # "fallback", "none_of_these", "did_not_help"
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rate:
    """The caller rated a talk with a person after it was closed."""

    useful: bool


@dataclass(frozen=True, slots=True)
class Note:
    """A fact about the caller worth showing to the operator: safe time, country, check word set."""

    key: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The caller wants news, or no more of it."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class ShowNews:
    """Send the text of a broadcast, in `frame`; when it is out of date, `frame` as it is."""

    broadcast: str
    language: str
    frame: Reply


Effect = OpenCase | Erase | Feedback | Missed | Rate | Note | Subscribe | ShowNews
