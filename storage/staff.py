"""The tables of accounts, browser sessions, invitations and failed logins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, delete, or_, select, update

from bot.hotline.team import Invite, Login, Role, Staff
from storage.column import Instant, Sealed, SealedJson
from storage.database import insert, metadata
from storage.rows import Rows

staff = Table(
    "staff",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name_key", String(128), nullable=False, unique=True),  # folded, to log in with
    Column("name", String(64), nullable=False),
    Column("roles", String(64), nullable=False),  # by space
    Column("languages", String(64), nullable=False),  # by space
    Column("language", String(8), nullable=False),
    Column("created", Instant, nullable=False),
    Column("password", String(256), nullable=False, default=""),
    Column("totp", Sealed("staff.totp"), nullable=False),
    Column("totp_step", Integer, nullable=False, default=0),
    Column("recovery", SealedJson("staff.recovery")),
    Column("case_limit", Integer, nullable=False, default=4),
    Column("disabled", Boolean, nullable=False, default=False),
)

login = Table(
    "staff_login",
    metadata,
    Column("key", LargeBinary, primary_key=True),  # SHA-256 of the token
    Column("staff_id", String(32), nullable=False),
    Column("created", Instant, nullable=False),
    Column("seen", Instant, nullable=False),
    Column("complete", Boolean, nullable=False),
    Index("ix_staff_login_staff_id", "staff_id"),
)

invitation = Table(
    "staff_invite",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("staff_id", String(32), nullable=False),
    Column("expires", Instant, nullable=False),
)

attempt = Table(
    "staff_attempt",
    metadata,
    Column("key", LargeBinary, primary_key=True),  # keyed hash of an account's name or an address
    Column("count", Integer, nullable=False),
    Column("until", Instant),
    Column("at", Instant, nullable=False),
)

_COLUMNS = {"limit": "case_limit"}  # fields of Staff whose column has another name
_ATTEMPT = "login attempt"


class StaffRows(Rows):
    """Implements `bot.hotline.office.StaffRepository`."""

    def get(self, staff_id: str) -> Staff | None:
        """By id."""
        return _staff(self.connection.execute(select(staff).where(staff.c.id == staff_id)).first())

    def named(self, name: str) -> Staff | None:
        """By name, in any case of letters."""
        return _staff(self.connection.execute(select(staff).where(staff.c.name_key == _folded(name))).first())

    def all(self) -> list[Staff]:
        """By name."""
        rows = self.connection.execute(select(staff).order_by(staff.c.name_key))
        return [found for row in rows if (found := _staff(row))]

    def speakers(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every operator who is not disabled, with the languages spoken; nothing is decrypted for it."""
        query = select(staff.c.id, staff.c.languages, staff.c.roles).where(staff.c.disabled.is_(False))
        rows = self.connection.execute(query)
        return [(row.id, tuple(row.languages.split())) for row in rows if Role.OPERATOR in row.roles.split()]

    def add(self, new: Staff) -> bool:
        """False when the name is taken."""
        fields = (
            "name",
            "roles",
            "languages",
            "language",
            "password",
            "totp",
            "totp_step",
            "recovery",
            "limit",
            "disabled",
        )
        values = _values({field: getattr(new, field) for field in fields})
        statement = insert(self.connection, staff).values(id=new.id, created=new.created, **values)
        done = self.connection.execute(statement.on_conflict_do_nothing(index_elements=["name_key"]))
        self.wake("desk")
        return done.rowcount == 1

    def change(self, staff_id: str, **fields: Any) -> bool:
        """Replace fields of `Staff` by name."""
        done = self.connection.execute(update(staff).where(staff.c.id == staff_id).values(_values(fields)))
        self.wake("desk")
        return done.rowcount == 1


