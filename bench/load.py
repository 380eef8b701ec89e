"""Load: how many messages a second, how fast at 50 a second, and whether history costs anything.

    python -m bench.load              every row, a quarter of an hour on a quiet machine
    python -m bench.load --small      echo, sqlite and postgres with a quarter of the messages, a minute
    python -m bench.load --only sqlite,echo

Load generator, platform, database and hotline share this machine. Rows:

- echo: a bare python-telegram-bot bot behind the same door. It stores nothing, loses what it has on a kill, and sends
  one message where the engine sends two.
- sqlite, postgres: the engine (inbox, worker, sender, store). One message: an HTTP post to the door, deduplicated and
  durable before its 200; a turn of 1 ms pure computing; one transaction; two platform messages over HTTP.
- service-sqlite, service-postgres: real `hotline serve` and `hotline worker` with their normal settings on a fake
  WhatsApp, with real questions, with the meaning model and without. WhatsApp takes 80 messages a second at most.
- history-sqlite, history-postgres: the engine's throughput without and with a million stored messages, alternately in
  one run; the ratio should stay over 0.9.
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
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

import aiohttp
import asyncpg
from aiohttp import web

from bench.echo import echo
from bench.service import House, WhatsApp
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


async def measure(
    platform: Platform, ports: Sequence[int], messages: int, parts: int, start: int = 0, *, steady: bool = True
) -> Figures:
    """Saturate, then a steady rate unless told not to; `parts` platform messages for each message."""
    began, before = time.monotonic(), platform.count

    async def write(caller: int) -> None:
        for number in range(messages // _CALLERS):
            await platform.post(f"c{caller}", start + number, ports)

    await asyncio.gather(*(write(caller) for caller in range(_CALLERS)))
    total = messages // _CALLERS * _CALLERS
    taken = total / (time.monotonic() - began)
    await _until(lambda: platform.count >= before + total * parts, 120)
    throughput = total / (time.monotonic() - began)
    if not steady:
        return Figures(throughput, taken, _quantiles(()), _quantiles(()), 0)
    await asyncio.sleep(0.5)
    return await _steady(platform, ports, start, throughput, taken)


async def _steady(platform: Platform, ports: Sequence[int], start: int, throughput: float, taken: float) -> Figures:
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


async def run_hotline(nursery: Nursery, database: str, web_count: int, messages: int) -> Figures:
    """Figures of the engine on an empty database; "" is SQLite."""
    with tempfile.TemporaryDirectory(prefix="hotline-load-") as name:
        place = await Place.make(Path(name), database, web_count)
        return await place.measure(nursery, messages)


@dataclass(slots=True)
class Place:
    """A database with its keys, on which processes are started again and again."""

    folder: Path
    database: str
    web_count: int
    round: int = 0

    @classmethod
    async def make(cls, folder: Path, database: str, web_count: int) -> Place:
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        load_cipher("", folder)  # the keys, before several processes make them
        place = cls(folder, database or f"sqlite:///{folder}/hotline.db", web_count)
        await migrate(place.database)
        return place

    async def measure(self, nursery: Nursery, messages: int, *, steady: bool = True) -> Figures:
        """Start, measure, stop."""
        self.round += 1
        platform = Platform()
        await platform.start()
        async with hotline(nursery, self.database, self.folder, platform.url, self.web_count) as ports:
            figures = await measure(platform, ports, messages, 2, start=self.round * 100_000, steady=steady)
        await platform.stop()
        return figures


async def compare_history(nursery: Nursery, databases: Sequence[str], messages: int, history: int, rounds: int) -> None:
    """Throughput without and with history, alternately; `databases`: two, "" for SQLite."""
    with tempfile.TemporaryDirectory(prefix="hotline-history-") as name:
        count = 2 if databases[0] else 0
        small, large = [await Place.make(Path(name) / str(n), one, count) for n, one in enumerate(databases)]
        for place in (small, large):  # the callers of the measurement become known; processes are warm
            await place.measure(nursery, _CALLERS, steady=False)
        await _fill(large.database, load_cipher("", large.folder), history)
        ratios, speeds = [], ([], [])  # type: ignore[var-annotated]
        for number in range(rounds):
            for place in (small, large) if number % 2 else (large, small):
                speeds[place is large].append((await place.measure(nursery, messages, steady=False)).throughput)
            ratios.append(speeds[True][-1] / speeds[False][-1])
        each = " ".join(f"{ratio:.2f}" for ratio in ratios)
        print(
            f"{'PostgreSQL' if count else 'SQLite'}, {history:,} stored messages / none: median ratio "
            f"{statistics.median(ratios):.2f} ({each}); msg/s {statistics.median(speeds[True]):.0f} / {statistics.median(speeds[False]):.0f}",
            flush=True,
        )


async def run_service(database: str, pairs: int, messages: int, *, semantic: bool) -> Figures:
    """Figures of the whole service."""
    with tempfile.TemporaryDirectory(prefix="hotline-service-") as name:
        folder = Path(name)
        platform = WhatsApp()
        await platform.start()
        house = House(folder, database or f"sqlite:///{folder}/hotline.db", platform.url, pairs, semantic=semantic)
        try:
            await asyncio.to_thread(house.start)
            await platform.saturate(house.ports, 20, 1)  # everything is loaded
            await asyncio.sleep(1)
            throughput = await platform.saturate(house.ports, _CALLERS, max(1, messages // _CALLERS))
            await asyncio.sleep(2)
            return await _steady(platform, house.ports, 1000, throughput, throughput)
        finally:
            await asyncio.to_thread(house.stop)
            await platform.stop()


async def _fill(database: str, cipher: Cipher, count: int) -> None:
    """Store many old messages, a tenth of them of the callers who write now, as they would have been stored."""
    began = time.monotonic()
    text = cipher.seal("хозяин забрал паспорт и не платит третий месяц".encode(), "message.text")
    understood = cipher.seal(b'{"intent":"unpaid_wages","action":"answer"}', "message.understood")

    def rows(known: Sequence[str]) -> Sequence[tuple[object, ...]]:
        names = [known[n // 10 % len(known)] if n % 10 == 0 else f"{n % 50_000:032x}" for n in range(count)]
        return [
            (name, "in" if number % 2 else "out", "text", text, understood, 4, number, "")
            for number, name in enumerate(names)
        ]

    columns = ("conversation_id", "direction", "kind", "text", "understood", "status", "created", "author")
    if database.startswith("sqlite"):
        connection = sqlite3.connect(database.removeprefix("sqlite:///"))
        marks = ", ".join("?" * len(columns))
        known = [row[0] for row in connection.execute("SELECT id FROM conversation")]
        connection.executemany(f"INSERT INTO message ({', '.join(columns)}) VALUES ({marks})", rows(known))
        connection.commit()
        connection.close()
    else:
        pool = await asyncpg.connect(database)
        known = [row["id"] for row in await pool.fetch("SELECT id FROM conversation")]
        await pool.copy_records_to_table("message", records=rows(known), columns=columns)
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


async def main(names: Sequence[str], messages: int, history: int, rounds: int) -> None:
    """Run and print."""
    nursery = Nursery()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before it began")
    print(
        f"{'':40} {'msg/s':>7} {'taken/s':>8} {'p50 ms':>8} {'p99 ms':>8} {'200 p50':>7} {'200 p99':>7} {'unansw':>6}"
    )
    if "echo" in names:
        show("bare python-telegram-bot echo", await run_echo(nursery, messages))
    if "sqlite" in names:
        show("engine, SQLite, 1 process", await run_hotline(nursery, "", 0, messages))
    server = None
    if any("postgres" in name for name in names):
        if binaries() is None:
            print("PostgreSQL is not installed: skipped")
            names = [name for name in names if "postgres" not in name]
        else:
            server = Postgres(durable=True)
            server.start()
    try:
        await _with_server(nursery, server, names, messages, history, rounds)
    finally:
        if server:
            server.remove()


async def _with_server(
    nursery: Nursery, server: Postgres | None, names: Sequence[str], messages: int, history: int, rounds: int
) -> None:
    async def database(name: str) -> str:
        assert server
        return await asyncio.to_thread(server.create, name)

    if "postgres" in names:
        show("engine, PostgreSQL, 2 web + 2 workers", await run_hotline(nursery, await database("load"), 2, messages))
    for semantic in (True, False):
        kind = "meaning" if semantic else "no meaning"
        if "service-sqlite" in names:
            figures = await run_service("", 0, messages // 4, semantic=semantic)
            show(f"serve, SQLite, {kind}", figures)
        if "service-postgres" in names:
            figures = await run_service(await database(f"s{semantic}"), 2, messages // 4, semantic=semantic)
            show(f"2 serve + 2 worker, PostgreSQL, {kind}", figures)
    if "history-sqlite" in names:
        await compare_history(nursery, ["", ""], messages // 2, history, rounds)
    if "history-postgres" in names:
        both = [await database("small"), await database("large")]
        await compare_history(nursery, both, messages // 2, history, rounds)


_ENGINE = "echo,sqlite,postgres"
_ROWS = f"{_ENGINE},service-sqlite,service-postgres,history-sqlite,history-postgres"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the first three rows, a quarter of the messages; with --only: a tenth of the history")
    parser.add_argument("--messages", type=int, default=0, help="in the first part")
    parser.add_argument("--history", type=int, default=0, help="stored messages")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison with history")
    parser.add_argument("--only", default="", help=f"names, by comma: {_ROWS}")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    count = arguments.messages or (1000 if arguments.small else 4000)
    stored = arguments.history or (100_000 if arguments.small else 1_000_000)
    only = arguments.only or (_ENGINE if arguments.small else _ROWS)
    asyncio.run(main(only.split(","), count, stored, 3 if arguments.small else arguments.rounds))
    sys.exit(0)
