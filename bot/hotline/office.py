"""What the operators' desk keeps, as repositories of a transaction: `Ledger.office`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from bot.hotline.newsletter import Broadcasts
from bot.hotline.records import Case, CaseEvent
from bot.hotline.team import (
    AuditEntry,
    Duty,
    Invite,
    Login,
    Presence,
    Remark,
    RemarkKind,
    Shift,
    Snippet,
    Staff,
    Wait,
)


class StaffRepository(Protocol):
    """Accounts."""

    def get(self, staff_id: str) -> Staff | None: ...

    def named(self, name: str) -> Staff | None:
        """By name, in any case of letters."""
        ...

    def all(self) -> list[Staff]: ...

    def speakers(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every operator who is not disabled, with the languages spoken."""
        ...

    def add(self, new: Staff) -> bool:
        """False when the name is taken."""
        ...

    def change(self, staff_id: str, **fields: Any) -> bool:
        """Replace fields of `Staff` by name."""
        ...


class Logins(Protocol):
    """Browser sessions, invitations and failed attempts. A key is the hash of a secret that only the browser has."""

    def add(self, key: bytes, new: Login) -> None: ...

    def get(self, key: bytes) -> Login | None: ...

    def touch(self, key: bytes, now: datetime) -> None: ...

    def remove(self, key: bytes) -> None: ...

    def remove_of(self, staff_id: str) -> None: ...

    def of(self, staff_id: str) -> list[tuple[bytes, Login]]:
        """A person's sessions with their keys."""
        ...

    def invite(self, key: bytes, invite: Invite) -> None: ...

    def invited(self, key: bytes, now: datetime) -> Invite | None:
        """The invitation, while it is valid."""
        ...

    def redeem(self, key: bytes, now: datetime) -> Invite | None:
        """Use the invitation up; None when someone else did or it is too old."""
        ...

    def attempts(self, subject: str) -> tuple[int, datetime | None]:
        """Failures in a row for an account or an address, and until when it is refused."""
        ...

    def failed(self, subject: str, count: int, until: datetime | None, now: datetime) -> None: ...

    def cleared(self, subject: str) -> None: ...

    def forget(self, seen_before: datetime, created_before: datetime, now: datetime) -> int:
        """Delete sessions, invitations and attempts that are over."""
        ...


class Presences(Protocol):
    """Who is on duty."""

    def get(self, staff_id: str) -> Presence | None: ...

    def all(self) -> list[Presence]: ...

    def set(self, staff_id: str, duty: Duty, now: datetime, until: datetime | None = None) -> None:
        """Begin or end a shift or a break; wakes "desk"."""
        ...

    def beat(self, staff_id: str, now: datetime) -> None:
        """An open console of this person was heard of."""
        ...

    def shifts(self, since: datetime) -> list[Shift]: ...


class Audit(Protocol):
    """Who did and opened what: only ever appended to."""

    def append(self, at: datetime, who: str, act: str, target: str = "", detail: str = "") -> None: ...

    def page(self, limit: int = 100, before: int | None = None, target: str = "") -> list[AuditEntry]:
        """The latest first."""
        ...

    def broken(self) -> str:
        """ "" when the chain is whole, else where it is not."""
        ...

    def count(self) -> int: ...


class Remarks(Protocol):
    """Private notes and the side channel."""

    def add(self, conversation: str, case: str, author: str, kind: RemarkKind, *, text: str, now: datetime) -> int:
        """Wakes the case."""
        ...

    def of(self, conversation: str, limit: int = 200) -> list[Remark]:
        """Oldest first, over all cases of the conversation."""
        ...

    def unanswered(self, cases: Sequence[str]) -> set[str]:
        """Those of the cases whose last question to a supervisor has no answer."""
        ...


class Drafts(Protocol):
    """What an operator has written and not sent, and who looks at which case."""

    def put(self, conversation: str, staff: str, text: str, now: datetime) -> None: ...

    def get(self, conversation: str, staff: str) -> str: ...

    def look(self, case: str, staff: str, now: datetime) -> bool:
        """Someone has the case open; True (and the case is woken) when that is new."""
        ...

    def leave(self, case: str, staff: str) -> None: ...

    def looking(self, case: str, since: datetime) -> list[str]: ...


class Parcels(Protocol):
    """Files that operators send, encrypted; each goes with its case."""

    def put(self, parcel_id: str, conversation: str, case: str, data: bytes, now: datetime) -> None: ...

    def get(self, parcel_id: str, conversation: str) -> bytes:
        """The file, if it was sent in this conversation; empty when it is gone."""
        ...


class Snippets(Protocol):
    """Operators' own replies."""

    def of(self, owner: str) -> list[Snippet]: ...

    def put(self, owner: str, title: str, texts: Mapping[str, str], snippet: int | None = None) -> int: ...

    def remove(self, owner: str, snippet: int) -> bool: ...


class Board(Protocol):
    """What supervisors look at, over all cases."""

    def waits(self, since: datetime) -> list[Wait]:
        """Every case opened since then, with the moment a person first took it."""
        ...

    def events(self, kinds: Iterable[str], since: datetime, limit: int = 100) -> list[CaseEvent]:
        """Of any case, the latest first."""
        ...

    def queue(self, languages: Sequence[str] = ()) -> tuple[dict[str, int], datetime | None]:
        """How many wait by urgency, and since when the first; with `languages` only those. Reads no case."""
        ...

    def of(self, conversation: str) -> list[Case]:
        """Every case of a conversation, the latest first."""
        ...

    def last_heard(self) -> datetime | None:
        """When any caller last wrote."""
        ...

    def closed(self, operator: str, since: datetime) -> int:
        """How many cases this operator closed."""
        ...

    def outcomes(self, since: datetime) -> dict[str, tuple[int, int, int]]:
        """Outcome -> (closed, found useful, found useless)."""
        ...


class Office(Protocol):
    """The desk's part of one transaction."""

    @property
    def staff(self) -> StaffRepository: ...
    @property
    def logins(self) -> Logins: ...
    @property
    def presences(self) -> Presences: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def remarks(self) -> Remarks: ...
    @property
    def drafts(self) -> Drafts: ...
    @property
    def parcels(self) -> Parcels: ...
    @property
    def snippets(self) -> Snippets: ...
    @property
    def board(self) -> Board: ...
    @property
    def broadcasts(self) -> Broadcasts: ...
