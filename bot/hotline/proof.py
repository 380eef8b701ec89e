"""What is asked of somebody to show who they are: attempts are counted, one-time and recovery codes used up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.dialogue.knowledge import N_
from bot.errors import RefusedError, TooManyRequestsError
from bot.hotline import credential
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Clock, Store
from bot.hotline.team import Staff

_FREE_TRIES = {"account": 5, "address": 20, "code": 5}  # before each further failure costs time
_LONGEST = {"account": 300.0, "address": 900.0, "code": 300.0}  # seconds
_UNPROVEN = N_("The password or the code is not right.")


class Proof:
    """Passwords, hashed and checked outside of transactions and two at once: each takes 64 MiB."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._hashing = asyncio.Semaphore(2)

    async def hash(self, password: str) -> str:
        """What the database keeps of a password."""
        async with self._hashing:
            return await asyncio.to_thread(credential.hash_password, password)

    async def fits(self, hashed: str, password: str) -> bool:
        """Whether it is the password; an empty hash costs the same time and never fits."""
        async with self._hashing:
            return await asyncio.to_thread(credential.verify_password, hashed, password[: credential.PASSWORD_MAX])

    async def ask(self, staff: Staff, password: str) -> None:
        """Refuse unless it is the person's password; the attempt stays counted until it was `proven` or forgiven."""
        now = self._clock.now()
        await self._store.transact(lambda ledger: count_proof(ledger, staff, now))
        if not await self.fits(staff.password, password):
            raise RefusedError(_UNPROVEN)


def proven(ledger: Ledger, staff: Staff, code: str, now: datetime) -> None:
    """After the password: refuse unless the code fits, when there is a second factor. Attempts are forgotten then."""
    if staff.totp and not use_code(ledger, staff, code, now):
        raise RefusedError(_UNPROVEN)
    forgive(ledger, staff)


def forgive(ledger: Ledger, staff: Staff) -> None:
    """Forget the person's wrong attempts: one was right."""
    ledger.office.logins.cleared(_subject(staff))


def count_try(ledger: Ledger, subjects: Iterable[tuple[str, str]], now: datetime) -> None:
    """Count an attempt before it is checked, so that many at once count too; refuse when it is too early."""
    for kind, subject in subjects:
        count, until = ledger.office.logins.attempts(subject)
        if until and until > now:
            raise TooManyRequestsError(N_("Too many attempts. Please wait a little and try again."))
        beyond = count + 1 - _FREE_TRIES[kind]
        wait = min(_LONGEST[kind], 2.0**beyond) if beyond >= 0 else 0.0
        ledger.office.logins.failed(subject, count + 1, now + timedelta(seconds=wait) if wait else None, now)


def count_proof(ledger: Ledger, staff: Staff, now: datetime) -> None:
    """Count an attempt of somebody known, by password or code, the same way."""
    count_try(ledger, (("code", _subject(staff)),), now)


def use_code(ledger: Ledger, staff: Staff, code: str, now: datetime) -> bool:
    """Whether the one-time or recovery code is right; it does not work a second time."""
    step = credential.totp_step(staff.totp, code, now, staff.totp_step)
    if step is not None:
        return ledger.office.staff.change(staff.id, totp_step=step)
    hashed = credential.recovery_hash(code)
    if hashed not in staff.recovery:
        return False
    ledger.office.audit.append(now, staff.id, "recovery code used", staff.id)
    return ledger.office.staff.change(staff.id, recovery=tuple(h for h in staff.recovery if h != hashed))


def _subject(staff: Staff) -> str:
    return f"code:{staff.id}"
