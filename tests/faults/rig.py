"""A hotline in processes that can be killed, and a platform that counts what it is asked to send.

The platform posts each message until it hears 200, as real ones do; it never forgets one. Every process takes messages
in over HTTP, answers and sends; it dies of SIGKILL when it reaches a named step so many times.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import os
import random
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry

from bot.dialogue.context import Context
from bot.dialogue.message import Envelope, Kind, Message
from bot.dialogue.reply import Reply
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn
from bot.errors import GaveUpError, StoreAwayError, TryLaterError, UnreachableError
from bot.hotline.inbox import Inbox
from bot.hotline.ledger import FloodLimit
from bot.hotline.metrics import Metrics
from bot.hotline.outbox import Sender, SenderOptions
from bot.hotline.ports import Outcome, Rates
from bot.hotline.spool import Spool
from bot.hotline.worker import Worker, WorkerOptions
from storage.cipher import load_cipher
from storage.store import open_store

STEPS = ("inbox committed", "dialogue done", "transaction committed", "sent but not recorded")
PARTS = 2  # platform messages for one message
_START = 20.0  # seconds a process may take to answer


class SystemClock:
    """The real time; with `jumps` it is set to and fro by so many seconds, anew each second."""

    def __init__(self, jumps: Sequence[float] = ()) -> None:
        self._jumps = jumps

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now + timedelta(seconds=self._jumps[int(time.monotonic()) % len(self._jumps)]) if self._jumps else now


class HttpChannel:
    """A channel over HTTP, with the errors of real ones."""

    name = "fake"
    can_delete = True
    can_send_files = False
    can_write_first = True

    def __init__(self, url: str, rates: Rates) -> None:
        self.rates = rates
        self._url = url
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64), timeout=aiohttp.ClientTimeout(total=2)
        )

    def render(self, reply: Reply) -> tuple[Mapping[str, Any], ...]:
        return tuple({"text": part} for part in reply.text.split("|"))

    async def send(self, address: str, payload: Mapping[str, Any]) -> str:
        try:
            async with self._session.post(self._url, json={"to": address, **payload}) as answer:
                if answer.status == 429:
                    raise TryLaterError(after=float((await answer.json())["retry_after"]))
                if answer.status >= 500:
                    raise TryLaterError
                if answer.status == 403:
                    raise UnreachableError
                if answer.status >= 400:
                    raise GaveUpError
                return str((await answer.json())["id"])
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryLaterError from error

    async def send_file(self, address: str, payload: Mapping[str, Any], data: bytes) -> str:  # noqa: ARG002 - the protocol's
        raise GaveUpError("This platform takes no files.")  # and says so: nobody should come here

    async def delete(self, address: str, references: Sequence[str]) -> None:
        pass

    async def typing(self, address: str, reference: str) -> None:
        pass

    async def media(self, reference: str) -> AsyncIterator[bytes]:  # noqa: ARG002 - the protocol's
        yield b""

    async def close(self) -> None:
        await self._session.close()


class CountingBot:
    """Answers in two parts that name the message and how many turns the conversation has had."""

    def __init__(self, thinking: float = 0.0) -> None:
        """`thinking`: seconds of pure computing for each message."""
        self._thinking = thinking

    def __call__(self, session: Session, message: Message, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        until = time.perf_counter() + self._thinking
        while time.perf_counter() < until:
            pass
        turn = session.misses + 1
        parts = "|".join(f"{message.text} turn {turn} part {part}" for part in range(PARTS))
        return Outcome(Turn(session.change(misses=turn), (Reply(parts),)), {"intent": "x", "action": "answer"})


class Excuses:
    """Never to be seen here."""

    def on_poison(self, session: Session) -> Reply:  # noqa: ARG002 - the protocol's
        return Reply("poison|")

    def on_flood(self, session: Session) -> Reply:  # noqa: ARG002 - the protocol's
        return Reply("flood|")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a process is to live and die."""

    database: str
    folder: str
    port: int
    platform: str
    step: str = ""  # dies at this step …
    count: int = 0  # … when it is reached so many times
    lease: float = 2.0
    rates: Rates = field(default_factory=Rates)
    taking: bool = True  # takes messages in
    working: bool = True  # answers and sends
    thinking: float = 0.0  # seconds the bot's mind takes
    tight_after: float = 0.0  # after so many seconds the disk is full …
    tight_for: float = 0.0  # … for so many
    jumps: tuple[float, ...] = ()  # seconds by which the clock is wrong, each for a second, over and over


