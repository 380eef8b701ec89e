"""A Telegram Bot API server over real HTTP, for tests: `python -m tests.fakes.telegram_server --port 8081`.

Point a bot at it with HOTLINE_TELEGRAM__API_URL; any token of the right form is taken. It knows nothing of the bot.

Tests in the same loop use `async with TelegramServer() as telegram:` and act on `telegram.world`. Others use HTTP:

- `POST /control/<action>` with the action's arguments as JSON: say, send, edit, press, react, block, unblock, invite,
  group_say, move, drop_topic, push, repeat, age (methods of `World`), trouble (fields of `Trouble`), limits (fields of `Limits`), reset.
  Answers {"result": …}, 400 {"error": …} when it cannot be.
- `GET /control/state`: sent, deleted, answered, edited, commands, texts, left, pending, webhook, calls, refused, reactions,
  topics by group.
- `GET /control/chat/<id>`: the messages that stand in that chat now.
- `GET /control/file/<id>`: a file's bytes, by its id.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import re
import time
from collections.abc import Mapping
from typing import Any, Self

import aiohttp
from aiohttp import web

from tests.fakes.telegram_limits import ApiError, Limits, Trouble
from tests.fakes.telegram_methods import Methods, number
from tests.fakes.telegram_world import Json, World

TOKEN = "700000001:TEST-only-not-a-real-token-0123456789"
_ACTIONS = ("say", "send", "edit", "press", "react", "block", "unblock", "invite", "group_say", "move", "drop_topic", "push", "repeat", "age")
_COUNTED = re.compile(r"(?i)send(?!ChatAction)|copyMessage|forwardMessage")
_WEBHOOK_TIMEOUT = 10.0  # seconds until an answer counts as failed


class TelegramServer:
    """The server; `world` is what it knows, `troubles` what goes wrong next."""

    def __init__(self, *, token: str = "", enforce: bool = True) -> None:
        """`token`: the only one taken; "": any of the right form. `enforce`: whether the rates are."""
        self.token = token
        self.world = World()
        self.limits = Limits(enforced=enforce)
        self.troubles: list[Trouble] = []
        self.calls: list[Json] = []  # every request: at, method, chat, code
        self.methods = Methods(self.world, self.limits)
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._hooks: asyncio.Task[None] | None = None

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> None:
        """Listen; `url` says where."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/bot{token}/{method}", self._call)
        app.router.add_get("/file/bot{token}/{path:.+}", self._download)
        app.router.add_post("/control/{action}", self._control)
        app.router.add_get("/control/state", self._state)
        app.router.add_get("/control/chat/{chat}", self._chat)
        app.router.add_get("/control/file/{file}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        address = site._server.sockets[0].getsockname()  # type: ignore[union-attr]
        self.url = f"http://{host}:{address[1]}"
        self._hooks = asyncio.create_task(Deliveries(self.world).run())

    async def stop(self) -> None:
        """Close everything."""
        if self._hooks:
            self._hooks.cancel()
            await asyncio.gather(self._hooks, return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def trouble(self, method: str = "", **fields: Any) -> Trouble:
        """Let the next call(s) go wrong."""
        made = Trouble(method, **fields)
        self.troubles.append(made)
        return made

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        params, files = await _parameters(request)
        chat = number(params, "chat_id")
        note: Json = {"at": time.time(), "method": method, "chat": chat, "code": 0}
        self.calls.append(note)
        trouble = next((t for t in self.troubles if t.hits(method, chat)), None)
        try:
            self._check_token(request)
            if trouble and (answer := await self._fail(request, trouble, method, params, files)):
                note["code"] = answer.status
                return answer
            body: Json = {"ok": True, "result": await self.methods.call(method, params, files)}
            code = 200
        except ApiError as error:
            code, body = error.code, {"ok": False, "error_code": error.code, "description": error.description}
            body |= {"parameters": error.parameters} if error.parameters else {}
        note["code"] = code
        return web.json_response(body, status=code)

    async def _fail(
        self, request: web.Request, trouble: Trouble, method: str, params: Json, files: Mapping[str, tuple[str, bytes]]
    ) -> web.StreamResponse | None:
        """The spoilt answer, or None when it was a delay only."""
        if trouble.done:
            await self.methods.call(method, params, files)
        await asyncio.sleep(trouble.delay)
        if trouble.cut:
            if request.transport:
                request.transport.abort()
            return web.Response(status=500)
        if trouble.garbage:
            return web.Response(
                text="<html>502 Bad Gateway, привет", status=trouble.code or 200, content_type="text/html"
            )
        if trouble.code:
            raise trouble.error()
        return None

    def _check_token(self, request: web.Request) -> None:
        given = request.match_info["token"]
        if not re.fullmatch(r"\d{5,}:[\w-]{20,}", given):
            raise ApiError(404, "Not Found")
        if self.token and given != self.token:
            raise ApiError(401, "Unauthorized")

    async def _download(self, request: web.Request) -> web.Response:
        self._check_token(request)
        wanted = request.match_info["path"]
        content = next((data for path, data in self.world.files.values() if path == wanted), None)
        return web.Response(status=404) if content is None else web.Response(body=content)

    async def _control(self, request: web.Request) -> web.Response:
        action = request.match_info["action"]
        given = await request.json() if request.can_read_body else {}
        result: object = None
        try:
            if action == "trouble":
                self.trouble(**given)
            elif action == "limits":
                self.limits = self.methods.limits = dataclasses.replace(self.limits, **given)
            elif action == "reset":
                self.world.__init__()  # type: ignore[misc]
                self.troubles.clear()
                self.calls.clear()
            elif action in _ACTIONS:
                result = getattr(self.world, action)(**given)
            else:
                return web.json_response({"error": "no such action"}, status=404)
        except (TypeError, LookupError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"result": result})

    async def _state(self, _request: web.Request) -> web.Response:
        world = self.world
        names = ("sent", "deleted", "answered", "edited", "actions", "commands", "texts", "left", "pending")
        topics = {str(chat.id): chat.topics for chat in world.chats.values() if chat.topics}
        shown: Json = {"topics": topics, "reactions": world.reactions} | {name: getattr(world, name) for name in names}
        shown |= {"webhook": dataclasses.asdict(world.webhook), "calls": self.calls, "refused": self.limits.refused}
        return web.json_response(shown)

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.world.files[request.match_info["file"]][1])

    async def _chat(self, request: web.Request) -> web.Response:
        wanted = int(request.match_info["chat"])
        return web.json_response([m for (chat, _), m in sorted(self.world.messages.items()) if chat == wanted])