class LoginRows(Rows):
    """Implements `bot.hotline.office.Logins`."""

    def add(self, key: bytes, new: Login) -> None:
        """A browser logged in."""
        self.connection.execute(
            login.insert().values(
                key=key, staff_id=new.staff, created=new.created, seen=new.seen, complete=new.complete
            )
        )

    def get(self, key: bytes) -> Login | None:
        """By the hash of its token."""
        row = self.connection.execute(select(login).where(login.c.key == key)).first()
        return Login(row.staff_id, row.created, row.seen, row.complete) if row else None

    def touch(self, key: bytes, now: datetime) -> None:
        """The browser was heard of."""
        self.connection.execute(update(login).where(login.c.key == key).values(seen=now))

    def remove(self, key: bytes) -> None:
        """Logged out."""
        self.connection.execute(delete(login).where(login.c.key == key))

    def remove_of(self, staff_id: str) -> None:
        """Log a person out everywhere."""
        self.connection.execute(delete(login).where(login.c.staff_id == staff_id))

    def of(self, staff_id: str) -> list[tuple[bytes, Login]]:
        """A person's sessions with their keys."""
        rows = self.connection.execute(select(login).where(login.c.staff_id == staff_id))
        return [(row.key, Login(row.staff_id, row.created, row.seen, row.complete)) for row in rows]

    def invite(self, key: bytes, invite: Invite) -> None:
        """Keep an invitation; earlier ones for the same account end."""
        self.connection.execute(delete(invitation).where(invitation.c.staff_id == invite.staff))
        self.connection.execute(invitation.insert().values(key=key, staff_id=invite.staff, expires=invite.expires))

    def invited(self, key: bytes, now: datetime) -> Invite | None:
        """The invitation, while it is valid."""
        row = self.connection.execute(select(invitation).where(invitation.c.key == key)).first()
        return Invite(row.staff_id, row.expires) if row and row.expires > now else None

    def redeem(self, key: bytes, now: datetime) -> Invite | None:
        """Use the invitation up; None when someone else did or it is too old."""
        found = self.invited(key, now)
        gone = self.connection.execute(delete(invitation).where(invitation.c.key == key))
        return found if gone.rowcount == 1 else None

    def attempts(self, subject: str) -> tuple[int, datetime | None]:
        """Failures in a row, and until when the subject is refused."""
        query = select(attempt.c.count, attempt.c.until).where(
            attempt.c.key.in_(self.cipher.lookups(_ATTEMPT, subject))
        )
        row = self.connection.execute(query).first()
        return (row[0], row[1]) if row else (0, None)

    def failed(self, subject: str, count: int, until: datetime | None, now: datetime) -> None:
        """Note a failure."""
        new = insert(self.connection, attempt).values(
            key=self.cipher.lookup(_ATTEMPT, subject), count=count, until=until, at=now
        )
        self.connection.execute(
            new.on_conflict_do_update(index_elements=["key"], set_={"count": count, "until": until, "at": now})
        )

    def cleared(self, subject: str) -> None:
        """A login went well."""
        self.connection.execute(delete(attempt).where(attempt.c.key.in_(self.cipher.lookups(_ATTEMPT, subject))))

    def forget(self, seen_before: datetime, created_before: datetime, now: datetime) -> int:
        """Delete sessions, invitations and attempts that are over."""
        over = or_(login.c.seen < seen_before, login.c.created < created_before)
        gone = self.connection.execute(delete(login).where(over)).rowcount
        gone += self.connection.execute(delete(invitation).where(invitation.c.expires < now)).rowcount
        gone += self.connection.execute(delete(attempt).where(attempt.c.at < created_before)).rowcount
        return gone


def _values(fields: dict[str, Any]) -> dict[str, Any]:
    values = {_COLUMNS.get(name, name): value for name, value in fields.items()}
    if "roles" in values:
        values["roles"] = " ".join(sorted(role.value for role in values["roles"]))
    if "languages" in values:
        values["languages"] = " ".join(values["languages"])
    if "recovery" in values:
        values["recovery"] = list(values["recovery"]) or None
    if "name" in values:
        values["name_key"] = _folded(values["name"])
    return values


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _staff(row: Any) -> Staff | None:
    if row is None:
        return None
    return Staff(
        id=row.id,
        name=row.name,
        roles=frozenset(Role(role) for role in row.roles.split()),
        languages=tuple(row.languages.split()),
        language=row.language,
        created=row.created,
        password=row.password,
        totp=row.totp,
        totp_step=row.totp_step,
        recovery=tuple(row.recovery or ()),
        limit=row.case_limit,
        disabled=row.disabled,
    )
