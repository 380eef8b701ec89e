"""Who may pass: each route of the console names its roles here, so that none is open by forgetting."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter, Depends, Request

from bot.console.page import LoginNeededError, Pages
from bot.dialogue.knowledge import N_
from bot.errors import ForbiddenError
from bot.hotline.credential import same
from bot.hotline.staff import Visitor
from bot.hotline.team import Role

ANYONE = tuple(Role)  # any role, but logged in
_SAFE = ("GET", "HEAD")
_STALE = N_("This page is too old. Please reload it and try again.")


class Gate:
    """Makes routes that only some roles pass."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.house = pages.house
        self.cookie = "__Host-console" if self.house.options.https else "console"
        self.rules: dict[tuple[str, str], tuple[Role, ...]] = {}  # (method, path) -> roles, for the matrix in the tests

    def router(self) -> APIRouter:
        """An empty router under /console."""
        return APIRouter(prefix="/console", route_class=self.pages.route_class(), include_in_schema=False)

    def add(
        self,
        router: APIRouter,
        method: str,
        path: str,
        endpoint: Callable[..., Awaitable[Any]],
        roles: tuple[Role, ...],
        *,
        passive: bool = False,
    ) -> None:
        """A route for these roles; `passive`: the page asks by itself, which is no sign of a person."""

        async def guard(request: Request) -> None:
            await self.enter(request, roles, passive=passive)

        self.rules[method, router.prefix + path] = roles
        router.add_api_route(path, endpoint, methods=[method], dependencies=[Depends(guard)], response_model=None)

    async def enter(self, request: Request, roles: tuple[Role, ...], *, passive: bool) -> None:
        """Let in, or raise."""
        visitor = await self.house.accounts.visitor(request.cookies.get(self.cookie, ""), active=not passive)
        if visitor is None:
            raise LoginNeededError
        if not visitor.login.complete:
            raise LoginNeededError("/console/login/code" if visitor.staff.totp else "/console/enrol")
        request.state.visitor = visitor
        if request.method not in _SAFE:
            await self.check_csrf(request, visitor)
        if not visitor.staff.may(*roles):
            raise ForbiddenError(N_("Your account may not do this."))

    async def check_csrf(self, request: Request, visitor: Visitor) -> None:
        """The session's word must come with every change, and from our own pages."""
        check_origin(request)
        given = request.headers.get("x-csrf-token", "")
        if not given:
            given = str((await request.form()).get("csrf", ""))
        if not same(given, visitor.csrf):
            raise ForbiddenError(_STALE)

    async def halfway(self, request: Request) -> Visitor:
        """A visitor whose password was right; the second factor may still be to come."""
        visitor = await self.house.accounts.visitor(request.cookies.get(self.cookie, ""))
        if visitor is None:
            raise LoginNeededError
        request.state.visitor = visitor
        if request.method not in _SAFE:
            await self.check_csrf(request, visitor)
        return visitor


def check_origin(request: Request) -> None:
    """Refuse what another site sent."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none"):
        raise ForbiddenError(_STALE)


def visitor(request: Request) -> Visitor:
    """Who asks; only behind the gate."""
    found: Visitor = request.state.visitor
    return found