async def _parameters(request: web.Request) -> tuple[Json, dict[str, tuple[str, bytes]]]:
    """Query, form, multipart or JSON, as the Bot API takes them."""
    params: Json = dict(request.query)
    files: dict[str, tuple[str, bytes]] = {}
    if request.content_type == "application/json":
        params |= await request.json()
    elif request.can_read_body:
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[name] = (value.filename, value.file.read())
            else:
                params[name] = value
    return params, files


class Deliveries:
    """Posts updates to the webhook: in order within a chat, chats side by side, again until it answers 2xx."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._flying: dict[int, Any] = {}  # update id: chat
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: dict[int, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_WEBHOOK_TIMEOUT)) as web_client:
            while True:
                self._next(web_client)
                await asyncio.sleep(0.01)

    def _next(self, web_client: aiohttp.ClientSession) -> None:
        world = self._world
        if not world.webhook.url:
            return
        for update in (*world.again, *world.pending):
            chat = _chat_of(update)
            if update["update_id"] in self._flying or chat in self._flying.values():
                continue
            if len(self._flying) >= world.webhook.connections:
                return
            self._flying[update["update_id"]] = chat
            task = asyncio.create_task(self._post(web_client, update))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _post(self, web_client: aiohttp.ClientSession, update: Json) -> None:
        world, hook, made = self._world, self._world.webhook, update["update_id"]
        headers = {"X-Telegram-Bot-Api-Secret-Token": hook.secret} if hook.secret else {}
        try:
            async with web_client.post(hook.url, json=update, headers=headers) as answer:
                reason = "" if 200 <= answer.status < 300 else f"Wrong response from the webhook: {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = f"Connection failed: {type(error).__name__}"
        if not reason:
            self._failures.pop(made, None)
            if any(update is other for other in world.again):
                world.again = [other for other in world.again if other is not update]
            else:
                world.confirm([update])
        else:
            self._failures[made] = self._failures.get(made, 0) + 1
            hook.error, hook.error_at = reason, int(time.time())
            await asyncio.sleep(min(5.0, 0.2 * 2 ** self._failures[made]))
        self._flying.pop(made, None)


def _chat_of(update: Mapping[str, Any]) -> Any:
    """The chat an update is about; None when there is none."""
    for value in update.values():
        if isinstance(value, Mapping):
            inner = value.get("message") or value
            return (inner.get("chat") or {}).get("id")
    return None


async def _serve(port: int, enforce: bool) -> None:
    server = TelegramServer(enforce=enforce)
    await server.start(port)
    print(json.dumps({"url": server.url, "token": TOKEN}), flush=True)  # noqa: T201 - says where it listens
    await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="A Telegram Bot API server for tests.")
    parser.add_argument("--port", type=int, default=8081, help="0: any free one")
    parser.add_argument("--no-limits", action="store_true", help="never answer 429 by itself")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(given.port, not given.no_limits))


if __name__ == "__main__":
    main()
