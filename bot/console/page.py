"""From a template to a response: words in the reader's language, headers, errors as pages or fragments."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from bot.console.house import House
from bot.console.view import Words
from bot.dialogue.knowledge import N_
from bot.errors import HotlineError, RefusedError, StoreAwayError
from bot.hotline.staff import Visitor
from bot.hotline.team import CONSOLE_LANGUAGES, Role

log = structlog.get_logger(__name__)

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGE_NAMES = {
    "ru": "Русский", "kk": "Қазақша", "ky": "Кыргызча", "tg": "Тоҷикӣ", "uz": "O‘zbekcha", "en": "English",
}  # fmt: skip
POLICY = (
    "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class LoginNeededError(RefusedError):
    """Please log in."""

    status = 401

    def __init__(self, path: str = "/console/login") -> None:
        super().__init__()
        self.path = path


class Pages:
    """Renders the console's templates."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._env = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @cached_property
    def version(self) -> str:
        """Changes when a script or style does, so that browsers may keep them."""
        files = sorted(path for path in STATIC.rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]

    def language(self, request: Request) -> str:
        """The reader's: of the account, else of the browser, else Russian."""
        if visitor := visitor_of(request):
            return visitor.staff.language
        accepted = request.headers.get("accept-language", "").lower().split(",")
        return next((code for tag in accepted if (code := tag.strip()[:2]) in CONSOLE_LANGUAGES), "ru")

    def text(self, request: Request, template: str, **values: Any) -> str:
        """A template's text."""
        language = self.language(request)
        house = self.house

        def say(phrase: str, /, **words: object) -> str:
            return house.say(phrase, language, **words)

        visitor = visitor_of(request)
        values.setdefault("words", Words(house, language))
        return self._env.get_template(template).render(
            _=say,
            language=language,
            visitor=visitor,
            me=visitor.staff if visitor else None,
            csrf=visitor.csrf if visitor else "",
            Role=Role,
            now=house.now(),
            local=lambda moment: moment.astimezone(house.options.zone),
            show=house.show,
            version=self.version,
            path=request.url.path,
            languages=LANGUAGE_NAMES,
            **values,
        )

    def page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A template as a response. That someone was kept out is logged: by which route, never what was asked."""
        if status in (403, 429):
            visitor, route = visitor_of(request), request.scope.get("route")
            log.warning("refused", status=status, route=getattr(route, "path", ""), staff=visitor.staff.id if visitor else "")
        return HTMLResponse(self.text(request, template, **values), status, HEADERS)

    def failed(self, request: Request, error: RefusedError) -> Response:
        """A refusal, as a page or as the fragment htmx shows in the notice."""
        reason = self.house.say(str(error), self.language(request))
        if isinstance(error, LoginNeededError):
            return go(request, error.path)
        template = "_notice.html" if wants_fragment(request) else "failed.html"
        return self.page(request, template, status=error.status, reason=reason)

    def route_class(self) -> type[APIRoute]:
        """A route whose errors become pages."""
        pages = self

        class ConsoleRoute(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                inner = super().get_route_handler()

                async def handler(request: Request) -> Response:
                    try:
                        return await inner(request)
                    except RefusedError as error:
                        return pages.failed(request, error)
                    except RequestValidationError:
                        return pages.failed(request, RefusedError(N_("Something in this form is missing or too long.")))
                    except StoreAwayError:
                        away = HotlineError(
                            N_("The database cannot be reached just now. Please try again in a moment.")
                        )
                        return pages.failed(request, _unavailable(away))

                return handler

        return ConsoleRoute


class _UnavailableError(RefusedError):
    """Please try again in a moment."""

    status = 503


def _unavailable(error: HotlineError) -> RefusedError:
    return _UnavailableError(str(error))


def visitor_of(request: Request) -> Visitor | None:
    """Who asks, once the gate has let them in."""
    return getattr(request.state, "visitor", None)


def wants_fragment(request: Request) -> bool:
    """Whether htmx or our script asks, which put the answer into the page."""
    return "hx-request" in request.headers


def go(request: Request, path: str) -> Response:
    """To another page: a redirect, in the form the asker follows."""
    if wants_fragment(request):
        return Response(status_code=204, headers={**HEADERS, "HX-Redirect": path})
    return RedirectResponse(path, 303, HEADERS)


def done(*events: str) -> Response:
    """It was done: nothing to show, but the page's parts that listen for `events` fetch themselves anew."""
    headers = {**HEADERS, "HX-Trigger": ", ".join(events)} if events else HEADERS
    return Response(status_code=204, headers=headers)
