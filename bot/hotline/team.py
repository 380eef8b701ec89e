"""Those who work at the hotline, as the store hands them out: frozen dataclasses, never rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a person may do; one person may have several."""

    OPERATOR = "operator"  # talks with callers
    SUPERVISOR = "supervisor"  # sees every case, reassigns, answers operators, reads the audit log
    EDITOR = "editor"  # reads content and what was not answered; no case
    ADMIN = "admin"  # makes and disables users; no case


CONSOLE_LANGUAGES = ("ru", "kk", "ky", "tg", "uz", "en")  # of the console's own words
SECOND_FACTOR_ROLES = frozenset({Role.SUPERVISOR, Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Staff:
    """One account. Secrets stay out of `repr`."""

    id: str
    name: str = field(repr=False)  # to log in with, and as colleagues see it; never shown to a caller
    roles: frozenset[Role]
    languages: tuple[str, ...]  # spoken with callers: ru, kk, ky, tg, uz
    language: str  # of the console
    created: datetime
    password: str = field(default="", repr=False)  # Argon2id; "" until the invitation was used
    totp: str = field(default="", repr=False)  # base32; encrypted at rest; "" until enrolled
    totp_step: int = 0  # the last time step accepted, so that a code works once
    recovery: tuple[str, ...] = field(default=(), repr=False)  # SHA-256 of codes not used yet
    limit: int = 4  # cases at a time
    disabled: bool = False

    def may(self, *roles: Role) -> bool:
        """Whether the person has at least one of these roles and is not disabled."""
        return not self.disabled and bool(self.roles & set(roles))

    @property
    def needs_second_factor(self) -> bool:
        """Supervisors and admins always; others once they enrolled."""
        return bool(self.totp) or bool(self.roles & SECOND_FACTOR_ROLES)


@dataclass(frozen=True, slots=True)
class Login:
    """A session of a browser. The token itself is only in the browser's cookie."""

    staff: str
    created: datetime
    seen: datetime
    complete: bool  # False: the password was right, the second factor is still to come


@dataclass(frozen=True, slots=True)
class Invite:
    """A link that works once: to set a password, or to become the first admin."""

    staff: str  # "" : makes the first admin
    expires: datetime


class Duty(StrEnum):
    """Whether an operator can be given cases."""

    OFF = "off"
    ON = "on"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Presence:
    """An operator's state."""

    staff: str
    duty: Duty
    since: datetime
    seen: datetime  # the last heartbeat of an open console
    until: datetime | None = None  # when a break ends by itself


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did or opened what; each is chained to the one before."""

    id: int
    at: datetime
    who: str  # a staff id, "system" or "nobody"
    act: str
    target: str  # a case's, an account's or an intent's short id
    detail: str = ""
    seal: bytes = field(default=b"", repr=False)


class RemarkKind(StrEnum):
    """What operators write to each other beside the talk. Never sent to a caller: it lies in a table of its own."""

    NOTE = "note"
    ASK = "ask"  # to the supervisors
    ADVICE = "advice"  # a supervisor's answer
    TRANSFER = "transfer"


@dataclass(frozen=True, slots=True)
class Remark:
    """One private remark."""

    id: int
    case: str
    at: datetime
    author: str
    kind: RemarkKind
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Snippet:
    """An operator's own reply, one text for each language."""

    id: int
    owner: str
    title: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch of work, for the supervisors."""

    staff: str
    started: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a case waited until a person took it."""

    urgency: str
    language: str
    opened: datetime
    taken: datetime | None