def live(plan: Plan) -> None:
    """The process: runs until SIGTERM, or until it kills itself at the plan's step."""
    asyncio.run(_live(plan))


async def _live(plan: Plan) -> None:
    seen: Counter[str] = Counter()

    def reached(step: str) -> None:
        seen[step] += 1
        if step == plan.step and seen[step] >= plan.count:
            os.kill(os.getpid(), signal.SIGKILL)

    folder = Path(plan.folder)
    cipher = load_cipher("", folder)
    store = await open_store(plan.database, cipher, pool=8)
    clock, metrics = SystemClock(plan.jumps), Metrics(CollectorRegistry())
    channel = HttpChannel(plan.platform, plan.rates)
    channels = {channel.name: channel}
    spool = Spool(folder / f"spool-{plan.port}", cipher)
    inbox = Inbox(store, clock, metrics, spool=spool, flood=FloodLimit(1_000_000), reached=reached)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    jobs: list[Awaitable[Any]] = [stop.wait(), inbox.replay(stop)]
    if plan.tight_for:
        jobs.append(_fill_disk(plan))
    if plan.working:
        options = WorkerOptions(lease=plan.lease, poll=0.2)
        worker = Worker(
            store, channels, CountingBot(plan.thinking), Excuses(), clock, metrics, options=options, reached=reached
        )
        sending = SenderOptions(lease=plan.lease, timeout=plan.lease * 0.4, poll=0.2, longest=2.0)
        sender = Sender(store, channels, clock, metrics, options=sending, reached=reached)
        jobs += [worker.run(stop), sender.run(stop)]
    runner = await _door(inbox, plan.port) if plan.taking else None
    await asyncio.gather(*jobs)
    if runner:
        await runner.cleanup()
    await channel.close()
    await store.close()


async def _fill_disk(plan: Plan) -> None:
    """For a while no file may grow beyond the database's size: what a full disk does to it, the spool stays writable."""
    await asyncio.sleep(plan.tight_after)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    await asyncio.sleep(plan.tight_for)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def _door(inbox: Inbox, port: int) -> web.AppRunner:
    async def take(request: web.Request) -> web.Response:
        data = await request.json()
        message = Message(Kind.TEXT, datetime.now(UTC), data["text"], reference=data["id"])
        try:
            await inbox.receive([Envelope("fake", data["id"], data["from"], message)])
        except StoreAwayError:
            return web.Response(status=503)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=512, reuse_port=True).start()
    return runner


