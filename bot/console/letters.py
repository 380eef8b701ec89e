"""What could not be delivered or answered: seen, tried once more, or thrown away. Never what it says."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from bot.console.gate import visitor
from bot.console.page import go
from bot.console.part import Number, Part
from bot.console.view import Words, channel_name
from bot.dialogue.knowledge import N_
from bot.errors import NotFoundError
from bot.hotline.ledger import Ledger
from bot.hotline.team import Role

_KEEPERS = (Role.SUPERVISOR, Role.ADMIN)
_SHOWN = 200


class Letters(Part):
    """The routes under /console/letters."""

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/letters", self.page, _KEEPERS)
        add(router, "POST", "/letters/{direction}/{letter}/retry", self.retry, _KEEPERS)
        add(router, "POST", "/letters/{direction}/{letter}/discard", self.discard, _KEEPERS)
        return router

    async def page(self, request: Request) -> Response:
        """The latest first."""
        dead = await self.house.store.read(lambda ledger: ledger.letters.dead(_SHOWN))
        words = Words(self.house, self.pages.language(request))
        return self.pages.page(request, "letters.html", words=words, letters=dead, channel=channel_name)

    async def retry(self, request: Request, direction: str, letter: Number) -> Response:
        """Once more."""
        now = self.house.now()
        return await self._do(request, "retried", direction, letter, lambda ledger: ledger.letters.revive(direction, letter, now))

    async def discard(self, request: Request, direction: str, letter: Number) -> Response:
        """Throw it away."""
        return await self._do(request, "discarded", direction, letter, lambda ledger: ledger.letters.discard(direction, letter))

    async def _do(self, request: Request, act: str, direction: str, letter: int, work: Callable[[Ledger], bool]) -> Response:
        now, who = self.house.now(), visitor(request).staff.id

        def change(ledger: Ledger) -> bool:
            if direction not in ("in", "out") or not work(ledger):
                return False
            ledger.office.audit.append(now, who, f"letter {act}", f"{direction} {letter}")
            return True

        if not await self.house.store.transact(change):
            raise NotFoundError(N_("Someone else has dealt with it already."))
        return go(request, "/console/letters")
