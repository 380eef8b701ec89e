"""Accounts of those who work here, and how they log in."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.dialogue.knowledge import N_
from bot.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError
from bot.hotline import credential
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Clock, Store
from bot.hotline.proof import Proof, count_proof, count_try, forgive, proven, use_code
from bot.hotline.team import CONSOLE_LANGUAGES, Invite, Login, Role, Staff

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
HALFWAY = timedelta(minutes=10)  # between the password and the second factor
INVITATION = timedelta(hours=24)
_TOUCH = timedelta(seconds=60)
_WRONG = N_("Name or password is not right.")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A logged-in browser."""

    staff: Staff
    login: Login
    token: str = field(repr=False)

    @property
    def csrf(self) -> str:
        """The word every change must carry."""
        return credential.csrf_of(self.token)


class Accounts:
    """The use cases; each is one or two transactions, with the slow hashing outside of them."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.proof = Proof(store, clock)

    async def first_link(self) -> str | None:
        """A token for the first admin, when there are no accounts yet."""
        token, now = credential.new_token(), self._clock.now()

        def work(ledger: Ledger) -> bool:
            if ledger.office.staff.all():
                return False
            ledger.office.logins.invite(credential.key_of(token), Invite("", now + INVITATION))
            return True

        return token if await self._store.transact(work) else None

    async def add(
        self, name: str, roles: Iterable[Role], languages: Iterable[str], language: str = "ru", who: str = "system"
    ) -> tuple[Staff, str]:
        """A new account and the token with which its owner sets a password."""
        staff = new_staff(name, roles, languages, language, self._clock.now())
        token = credential.new_token()

        def work(ledger: Ledger) -> None:
            if not ledger.office.staff.add(staff):
                raise ConflictError(N_("This name is taken."))
            ledger.office.logins.invite(credential.key_of(token), Invite(staff.id, staff.created + INVITATION))
            ledger.office.audit.append(staff.created, who, "user added", staff.id, " ".join(sorted(staff.roles)))

        await self._store.transact(work)
        return staff, token

    async def reset(self, staff: str, who: str = "system") -> str:
        """Take password and second factor away and log out everywhere; the token sets new ones."""
        token, now = credential.new_token(), self._clock.now()

        def work(ledger: Ledger) -> None:
            if not ledger.office.staff.change(staff, password="", totp="", totp_step=0, recovery=()):
                raise NotFoundError
            ledger.office.logins.remove_of(staff)
            ledger.office.logins.invite(credential.key_of(token), Invite(staff, now + INVITATION))
            ledger.office.audit.append(now, who, "user reset", staff)

        await self._store.transact(work)
        return token

    async def change(self, staff: str, roles: Iterable[Role], languages: Iterable[str], limit: int, who: str) -> None:
        """What an account may do."""
        now, wanted = self._clock.now(), frozenset(roles)

        def work(ledger: Ledger) -> None:
            _keep_an_admin(ledger, staff, leaves=Role.ADMIN not in wanted)
            spoken = _spoken(languages)
            if not ledger.office.staff.change(staff, roles=wanted, languages=spoken, limit=max(1, min(20, limit))):
                raise NotFoundError
            ledger.office.logins.remove_of(
                staff
            )  # rights are read with each request; a fresh login asks for the factor
            ledger.office.audit.append(now, who, "user changed", staff, " ".join(sorted(wanted)))

        await self._store.transact(work)

    async def disable(self, staff: str, disabled: bool, who: str = "system") -> None:
        """Close an account, or open it again."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            _keep_an_admin(ledger, staff, leaves=disabled)
            if not ledger.office.staff.change(staff, disabled=disabled):
                raise NotFoundError
            ledger.office.logins.remove_of(staff)
            ledger.office.audit.append(now, who, "user disabled" if disabled else "user enabled", staff)

        await self._store.transact(work)

    async def invited(self, token: str) -> Staff | None:
        """Whose invitation this is; None stands for the first admin's. Raises NotFoundError."""
        now = self._clock.now()

        def work(ledger: Ledger) -> tuple[Invite | None, Staff | None]:
            invite = ledger.office.logins.invited(credential.key_of(token), now)
            return invite, ledger.office.staff.get(invite.staff) if invite else None

        invite, staff = await self._store.read(work)
        if invite is None or (invite.staff and staff is None):
            raise NotFoundError(N_("This link is no longer valid. Ask for a new one."))
        return staff

    async def accept(self, token: str, password: str, name: str = "") -> Staff:
        """Use an invitation: set the password, and the name when it is the first admin."""
        known = await self.invited(token)
        credential.check_strength(password, known.name if known else name)
        hashed = await self.proof.hash(password)
        now = self._clock.now()

        def work(ledger: Ledger) -> Staff:
            invite = ledger.office.logins.redeem(credential.key_of(token), now)
            if invite is None:
                raise NotFoundError(N_("This link is no longer valid. Ask for a new one."))
            if invite.staff:
                staff = invite.staff
                ledger.office.staff.change(staff, password=hashed)
            else:
                if ledger.office.staff.all():
                    raise NotFoundError(N_("This link is no longer valid. Ask for a new one."))
                first = new_staff(name, [Role.ADMIN], ["ru"], "ru", now, password=hashed)
                ledger.office.staff.add(first)
                staff = first.id
            ledger.office.audit.append(now, staff, "password set", staff)
            found = ledger.office.staff.get(staff)
            if found is None or found.disabled:
                raise ForbiddenError
            return found

        return await self._store.transact(work)

    async def log_in(self, name: str, password: str, address: str) -> str:
        """A session's token; it is complete when no second factor is needed. Slow on purpose."""
        now = self._clock.now()
        subjects = (("account", f"account:{name.casefold().strip()}"), ("address", f"address:{address}"))

        def find(ledger: Ledger) -> Staff | None:
            count_try(ledger, subjects, now)
            return ledger.office.staff.named(name)

        staff = await self._store.transact(find)
        right = await self.proof.fits(staff.password if staff and not staff.disabled else "", password)
        token = credential.new_token()

        def work(ledger: Ledger) -> bool:
            if not right or staff is None:
                ledger.office.audit.append(now, "nobody", "login failed", staff.id if staff else "")
                return False
            for _, subject in subjects:
                ledger.office.logins.cleared(subject)
            complete = not staff.needs_second_factor
            ledger.office.logins.add(credential.key_of(token), Login(staff.id, now, now, complete))
            if complete:
                ledger.office.audit.append(now, staff.id, "login", staff.id)
            return True

        if not await self._store.transact(work):
            raise RefusedError(_WRONG)
        return token

    async def second_factor(self, visitor: Visitor, code: str) -> str:
        """Check a one-time or recovery code; a fresh token for the complete session."""
        now, token, staff = self._clock.now(), credential.new_token(), visitor.staff
        await self._store.transact(lambda ledger: count_proof(ledger, staff, now))

        def work(ledger: Ledger) -> bool:
            current = ledger.office.staff.get(staff.id)
            if current is None or not current.totp or not use_code(ledger, current, code, now):
                return False
            forgive(ledger, staff)
            _complete(ledger, visitor, token, now)
            return True

        if not await self._store.transact(work):
            raise RefusedError(N_("This code is not right. Wait for the next one and try again."))
        return token

    async def enrol(
        self, visitor: Visitor, secret: str, code: str, password: str = "", current: str = ""
    ) -> tuple[str, list[str]]:
        """Set up the second factor: a fresh token, and the recovery codes to write down. Other sessions end.

        A complete session alone is not enough: it needs the password, and the `current` code when there is one.
        """
        now, token, staff = self._clock.now(), credential.new_token(), visitor.staff
        if visitor.login.complete:
            await self.proof.ask(staff, password)
        step = credential.totp_step(secret, code, now, 0)
        if step is None:
            raise RefusedError(N_("This code is not right. Wait for the next one and try again."))
        codes = credential.new_recovery()

        def work(ledger: Ledger) -> None:
            staff_now = ledger.office.staff.get(staff.id)
            if staff_now is None or (staff_now.totp and not visitor.login.complete):
                raise ForbiddenError
            proven(ledger, staff_now, current, now)
            hashes = tuple(credential.recovery_hash(code) for code in codes)
            ledger.office.staff.change(staff.id, totp=secret, totp_step=step, recovery=hashes)
            ledger.office.audit.append(now, staff.id, "second factor set", staff.id)
            ledger.office.logins.remove_of(staff.id)
            _complete(ledger, visitor, token, now)

        await self._store.transact(work)
        return token, codes

    async def change_password(self, visitor: Visitor, old: str, new: str, current: str = "") -> str:
        """A new password, for the old one and the `current` code; every other session ends. Returns the fresh token."""
        staff, now, token = visitor.staff, self._clock.now(), credential.new_token()
        await self.proof.ask(staff, old)
        credential.check_strength(new, staff.name)
        hashed = await self.proof.hash(new)

        def work(ledger: Ledger) -> None:
            staff_now = ledger.office.staff.get(staff.id)
            if staff_now is None:
                raise ForbiddenError
            proven(ledger, staff_now, current, now)
            ledger.office.staff.change(staff.id, password=hashed)
            ledger.office.logins.remove_of(staff.id)
            ledger.office.logins.add(credential.key_of(token), Login(staff.id, now, now, True))
            ledger.office.audit.append(now, staff.id, "password set", staff.id)

        await self._store.transact(work)
        return token

    async def visitor(self, token: str, *, active: bool = True) -> Visitor | None:
        """Who this browser is; `active`: a person did something, so the session does not idle out."""
        if not token:
            return None
        key, now = credential.key_of(token), self._clock.now()

        def work(ledger: Ledger) -> tuple[Login, Staff] | None:
            login = ledger.office.logins.get(key)
            staff = ledger.office.staff.get(login.staff) if login else None
            return (login, staff) if login and staff and not staff.disabled else None

        found = await self._store.read(work)
        if found is None or over(found[0], now):
            return None
        if active and now - found[0].seen > _TOUCH:
            await self._store.transact(lambda ledger: ledger.office.logins.touch(key, now))
        return Visitor(found[1], found[0], token)

    async def log_out(self, visitor: Visitor) -> None:
        """End the session."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            ledger.office.logins.remove(credential.key_of(visitor.token))
            ledger.office.audit.append(now, visitor.staff.id, "logout", visitor.staff.id)

        await self._store.transact(work)

    async def set_language(self, staff: str, language: str) -> None:
        """The console's language for one person."""
        if language not in CONSOLE_LANGUAGES:
            raise RefusedError
        await self._store.transact(lambda ledger: ledger.office.staff.change(staff, language=language))

    async def all(self) -> list[Staff]:
        """Every account."""
        return await self._store.read(lambda ledger: ledger.office.staff.all())

    async def named(self, name: str) -> Staff:
        """By name; raises NotFoundError."""
        found = await self._store.read(lambda ledger: ledger.office.staff.named(name))
        if found is None:
            raise NotFoundError(f"There is no user named {name}.")
        return found

    async def forget(self) -> None:
        """Delete what is over."""
        now = self._clock.now()
        await self._store.transact(lambda ledger: ledger.office.logins.forget(now - IDLE, now - ABSOLUTE, now))


