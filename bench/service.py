"""The whole service under load: real `hotline serve` and `hotline worker` processes with their normal settings.

Used by bench/load.py. Callers write real questions on a fake WhatsApp, which posts them as signed webhooks over HTTP and
takes the answers over HTTP. A message counts as answered with the first thing its caller is sent after it. Every message
comes from a new caller, as on a launch day: to one person WhatsApp takes a message in six seconds, which would be
all that is measured.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import random
import shutil
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import aiohttp
from aiohttp import web

from bench.understanding import ROOT, load_questions
from storage.cipher import new_key
from tests.acceptance.serving import Serving, share_models
from tests.fakes.whatsapp_server import text, webhook
from tests.faults.rig import Platform, free_port

_SECRET = "app-secret"
_PATIENCE = 60.0  # seconds


class WhatsApp(Platform):
    """Meta's side."""

    def __init__(self) -> None:
        super().__init__()
        self.callers = 0
        self.waiting: dict[str, deque[tuple[float, asyncio.Future[None]]]] = defaultdict(deque)
        choice = random.Random(3)
        self.questions = [question.text for question in load_questions(ROOT / "bench" / "questions")]
        choice.shuffle(self.questions)

    async def start(self) -> None:
        await super().start()
        app = web.Application()
        app.router.add_post("/{phone}/messages", self._answered)
        self._api = web.AppRunner(app, access_log=None)
        await self._api.setup()
        port = free_port()
        await web.TCPSite(self._api, "127.0.0.1", port, backlog=512).start()
        self.url = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        await self._api.cleanup()
        await super().stop()

    async def _answered(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("status") == "read":
            return web.json_response({"success": True})
        self.count += 1
        if queue := self.waiting.get(body["to"]):
            began, future = queue.popleft()
            self.delays.append(time.monotonic() - began)
            if not future.done():
                future.set_result(None)
        return web.json_response({"messages": [{"id": f"wamid.out{self.count}"}]})

    async def post(self, caller: str, number: int, ports: Sequence[int]) -> None:  # noqa: ARG002 - the platform's
        """One webhook, posted until a door takes it."""
        await self.write(ports)

    async def write(self, ports: Sequence[int]) -> asyncio.Future[None]:
        """The same; a future that is done when the message is answered."""
        self.callers += 1
        phone = f"7701{self.callers:07}"
        words = self.questions[self.callers % len(self.questions)]
        raw = json.dumps(webhook(text(words, f"wamid.{self.callers}", phone))).encode()
        sign = "sha256=" + hmac.new(_SECRET.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": sign, "Content-Type": "application/json"}
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        self.waiting[phone].append((began, future))
        while True:
            self.posts += 1
            url = f"http://127.0.0.1:{random.choice(ports)}/whatsapp/webhook"
            try:
                async with self._session.post(url, data=raw, headers=headers) as answer:
                    if answer.status == 200:
                        self.acknowledged.append(time.monotonic() - began)
                        return future
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.05)

    async def saturate(self, ports: Sequence[int], callers: int, each: int) -> float:
        """Every caller writes, waits for the answer, writes again; messages answered a second."""
        began, before = time.monotonic(), len(self.delays)

        async def talk() -> None:
            for _ in range(each):
                future = await self.write(ports)
                await asyncio.wait({future}, timeout=_PATIENCE)

        await asyncio.gather(*(talk() for _ in range(callers)))
        return (len(self.delays) - before) / (time.monotonic() - began)


class House:
    """The processes: one that does everything (`pairs` 0), or as many webs and as many workers."""

    def __init__(self, folder: Path, database: str, url: str, pairs: int, *, semantic: bool = True) -> None:
        self._stack = ExitStack()
        self._folder = folder
        self._settings = {
            "HOTLINE_DATABASE_URL": database,
            "HOTLINE_KEYS": new_key("k1"),
            "HOTLINE_SEMANTIC": str(semantic).lower(),
            "HOTLINE_WHATSAPP__TOKEN": "wa-token",
            "HOTLINE_WHATSAPP__PHONE_ID": "1001",
            "HOTLINE_WHATSAPP__APP_SECRET": _SECRET,
            "HOTLINE_WHATSAPP__API_URL": url,
        }
        self._roles = [("serve", "--no-workers")] * pairs + [("worker",)] * pairs if pairs else [("serve",)]
        self.ports: list[int] = []

    def start(self) -> None:
        """Start, and wait until all are ready; what must be trained for these settings is trained once, before."""
        trained = Serving(self._folder / "trained", self._settings)
        share_models(trained.data)
        trained.run("train").check_returncode()
        for place, role in enumerate(self._roles):
            process = Serving(self._folder / str(place), self._settings, arguments=role)
            if (trained.data / "models").exists():  # else all that it needs is in the package
                shutil.copytree(trained.data / "models", process.data / "models", copy_function=os.link)
            self._stack.callback(process.kill)
            self._stack.callback(process.stop)
            process.start()
            if role[0] == "serve":
                self.ports.append(process.port)

    def stop(self) -> None:
        """Ask them to stop, then make them."""
        self._stack.close()
