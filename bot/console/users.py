"""The admins' page: who may use the console."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from bot.console.gate import Gate, visitor
from bot.console.page import go
from bot.console.part import Part
from bot.console.replies import spoken
from bot.hotline.team import Role

_ADMINS = (Role.ADMIN,)
Name = Annotated[str, Form(max_length=64)]
Several = Annotated[list[str] | None, Form()]


class Users(Part):
    """The routes under /console/users."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        self.accounts = gate.house.accounts

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/users", self.page, _ADMINS)
        add(router, "POST", "/users", self.create, _ADMINS)
        add(router, "POST", "/users/{user}", self.change, _ADMINS)
        add(router, "POST", "/users/{user}/reset", self.reset, _ADMINS)
        add(router, "POST", "/users/{user}/disable", self.disable, _ADMINS)
        return router

    async def page(self, request: Request) -> Response:
        """Every account, and a form for a new one."""
        return await self._page(request)

    async def _page(self, request: Request, link: str = "", name: str = "") -> Response:
        languages = spoken(self.gate.house.mind.edition.handbook)
        users = await self.accounts.all()
        return self.pages.page(
            request, "users.html", users=users, roles=list(Role), spoken=languages, link=link, for_name=name
        )

    async def create(self, request: Request, name: Name, roles: Several = None) -> Response:
        """A new account; the link for its owner is shown once."""
        form = await request.form()
        languages = [str(code) for code in form.getlist("spoken")]
        me = visitor(request).staff
        staff, token = await self.accounts.add(name, _roles(roles), languages, me.language, me.id)
        return await self._page(request, self._link(token), staff.name)

    async def change(
        self, request: Request, user: str, limit: Annotated[int, Form(ge=1, le=20)], roles: Several = None
    ) -> Response:
        """What an account may do."""
        form = await request.form()
        languages = [str(code) for code in form.getlist("spoken")]
        await self.accounts.change(user, _roles(roles), languages, limit, visitor(request).staff.id)
        return go(request, "/console/users")

    async def reset(self, request: Request, user: str) -> Response:
        """Take password and second step away; a new link."""
        token = await self.accounts.reset(user, visitor(request).staff.id)
        name = next((person.name for person in await self.accounts.all() if person.id == user), "")
        return await self._page(request, self._link(token), name)

    async def disable(self, request: Request, user: str, disabled: Annotated[bool, Form()]) -> Response:
        """Close an account or open it again."""
        await self.accounts.disable(user, disabled, visitor(request).staff.id)
        return go(request, "/console/users")

    def _link(self, token: str) -> str:
        return f"{self.gate.house.options.base}/console/welcome/{token}"


def _roles(names: list[str] | None) -> list[Role]:
    return [Role(name) for name in names or () if name in set(Role)]