@dataclass
class Platform:
    """The other side: posts callers' messages until they are taken, and counts what it is asked to send."""

    trouble: Callable[[], tuple[int, dict[str, Any]] | None] = lambda: None
    sent: dict[str, list[str]] = field(default_factory=dict)  # address -> texts in order
    count: int = 0
    posts: int = 0
    took: dict[str, float] = field(default_factory=dict)  # text -> when it was first posted, monotonic
    delays: list[float] = field(default_factory=list)  # seconds from the post to the first part of the answer
    url: str = ""
    acknowledged: list[float] = field(default_factory=list)  # seconds from the post to its 200

    async def start(self) -> None:
        """Listen for sends."""
        app = web.Application()
        app.router.add_post("/send", self._send)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        port = free_port()
        await web.TCPSite(self._runner, "127.0.0.1", port, backlog=512).start()
        self.url = f"http://127.0.0.1:{port}/send"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=256), timeout=aiohttp.ClientTimeout(total=10)
        )

    async def stop(self) -> None:
        """No more."""
        await self._session.close()
        await self._runner.cleanup()

    async def _send(self, request: web.Request) -> web.Response:
        data = await request.json()
        if trouble := self.trouble():
            status, body = trouble
            if status == 200:  # garbage with a good status
                return web.Response(text="<html>not json")
            return web.json_response(body, status=status)
        text = data["text"]
        self.sent.setdefault(data["to"], []).append(text)
        self.count += 1
        name = text.partition(" turn ")[0]
        if text.endswith("part 0") and name in self.took:
            self.delays.append(time.monotonic() - self.took.pop(name))
        return web.json_response({"id": f"p{self.count}"})

    async def post(self, caller: str, number: int, ports: Sequence[int]) -> None:
        """One message, posted to any of the doors until one takes it."""
        text = f"{caller}-{number}"
        body = {"id": text, "from": caller, "text": text}
        began = self.took[text] = time.monotonic()
        while True:
            self.posts += 1
            try:
                async with self._session.post(f"http://127.0.0.1:{random.choice(ports)}/", json=body) as answer:
                    if answer.status == 200:
                        self.acknowledged.append(time.monotonic() - began)
                        return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a run. The first three must be 0; a repeat may follow each kill."""

    lost: int
    answered_twice: int
    out_of_order: int
    repeated_sends: int
    sends: int


def judge(sent: Mapping[str, Sequence[str]], callers: Mapping[str, int]) -> Verdict:
    """Compare what each caller was sent with what they wrote: messages 0 to n-1."""
    lost = twice = disorder = repeats = 0
    for caller, count in callers.items():
        texts = [text for text in sent.get(caller, ()) if " turn " in text]  # an excuse is no answer
        fresh = list(dict.fromkeys(texts))
        repeats += len(texts) - len(fresh)
        turns: dict[str, set[str]] = {}
        for text in fresh:
            name, _, rest = text.partition(" turn ")
            turns.setdefault(name, set()).add(rest.partition(" ")[0])
        twice += sum(1 for numbers in turns.values() if len(numbers) > 1)
        came = {(text.partition(" turn ")[0], text[-1]) for text in fresh}
        lost += len({(f"{caller}-{n}", str(part)) for n in range(count) for part in range(PARTS)} - came)
        # A repeat comes right after the first sending: nothing of the conversation was sent in between.
        disorder += sum(1 for one, two in itertools.pairwise(texts) if two != one and _place(two) < _place(one))
    return Verdict(lost, twice, disorder, repeats, sum(len(texts) for texts in sent.values()))


def _place(text: str) -> tuple[int, int]:
    name, _, rest = text.partition(" turn ")
    return int(name.rpartition("-")[2]), int(rest.rpartition(" ")[2])


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Nursery:
    """Processes that share what is imported (a fork server), so that a restart takes milliseconds."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.faults.rig", "storage.store", "storage.schema"])

    def start(self, plan: Plan) -> ForkServerProcess:
        """A living process."""
        return self.run(live, plan)

    def run(self, function: Callable[..., None], *arguments: object) -> ForkServerProcess:
        """Any function in a process."""
        process = self._context.Process(target=function, args=arguments, daemon=True)
        process.start()
        return process


async def gone(process: BaseProcess, done: asyncio.Event) -> None:
    """Wait until a process has died, or `done`."""
    while process.is_alive() and not done.is_set():
        await asyncio.sleep(0.02)


async def answers(port: int) -> bool:
    """Wait until somebody listens on the port; False after a while."""
    until = time.monotonic() + _START
    while time.monotonic() < until:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return True
    return False


def dump(verdict: Verdict) -> str:
    """For a table."""
    return json.dumps({name: getattr(verdict, name) for name in verdict.__slots__})
