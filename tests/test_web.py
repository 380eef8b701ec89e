"""The app's own routes: one error shape, caps, headers, health."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from httpx import ASGITransport, AsyncClient

from bot.errors import ConflictError, StoreAwayError
from bot.web import BODY_LIMIT, create_app


@contextlib.asynccontextmanager
async def nothing(_app: FastAPI) -> AsyncIterator[None]:
    yield


def client(ok: bool = True, *, token: str = "", https: bool = False) -> AsyncClient:
    router = APIRouter()

    @router.post("/echo")
    async def echo(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @router.post("/large/echo")
    async def large(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @router.get("/refuse")
    async def refuse() -> None:
        raise ConflictError

    @router.get("/away")
    async def away() -> None:
        raise StoreAwayError

    async def ready() -> dict[str, Any]:
        return {"ok": ok}

    app = create_app([router], nothing, ready, https=https, metrics_token=token, body_limits={"/large": 1_000_000})
    return AsyncClient(transport=ASGITransport(app), base_url="http://test")


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [("/refuse", 409, "Someone else changed this in the meantime."), ("/away", 503, "Something went wrong here. Please try again in a moment."),
     ("/nowhere", 404, "Not Found"), ("/echo", 405, "Method Not Allowed")],
)  # fmt: skip
async def test_every_error_has_one_shape(path: str, status: int, error: str) -> None:
    answer = await client().get(path)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_bodies_are_capped_declared_or_not() -> None:
    async def drops() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    http = client()
    assert (await http.post("/echo", content=b"x" * BODY_LIMIT)).json() == {"bytes": BODY_LIMIT}
    assert (await http.post("/echo", content=b"x" * (BODY_LIMIT + 1))).status_code == 413
    assert (await http.post("/echo", content=drops())).status_code == 413
    assert (await http.post("/large/echo", content=drops())).json() == {"bytes": 200_000}


async def test_health_readiness_and_metrics() -> None:
    assert (await client().get("/health")).json() == {"status": "ok"}
    assert (await client().get("/ready")).status_code == 200
    assert (await client(ok=False).get("/ready")).status_code == 503
    assert "python_info" in (await client().get("/metrics")).text
    guarded = client(token="word")
    assert (await guarded.get("/metrics")).status_code == 401
    assert (await guarded.get("/metrics", headers={"Authorization": "Bearer word"})).status_code == 200


async def test_security_headers_are_on_every_answer() -> None:
    plain, https = await client().get("/nowhere"), await client(https=True).get("/health")
    assert plain.headers["x-content-type-options"] == "nosniff"
    assert plain.headers["referrer-policy"] == "no-referrer"
    assert "strict-transport-security" not in plain.headers
    assert https.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    for rule in ("default-src 'none'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert rule in plain.headers["content-security-policy"]
