"""Load: how many messages a second, how fast at 50 a second, and whether history costs anything.

    python -m bench.load              about four minutes
    python -m bench.load --small      a quarter of the messages, 100,000 stored ones instead of a million
    python -m bench.load --only sqlite,echo

One message: an HTTP post to the door, deduplicated and durable before its 200; a turn of 1 ms pure computing; one
transaction; two platform messages over HTTP. Load generator, platform, database and hotline share this machine. The
echo bot beside it is python-telegram-bot behind the same door: it stores nothing, loses what it has on a kill, and
sends one message where we send two.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import aiohttp
import asyncpg
from aiohttp import web

from bench.echo import echo
from storage.cipher import Cipher, load_cipher
from storage.migration import migrate
from tests.faults.rig import Nursery, Plan, Platform, answers, free_port
from tests.postgres import Postgres, binaries

_THINKING = 0.001  # seconds
_RATE = 50.0  # messages a second in the second part
_SECONDS = 20.0  # of the second part
_CALLERS = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """What one set-up did."""

    throughput: float  # messages a second, from the first post to the last answer
    taken: float  # messages a second taken in meanwhile
    answer: tuple[float, float]  # p50 and p99 in milliseconds from post to the first answer at _RATE
    door: tuple[float, float]  # the same from post to its 200
    unanswered: int


class Telegram(Platform):
    """The platform as the echo bot knows it: updates in, sendMessage out."""

    async def start(self) -> None:
        await super().start()
        app = web.Application()
        app.router.add_post("/bot{token}/{method}", self._call)
        self._bot_runner = web.AppRunner(app, access_log=None)
        await self._bot_runner.setup()
        port = free_port()
        await web.TCPSite(self._bot_runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{port}/bot"

    async def stop(self) -> None:
        await self._bot_runner.cleanup()
        await super().stop()

    async def _call(self, request: web.Request) -> web.Response:
        if request.match_info["method"] == "getMe":
            me = {"id": 1, "is_bot": True, "first_name": "echo", "username": "echo_bot"}
            return web.json_response({"ok": True, "result": me})
        data = await request.post()
        text = str(data["text"])
        self.count += 1
        if text in self.took:
            self.delays.append(time.monotonic() - self.took.pop(text))
        chat = {"id": int(str(data["chat_id"])), "type": "private"}
        message = {"message_id": self.count, "date": 0, "chat": chat, "text": text}
        return web.json_response({"ok": True, "result": message})


async def measure(platform: Platform, ports: Sequence[int], messages: int, parts: int, start: int = 0) -> Figures:
    """Saturate, then a steady rate; `parts` platform messages for each message."""
    began, before = time.monotonic(), platform.count

    async def write(caller: int) -> None:
        for number in range(messages // _CALLERS):
            await platform.post(f"c{caller}", start + number, ports)

    await asyncio.gather(*(write(caller) for caller in range(_CALLERS)))
    total = messages // _CALLERS * _CALLERS
    taken = total / (time.monotonic() - began)
    await _until(lambda: platform.count >= before + total * parts, 120)
    throughput = total / (time.monotonic() - began)
    await asyncio.sleep(0.5)
    platform.delays.clear()
    platform.acknowledged.clear()
    posts = []
    steady, at = int(_RATE * _SECONDS), time.monotonic()
    for number in range(steady):
        at += random.expovariate(_RATE)  # arrivals by chance, as they come
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        posts.append(asyncio.create_task(platform.post(f"s{number % _CALLERS}", start + number, ports)))
    await asyncio.gather(*posts)
    await _until(lambda: len(platform.delays) >= steady, 30)
    unanswered = steady - len(platform.delays)
    return Figures(throughput, taken, _quantiles(platform.delays), _quantiles(platform.acknowledged), unanswered)


async def _until(done: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:  # noqa: ASYNC110 - what is watched has no event
        await asyncio.sleep(0.01)


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    if len(seconds) < 2:
        return float("nan"), float("nan")
    cuts = statistics.quantiles(seconds, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


@asynccontextmanager
async def hotline(nursery: Nursery, database: str, folder: Path, url: str, web_count: int) -> AsyncIterator[list[int]]:
    """A hotline: one process that does everything (`web_count` 0), or as many at the door and as many workers."""
    ports = [free_port() for _ in range(max(1, web_count))]
    plan = Plan(database, str(folder), 0, url, lease=10.0, thinking=_THINKING)
    processes: list[BaseProcess] = []
    for port in ports:
        door = Plan(database, str(folder), port, url, lease=10.0, thinking=_THINKING, working=web_count == 0)
        processes.append(nursery.start(door))
    for _ in range(web_count):
        worker = Plan(database, str(folder), 0, url, lease=10.0, thinking=plan.thinking, taking=False)
        processes.append(nursery.start(worker))
    for port in ports:
        if not await answers(port):
            raise RuntimeError("the hotline did not start")
    try:
        yield ports
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            await asyncio.to_thread(process.join, 10)


async def run_hotline(
    nursery: Nursery, database: str, web_count: int, messages: int, history: int
) -> tuple[Figures, Figures | None]:
    """Figures with an empty database, and again with `history` stored messages (0: not)."""
    with tempfile.TemporaryDirectory(prefix="hotline-load-") as name:
        folder = Path(name)
        database = database or f"sqlite:///{folder}/hotline.db"
        await migrate(database)
        cipher = load_cipher("", folder)
        results: list[Figures] = []
        for round_number in range(2 if history else 1):
            if round_number:
                await _fill(database, cipher, history)
            platform = Platform()
            await platform.start()
            async with hotline(nursery, database, folder, platform.url, web_count) as ports:
                results.append(await measure(platform, ports, messages, 2, start=round_number * 100_000))
            await platform.stop()
        return results[0], results[1] if history else None


async def _fill(database: str, cipher: Cipher, count: int) -> None:
    """Store many old messages of the callers and of others, as they would have been stored."""
    began = time.monotonic()
    text = cipher.seal("хозяин забрал паспорт и не платит третий месяц".encode(), "message.text")
    understood = cipher.seal(b'{"intent":"unpaid_wages","action":"answer"}', "message.understood")

    def rows() -> Sequence[tuple[object, ...]]:
        return [
            (f"{number % 50_000:032x}", "in" if number % 2 else "out", "text", text, understood, 4, number, "")
            for number in range(count)
        ]

    columns = ("conversation_id", "direction", "kind", "text", "understood", "status", "created", "author")
    if database.startswith("sqlite"):
        connection = sqlite3.connect(database.removeprefix("sqlite:///"))
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO message ({', '.join(columns)}) VALUES ({marks})", rows())
        connection.commit()
        connection.close()
    else:
        pool = await asyncpg.connect(database)
        await pool.copy_records_to_table("message", records=rows(), columns=columns)
        await pool.execute("ANALYZE message")
        await pool.close()
    print(f"  {count:,} messages stored in {time.monotonic() - began:.0f} s", flush=True)


async def run_echo(nursery: Nursery, messages: int) -> Figures:
    """The bare bot."""
    platform = Telegram()
    await platform.start()
    port = free_port()
    process = nursery.run(echo, port, platform.url)
    try:
        if not await answers(port):
            raise RuntimeError("the echo bot did not start")
        async with aiohttp.ClientSession():
            return await measure(platform, [port], messages, 1)
    finally:
        process.terminate()
        await platform.stop()


def show(name: str, figures: Figures) -> None:
    """One row."""
    print(
        f"{name:40} {figures.throughput:7.0f} {figures.taken:8.0f} {figures.answer[0]:8.0f} {figures.answer[1]:8.0f} "
        f"{figures.door[0]:7.0f} {figures.door[1]:7.0f} {figures.unanswered:6}",
        flush=True,
    )


async def main(names: Sequence[str], messages: int, history: int) -> None:
    """Run and print."""
    nursery = Nursery()
    print(
        f"{'':40} {'msg/s':>7} {'taken/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'200 p50':>7} {'200 p99':>7} {'unansw':>6}"
    )
    if "echo" in names:
        show("bare python-telegram-bot echo", await run_echo(nursery, messages))
    if "sqlite" in names:
        empty, full = await run_hotline(nursery, "", 0, messages, history)
        show("SQLite, 1 process", empty)
        if full:
            show(f"SQLite, 1 process, {history:,} stored", full)
    if "postgres" in names:
        if binaries() is None:
            print("PostgreSQL is not installed: skipped")
            return
        server = Postgres(durable=True)
        server.start()
        try:
            database = await asyncio.to_thread(server.create, "load")
            empty, full = await run_hotline(nursery, database, 2, messages, history)
            show("PostgreSQL, 2 web + 2 workers", empty)
            if full:
                show(f"PostgreSQL, 2 + 2, {history:,} stored", full)
        finally:
            server.remove()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a quarter of the messages, a tenth of the history")
    parser.add_argument("--messages", type=int, default=0, help="in the first part")
    parser.add_argument("--history", type=int, default=-1, help="stored messages for the second round; 0: none")
    parser.add_argument("--only", default="echo,sqlite,postgres", help="names, by comma")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    count = arguments.messages or (1000 if arguments.small else 4000)
    stored = arguments.history if arguments.history >= 0 else (100_000 if arguments.small else 1_000_000)
    asyncio.run(main(arguments.only.split(","), count, stored))
    sys.exit(0)
