"""A WhatsApp Cloud API to test against: speaks Meta's HTTP, checks Meta's limits, signs its webhooks. Knows nothing of the bot.

As a process: `python -m tests.fakes.whatsapp_server --port 9301`. POST /control/fail {"status", "code", "times"} lets sends fail;
GET /control/sent lists what was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web


@dataclass
class WhatsAppServer:
    """The platform, its phones and its bookkeeping."""

    token: str = "wa-token"
    app_secret: str = "app-secret"
    phone_id: str = "1001"
    sent: list[dict[str, Any]] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    typing: list[str] = field(default_factory=list)  # messages under which dots were shown
    failures: list[tuple[int, object]] = field(default_factory=list)  # (status, code or raw text) for the next sends
    outside: set[str] = field(default_factory=set)  # phones whose last message is over 24 h old
    templates: set[tuple[str, str]] = field(default_factory=set)  # approved: (name, language code)
    media: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> WhatsAppServer:
        app = web.Application()
        app.router.add_post("/{phone}/messages", self._messages)
        app.router.add_post("/{phone}/media", self._upload)
        app.router.add_get("/control/sent", self._show)
        app.router.add_post("/control/fail", self._let_fail)
        app.router.add_get("/file/{id}", self._file)
        app.router.add_get("/{id}", self._media)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        address = site._server.sockets[0].getsockname()  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{address[1]}"
        return self

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def _allowed(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.token}"

    async def _messages(self, request: web.Request) -> web.Response:
        if not self._allowed(request) or request.match_info["phone"] != self.phone_id:
            return self._error(401, 190)
        body = await request.json()
        if body.get("status") == "read":
            self.read.append(body["message_id"])
            if body.get("typing_indicator") == {"type": "text"}:
                self.typing.append(body["message_id"])
            return web.json_response({"success": True})
        if self.failures:
            status, code = self.failures.pop(0)
            return web.Response(status=status, text=code) if isinstance(code, str) else self._error(status, code)
        if body.get("type") == "template":
            part = body["template"]
            if (part["name"], part["language"]["code"]) not in self.templates:
                return self._error(404, 132001)
        elif body["to"] in self.outside:
            return self._error(400, 131047)
        if fault := fault_of(body):
            return web.json_response({"error": {"code": 100, "message": fault}}, status=400)
        identity = f"wamid.{next(self._ids)}"
        self.sent.append({**body, "id": identity, "at": time.time()})
        return web.json_response({"messaging_product": "whatsapp", "messages": [{"id": identity}]})

    async def _upload(self, request: web.Request) -> web.Response:
        if not self._allowed(request) or request.match_info["phone"] != self.phone_id:
            return self._error(401, 190)
        form = await request.post()
        file = form.get("file")
        if form.get("messaging_product") != "whatsapp" or not isinstance(file, web.FileField) or file.content_type != form.get("type"):
            return self._error(400, 100)
        identity = f"up{len(self.media)}"
        self.media[identity] = file.file.read()
        return web.json_response({"id": identity})

    @staticmethod
    def _error(status: int, code: object) -> web.Response:
        return web.json_response({"error": {"code": code, "message": "x", "type": "OAuthException"}}, status=status)

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response(self.sent)

    async def _let_fail(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.failures += [(body["status"], body.get("code", 1))] * body.get("times", 1)
        return web.json_response({})

    async def _media(self, request: web.Request) -> web.Response:
        identity = request.match_info["id"]
        if not self._allowed(request) or identity not in self.media:
            return self._error(404, 100)
        return web.json_response({"url": f"{self.url}/file/{identity}"})

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.media[request.match_info["id"]])

    def to(self, address: str) -> list[dict[str, Any]]:
        """What this person was sent, in order."""
        return [message for message in self.sent if message["to"] == address]

    async def post(self, hook: str, body: object, *, signature: str | None = None) -> int:
        """Call the bot's webhook as Meta does; the HTTP status."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sign = "sha256=" + hmac.new(self.app_secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": sign if signature is None else signature, "Content-Type": "application/json"}
        async with aiohttp.ClientSession() as client, client.post(hook, data=raw, headers=headers) as answer:
            return answer.status


def fault_of(body: dict[str, Any]) -> str:
    """What Meta would refuse in a message, or ""."""
    if body.get("type") == "text":
        return "" if 0 < len(body["text"]["body"]) <= 4096 else "text length"
    if body.get("type") == "template":
        return "" if not body["template"].get("components") else "parameters"
    if body.get("type") in ("image", "document"):
        return "" if body[body["type"]].get("id") else "media"
    if body.get("type") != "interactive":
        return "type"
    part = body["interactive"]
    if not 0 < len(part["body"]["text"]) <= 1024:
        return "body length"
    if part["type"] == "button":
        replies = [button["reply"] for button in part["action"]["buttons"]]
        if not 1 <= len(replies) <= 3 or any(not 0 < len(r["title"]) <= 20 or len(r["id"]) > 256 for r in replies):
            return "buttons"
        titles = [r["title"] for r in replies]
    else:
        rows = [row for section in part["action"]["sections"] for row in section["rows"]]
        if not 1 <= len(rows) <= 10 or any(not 0 < len(r["title"]) <= 24 or len(r["id"]) > 200 for r in rows):
            return "rows"
        if not 0 < len(part["action"]["button"]) <= 20:
            return "list label"
        titles = [r["title"] for r in rows] if len({r["id"] for r in rows}) == len(rows) else ["", ""]
    return "" if len(set(titles)) == len(titles) or part["type"] == "list" else "titles repeat"


def webhook(*messages: dict[str, Any], statuses: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A webhook body with these messages and statuses."""
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "1001"}}
    if messages:
        value["messages"] = list(messages)
    if statuses:
        value["statuses"] = list(statuses)
    return {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": value}]}]}


def text(words: str, identity: str = "wamid.in1", sender: str = "77010000001", at: int | None = None) -> dict[str, Any]:
    """A text message as Meta posts it."""
    stamp = str(int(time.time()) if at is None else at)
    return {"from": sender, "id": identity, "timestamp": stamp, "type": "text", "text": {"body": words}}


def pressed(button: str, title: str, identity: str, sender: str = "77010000001", kind: str = "button_reply") -> dict[str, Any]:
    """A button or a list row that was picked."""
    part = {"type": kind, kind: {"id": button, "title": title}}
    return {"from": sender, "id": identity, "timestamp": str(int(time.time())), "type": "interactive", "interactive": part}


async def _main(port: int) -> None:
    server = await WhatsAppServer().start(port)
    print(server.url, flush=True)  # noqa: T201
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=9301)
    asyncio.run(_main(parser.parse_args().port))
