"""Where a person is logged in, and logging out there from here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.hotline import credential
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Clock, Store
from bot.hotline.proof import Proof, forgive
from bot.hotline.staff import Visitor, over


@dataclass(frozen=True, slots=True)
class Browser:
    """One session of one's own. `mark` names it and opens nothing."""

    mark: str
    began: datetime
    seen: datetime
    here: bool


class Browsers:
    """One's own sessions: seen by their owner alone, ended for the password."""

    def __init__(self, store: Store, clock: Clock, proof: Proof) -> None:
        self._store = store
        self._clock = clock
        self._proof = proof

    async def of(self, visitor: Visitor) -> list[Browser]:
        """The complete ones that are not over: this browser first, then the latest used."""
        now, here = self._clock.now(), credential.key_of(visitor.token)
        found = await self._store.read(lambda ledger: ledger.office.logins.of(visitor.staff.id))
        alive = [
            Browser(credential.mark_of(key), login.created, login.seen, key == here)
            for key, login in found
            if login.complete and not over(login, now)
        ]
        return sorted(alive, key=lambda browser: (not browser.here, now - browser.seen))

    async def end(self, visitor: Visitor, password: str, mark: str = "") -> None:
        """Log out the browser with this mark, or every one but this. Raises RefusedError for a wrong password."""
        await self._proof.ask(visitor.staff, password)
        now, here, who = self._clock.now(), credential.key_of(visitor.token), visitor.staff.id

        def work(ledger: Ledger) -> None:
            forgive(ledger, visitor.staff)
            for key, _ in ledger.office.logins.of(who):
                if key != here and mark in ("", credential.mark_of(key)):
                    ledger.office.logins.remove(key)
            ledger.office.audit.append(now, who, "session ended" if mark else "other sessions ended", who)

        await self._store.transact(work)