def new_staff(
    name: str, roles: Iterable[Role], languages: Iterable[str], language: str, now: datetime, *, password: str = ""
) -> Staff:
    """A new account's record; raises RefusedError for a name or role that cannot be."""
    clean = " ".join(name.split())
    if not 2 <= len(clean) <= 40 or not clean.isprintable():
        raise RefusedError(N_("A name needs 2 to 40 characters."))
    chosen = frozenset(roles)
    if not chosen:
        raise RefusedError(N_("Choose at least one role."))
    spoken = _spoken(languages)
    shown = language if language in CONSOLE_LANGUAGES else "ru"
    return Staff(secrets.token_hex(8), clean, chosen, spoken, shown, now, password=password)


def _spoken(languages: Iterable[str]) -> tuple[str, ...]:
    """Language codes without scripts, each once."""
    return tuple(dict.fromkeys(code for code in languages if code.isascii() and code.isalpha() and len(code) <= 3))


def over(login: Login, now: datetime) -> bool:
    """Whether a session idled out or lasted long enough."""
    idle = IDLE if login.complete else HALFWAY
    return now - login.seen > idle or now - login.created > ABSOLUTE


def _complete(ledger: Ledger, visitor: Visitor, token: str, now: datetime) -> None:
    """Swap the half-way session for a complete one under a fresh token."""
    ledger.office.logins.remove(credential.key_of(visitor.token))
    ledger.office.logins.add(credential.key_of(token), Login(visitor.staff.id, now, now, True))
    ledger.office.audit.append(now, visitor.staff.id, "login", visitor.staff.id)


def _keep_an_admin(ledger: Ledger, staff: str, *, leaves: bool) -> None:
    admins = {person.id for person in ledger.office.staff.all() if person.may(Role.ADMIN)}
    if leaves and admins == {staff}:
        raise ConflictError(N_("At least one admin must remain."))
