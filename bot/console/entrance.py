"""Coming in and going out: login, second factor, invitation, own account."""

from __future__ import annotations

from typing import Annotated, Any

import segno
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import FileResponse

from bot.console.gate import ANYONE, Gate, check_origin, visitor
from bot.console.page import HEADERS, STATIC, go
from bot.console.part import Part
from bot.dialogue.knowledge import N_
from bot.errors import NotFoundError, RefusedError
from bot.hotline.credential import is_totp, new_totp, totp_uri
from bot.hotline.staff import ABSOLUTE
from bot.hotline.team import Role

_ASSETS = {
    "console.js": "text/javascript", "console.css": "text/css", "icon.svg": "image/svg+xml",
    "htmx.min.js": "text/javascript", "htmx.LICENSE.txt": "text/plain",
}  # fmt: skip
_VENDORED = ("htmx.min.js", "htmx.LICENSE.txt")
_DIFFER = N_("The two passwords differ.")
Text = Annotated[str, Form(max_length=256)]


class Entrance(Part):
    """The pages before the desk."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        self.accounts = gate.house.accounts

    def router(self) -> APIRouter:
        """The routes; those added directly are open to nobody in particular, on purpose."""
        router = self.gate.router()
        router.add_api_route("/static/{name}", self.asset, methods=["GET"], response_model=None)
        router.add_api_route("/login", self.login_page, methods=["GET"], response_model=None)
        router.add_api_route("/login", self.log_in, methods=["POST"], response_model=None)
        router.add_api_route("/login/code", self.code_page, methods=["GET"], response_model=None)
        router.add_api_route("/login/code", self.enter_code, methods=["POST"], response_model=None)
        router.add_api_route("/enrol", self.enrol_page, methods=["GET"], response_model=None)
        router.add_api_route("/enrol", self.enrol, methods=["POST"], response_model=None)
        router.add_api_route("/welcome/{token}", self.welcome_page, methods=["GET"], response_model=None)
        router.add_api_route("/welcome/{token}", self.welcome, methods=["POST"], response_model=None)
        self.gate.add(router, "GET", "", self.home, ANYONE)
        self.gate.add(router, "POST", "/logout", self.log_out, ANYONE)
        self.gate.add(router, "GET", "/account", self.account_page, ANYONE)
        self.gate.add(router, "POST", "/account/language", self.set_language, ANYONE)
        self.gate.add(router, "POST", "/account/password", self.set_password, ANYONE)
        self.gate.add(router, "POST", "/account/browsers", self.end_browsers, ANYONE)
        return router

    async def asset(self, name: str) -> Response:
        """A script or style."""
        if name not in _ASSETS:
            raise NotFoundError
        path = STATIC / "vendor" / name if name in _VENDORED else STATIC / name
        return FileResponse(path, media_type=_ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})

    async def home(self, request: Request) -> Response:
        """To where this person works."""
        return go(request, home_of(visitor(request).staff.roles))

    async def login_page(self, request: Request) -> Response:
        """Name and password."""
        return self.pages.page(request, "login.html", error="", name="")

    async def log_in(self, request: Request, name: Text, password: Text) -> Response:
        """Check them."""
        check_origin(request)
        address = request.client.host if request.client else ""
        try:
            token = await self.accounts.log_in(name, password, address)
        except RefusedError as error:
            reason = self.pages.house.say(str(error), self.pages.language(request))
            return self.pages.page(request, "login.html", status=error.status, error=reason, name=name)
        return self._with_cookie(go(request, "/console"), token)

    async def code_page(self, request: Request) -> Response:
        """The second factor."""
        await self.gate.halfway(request)
        return self.pages.page(request, "code.html", error="")

    async def enter_code(self, request: Request, code: Text) -> Response:
        """Check it."""
        found = await self.gate.halfway(request)
        try:
            token = await self.accounts.second_factor(found, code)
        except RefusedError as error:
            reason = self.pages.house.say(str(error), self.pages.language(request))
            return self.pages.page(request, "code.html", status=error.status, error=reason)
        return self._with_cookie(go(request, "/console"), token)

    async def enrol_page(self, request: Request) -> Response:
        """Set up the second factor."""
        found = await self.gate.halfway(request)
        if found.staff.totp and not found.login.complete:
            return go(request, "/console/login/code")
        secret = new_totp()
        return self.pages.page(request, "enrol.html", error="", **_second_step(secret, found.staff.name))

    async def enrol(
        self, request: Request, secret: Text, code: Text, password: Text = "", current: Text = ""
    ) -> Response:
        """Check who asks and the first code; show the recovery codes once."""
        found = await self.gate.halfway(request)
        try:
            token, codes = await self.accounts.enrol(found, secret, code, password, current)
        except RefusedError as error:
            reason = self.pages.house.say(str(error), self.pages.language(request))
            step = _second_step(secret if is_totp(secret) else new_totp(), found.staff.name)
            return self.pages.page(request, "enrol.html", status=error.status, error=reason, **step)
        return self._with_cookie(self.pages.page(request, "recovery.html", codes=codes), token)

    async def welcome_page(self, request: Request, token: str) -> Response:
        """An invitation: choose a password; the first admin a name, too."""
        staff = await self.accounts.invited(token)
        return self.pages.page(request, "welcome.html", error="", name=staff.name if staff else "", first=staff is None)

    async def welcome(self, request: Request, token: str, password: Text, again: Text, name: Text = "") -> Response:
        """Use the invitation up and log in."""
        check_origin(request)
        known = await self.accounts.invited(token)
        try:
            if password != again:
                raise RefusedError(_DIFFER)
            staff = await self.accounts.accept(token, password, name)
            address = request.client.host if request.client else ""
            session = await self.accounts.log_in(staff.name, password, address)
        except NotFoundError:
            raise
        except RefusedError as error:
            reason = self.pages.house.say(str(error), self.pages.language(request))
            shown = known.name if known else name
            return self.pages.page(
                request, "welcome.html", status=error.status, error=reason, name=shown, first=known is None
            )
        return self._with_cookie(go(request, "/console"), session)

    async def account_page(self, request: Request) -> Response:
        """One's own account."""
        return await self._account(request)

    async def set_language(self, request: Request, language: Text) -> Response:
        """Another language for the console."""
        await self.accounts.set_language(visitor(request).staff.id, language)
        return go(request, "/console/account")

    async def set_password(
        self, request: Request, old: Text, password: Text, again: Text, current: Text = ""
    ) -> Response:
        """A new password; other browsers are logged out."""
        try:
            if password != again:
                raise RefusedError(_DIFFER)
            token = await self.accounts.change_password(visitor(request), old, password, current)
        except RefusedError as error:
            reason = self.pages.house.say(str(error), self.pages.language(request))
            return await self._account(request, status=error.status, error=reason)
        request.state.visitor = await self.accounts.visitor(token)  # the page's forms need the fresh session's word
        return self._with_cookie(await self._account(request, saved=True), token)

    async def end_browsers(self, request: Request, password: Text, browser: Text = "") -> Response:
        """Log out one other browser of this person, or all of them."""
        try:
            await self.house.browsers.end(visitor(request), password, browser)
        except RefusedError as error:
            reason = self.pages.house.say(str(error), self.pages.language(request))
            return await self._account(request, status=error.status, unended=reason)
        return go(request, "/console/account")

    async def _account(
        self, request: Request, *, status: int = 200, error: str = "", unended: str = "", saved: bool = False
    ) -> Response:
        browsers = await self.house.browsers.of(visitor(request))
        return self.pages.page(
            request, "account.html", status=status, error=error, unended=unended, saved=saved, browsers=browsers
        )

    async def log_out(self, request: Request) -> Response:
        """End the session and wipe what the browser keeps of this site."""
        await self.accounts.log_out(visitor(request))
        response = go(request, "/console/login")
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        response.delete_cookie(self.gate.cookie, path="/")
        return response

    def _with_cookie(self, response: Response, token: str) -> Response:
        response.set_cookie(
            self.gate.cookie, token, max_age=int(ABSOLUTE.total_seconds()), path="/",
            httponly=True, secure=self.gate.house.options.https, samesite="strict",
        )  # fmt: skip
        response.headers.update({k: v for k, v in HEADERS.items() if k not in response.headers})
        return response


def _second_step(secret: str, name: str) -> dict[str, Any]:
    """The key in text, as an address for an app on the same phone, and as a picture for the phone's camera."""
    uri = totp_uri(secret, name)
    picture = segno.make(uri, micro=False).svg_inline(omitsize=True, svgclass="qr", lineclass=None, border=4)
    return {"secret": secret, "uri": uri, "picture": picture}


def home_of(roles: frozenset[Role]) -> str:
    """Where a person with these roles begins."""
    if Role.OPERATOR in roles:
        return "/console/desk"
    if Role.SUPERVISOR in roles:
        return "/console/board"
    return "/console/users" if Role.ADMIN in roles else "/console/content"
