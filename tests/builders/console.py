"""The console over a real SQLite store, spoken to without a network."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from bot import web
from bot.channels.markup import to_web
from bot.console.console import Console
from bot.console.house import ConsoleOptions, House
from bot.errors import RefusedError
from bot.hotline.hours import Hours
from bot.hotline.mind import Edition, Mind
from bot.hotline.ports import Store
from bot.hotline.staff import Visitor
from bot.hotline.team import Login, Role, Staff
from bot.matching.match import Match
from tests.builders.content import handbook
from tests.builders.desk import DeskHouse
from tests.builders.talk import match


class FakeMatcher:
    """Knows nothing; the pages need it only for searching and trying."""

    def match(self, *_: Any, **_more: Any) -> Match:
        return match()

    def explain(self, *_: Any) -> Any:
        raise RefusedError("This matcher explains nothing.")


@dataclass
class Browser:
    """A logged-in HTTP client."""

    http: httpx.AsyncClient
    csrf: str = ""
    staff: Staff | None = None

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(path, **more)

    async def send(self, path: str, content: bytes) -> httpx.Response:
        """Bytes as the body, the way the composer sends a file."""
        return await self.http.post(path, content=content, headers={"X-CSRF-Token": self.csrf, "HX-Request": "true"})

    async def post(self, path: str, data: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        headers = {"X-CSRF-Token": self.csrf, **more.pop("headers", {})}
        return await self.http.post(path, data=data, headers=headers, **more)


class ConsoleHouse(DeskHouse):
    """A desk with pages."""

    def __init__(self, store: Store, *, https: bool = False) -> None:
        super().__init__(store)
        mind = Mind(Edition(handbook(), FakeMatcher()))  # type: ignore[arg-type]
        options = ConsoleOptions(Hours.parse("Mon-Sun 00:00-24:00", "Asia/Almaty"), https=https, base="http://desk", times=self.options)
        channels = {self.channel.name: self.channel}
        self.pages = House(store, self.clock, mind, channels, options, show=to_web, previews={"Web": to_web})
        self.console = Console(self.pages)
        self.app = self._app()

    def _app(self) -> FastAPI:
        @contextlib.asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            yield

        async def ready() -> dict[str, Any]:
            return {"ok": True}

        return web.create_app(self.console.routers(), lifespan, ready, https=self.pages.options.https)

    def browser(self, token: str = "") -> Browser:
        """A browser, with a session's cookie or without."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=True)
        cookies = {self.console.gate.cookie: token} if token else {}
        http = httpx.AsyncClient(transport=transport, base_url="http://desk", cookies=cookies)
        return Browser(http)

    async def enter(self, name: str, *roles: Role, complete: bool = True, **more: Any) -> Browser:
        """A member with a logged-in browser, without passing the doors."""
        from bot.hotline.credential import key_of, new_token

        staff = await self.staff(name, *roles, **{"duty": Role.OPERATOR in (roles or (Role.OPERATOR,)), **more})
        token, now = new_token(), self.clock.now()
        login = Login(staff.id, now, now, complete)
        await self.store.transact(lambda ledger: ledger.office.logins.add(key_of(token), login))
        browser = self.browser(token)
        browser.csrf, browser.staff = Visitor(staff, login, token).csrf, staff
        return browser


def words_of(page: httpx.Response) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))



