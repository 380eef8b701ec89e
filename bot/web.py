"""The FastAPI app: routers handed in, security headers, one error shape, health, readiness and metrics."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.errors import HotlineError, RefusedError

log = structlog.get_logger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Probe = Callable[[], Awaitable[dict[str, Any]]]

BODY_LIMIT = 64 * 1024  # bytes; WhatsApp's webhook sets its own larger one
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-robots-tag", b"noindex"),
    (b"cross-origin-opener-policy", b"same-origin"),
    # What is no page loads nothing and is framed by nobody; pages bring their own.
    (b"content-security-policy", b"default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def create_app(
    routers: Sequence[APIRouter],
    lifespan: Lifespan,
    ready: Probe,
    *,
    https: bool,
    metrics_token: str = "",
    body_limits: dict[str, int] | None = None,
) -> FastAPI:
    """Build the app. `ready` tells what works: {"ok": bool, …}; `body_limits` maps a path prefix to bytes."""
    app = FastAPI(title="Hotline", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.stopping = asyncio.Event()  # set when the service stops: streams end
    app.add_middleware(Guard, https=https, limits=body_limits or {})
    _add_errors(app)
    for router in routers:
        app.include_router(router)

    @app.get("/", include_in_schema=False)
    async def root() -> RedirectResponse:
        return RedirectResponse("/chat", status_code=307)

    @app.get("/health", tags=["operations"])
    async def health() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready", tags=["operations"])
    async def readiness(response: Response) -> dict[str, Any]:
        """Whether messages can be taken and answered, and what is degraded."""
        state = await ready()
        if not state.get("ok"):
            response.status_code = 503
        return state

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        given = request.headers.get("authorization", "")
        if metrics_token and not hmac.compare_digest(given.encode(), f"Bearer {metrics_token}".encode()):
            return JSONResponse(_shape("A token is needed."), status_code=401)
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


def _shape(reason: str) -> dict[str, Any]:
    """The one form of an error."""
    return {"error": reason}


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(RefusedError)
    async def refused(_request: Request, error: RefusedError) -> JSONResponse:
        return JSONResponse(_shape(str(error)), status_code=error.status)

    @app.exception_handler(HTTPException)
    async def http(_request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(_shape(str(error.detail)), status_code=error.status_code, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        fields = ", ".join(sorted({str(e["loc"][-1]) for e in error.errors()}))
        return JSONResponse(_shape(f"This request is not well formed: {fields}."), status_code=422)

    @app.exception_handler(HotlineError)
    async def failed(_request: Request, error: HotlineError) -> JSONResponse:
        log.error("request failed", exc_info=error)
        return JSONResponse(_shape("Something went wrong here. Please try again in a moment."), status_code=503)


class Guard:
    """Pure ASGI: caps bodies before they are read, and adds security headers. Streams pass untouched."""

    def __init__(self, app: ASGIApp, https: bool, limits: dict[str, int]) -> None:
        self.app = app
        self.limits = limits
        self.headers = [*_HEADERS, _HSTS] if https else _HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = next((n for prefix, n in self.limits.items() if scope["path"].startswith(prefix)), BODY_LIMIT)
        seen = 0
        started = False

        async def capped() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise HTTPException(413, "This is too large.")
            return message

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *((n, v) for n, v in self.headers if n not in present)]
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            await JSONResponse(_shape("This is too large."), status_code=413)(scope, receive, with_headers)
            return
        try:
            await self.app(scope, capped, with_headers)
        except HTTPException as error:
            if started:
                raise
            await JSONResponse(_shape(str(error.detail)), status_code=error.status_code)(scope, receive, with_headers)
