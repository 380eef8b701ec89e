"""The real inbox on a real database, and the app as it is served, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from bench.fuzz.hostile import check
from bot import web
from bot.channels.whatsapp import BODY_LIMIT
from bot.dialogue.message import Envelope
from bot.hotline.codec import envelope_from_bytes, envelope_to_bytes
from bot.hotline.inbox import Inbox
from bot.hotline.metrics import Metrics
from bot.hotline.ports import Store
from bot.matching.matcher import Matcher

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@dataclass
class Answer:
    """What an ASGI app answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def ask(app: FastAPI, method: str, path: str, headers: dict[str, bytes] | None = None, body: bytes = b"", query: bytes = b"") -> Answer:
    """One request without a network; what the app raises comes out."""
    answer = Answer()
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if parts:
            return parts.pop()
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]}
        answer.body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode("utf-8", "replace"), "query_string": query, "root_path": "", "server": ("test", 80), "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"test"), (b"content-length", str(len(body)).encode()), *((k.encode(), v) for k, v in (headers or {}).items())],
    }  # fmt: skip
    await app(scope, receive, send)
    return answer


class Door:
    """The real inbox on a real database, and what went through it."""

    def __init__(self, store: Store, matcher: Matcher) -> None:
        self.store = store
        self.taken: set[tuple[str, str]] = set()
        self.last: list[Envelope] = []
        self.inbox = Inbox(store, Clock(), Metrics(CollectorRegistry()), priority=lambda m: matcher.glance(m.text).level.rank if m.text else 0)

    async def receive(self, envelopes: Any) -> None:
        """Count and pass on."""
        self.last = list(envelopes)
        for envelope in envelopes:  # the worker must be able to read it again
            again, _ = envelope_from_bytes(envelope_to_bytes(envelope, NOW))
            check(again.message.text == envelope.message.text and again.message.media == envelope.message.media, "it does not survive storing")
        await self.inbox.receive(envelopes)
        self.taken.update((envelope.channel, envelope.external_id) for envelope in envelopes)

    async def lost(self) -> int:
        """How many of those acknowledged are not in the database."""
        depth = await self.store.read(lambda ledger: ledger.letters.depth(NOW))
        return len(self.taken) - depth.incoming


class Clock:
    """The time."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)


class QuietPlatform:
    """Stands for Telegram's and WhatsApp's servers: takes every courtesy call."""

    token = "1:fuzz"

    def __getattr__(self, _name: str) -> Callable[..., Awaitable[None]]:
        async def call(*_arguments: object, **_named: object) -> None:
            return None

        return call


def app_of(*routers: Any) -> FastAPI:
    """The app as it is served."""

    async def ready() -> dict[str, Any]:
        return {"ok": True}

    return web.create_app(routers, None, ready, https=True, body_limits={"/telegram": 1_000_000, "/whatsapp": BODY_LIMIT})  # type: ignore[arg-type]
