"""Faults, with figures: kills, a platform in trouble, a database that goes away, a full disk, clocks, replays, reloads.

    python -m bench.faults            everything, a quarter of an hour
    python -m bench.faults --small    a tenth of it
    python -m bench.faults --only kills-sqlite,restart

Each row must end with lost 0, answered twice 0, out of order 0. Repeated sends are counted: a message that the platform
took just before its sender died may reach the caller twice, and nobody can know better without the platform's help.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from storage.migration import migrate
from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import ROOT, Serving
from tests.faults.rig import PARTS, STEPS, Nursery, Plan, Platform, Verdict, free_port, gone, judge
from tests.postgres import Postgres, binaries

_LEASE = 2.0  # seconds; in service it is 10: here a take-over must not make the run five times as long


async def _nothing() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Row:
    """One fault's figures."""

    name: str
    verdict: Verdict
    messages: int
    faults: int
    seconds: float
    posts: int  # by the platform, with its repetitions


@dataclass(slots=True)
class Run:
    """One set-up of processes, a platform, and callers who write."""

    database: str
    folder: Path
    nursery: Nursery
    processes: int = 1
    callers: int = 200
    each: int = 25
    kills: int = 0
    limit: float = 300.0  # seconds
    plan: dict[str, Any] | None = None
    trouble: Callable[[], tuple[int, dict[str, Any]] | None] = lambda: None
    beside: Callable[[], Awaitable[int]] = _nothing  # another fault; returns how many
    patience: float = 2.0  # most seconds a caller waits for an answer before writing on
    again: bool = False  # in the end the platform posts everything once more
    killed: int = 0
    choice: random.Random = field(default_factory=lambda: random.Random(11))

    async def go(self, name: str) -> Row:
        """Write, kill, wait, judge."""
        await migrate(self.database)
        platform = Platform(self.trouble)
        await platform.start()
        ports = [free_port() for _ in range(self.processes)]
        names = [f"c{number}" for number in range(self.callers)]
        began, done = time.monotonic(), asyncio.Event()
        keepers = [asyncio.create_task(self._keep(port, platform, done)) for port in ports]
        beside = asyncio.ensure_future(self.beside())
        wanted = dict.fromkeys(names, self.each)
        try:
            async with asyncio.timeout(self.limit):
                await asyncio.gather(*(self._write(platform, caller, ports) for caller in names))
                if self.again:
                    await asyncio.gather(*(self._repeat(platform, caller, ports) for caller in names))
                while judge(platform.sent, wanted).lost or self._left(platform):  # noqa: ASYNC110 - what is watched has no event
                    await asyncio.sleep(0.3)  # judging costs more than waiting
                await beside
        except TimeoutError:
            pass  # the verdict says what is missing
        seconds = time.monotonic() - began
        done.set()
        await asyncio.gather(*keepers)
        faults = self.killed + (await beside if beside.done() else 0)
        beside.cancel()
        await platform.stop()
        return Row(name, judge(platform.sent, wanted), self.callers * self.each, faults, seconds, platform.posts)

    def _left(self, platform: Platform) -> bool:
        return platform.count < self.callers * self.each * PARTS

    async def _write(self, platform: Platform, caller: str, ports: list[int]) -> None:
        for number in range(self.each):
            await platform.post(caller, number, ports)
            patience = time.monotonic() + self.choice.uniform(0, self.patience)  # mostly the answer is waited for, as people do
            while f"{caller}-{number}" in platform.took and time.monotonic() < patience:  # noqa: ASYNC110 - what is watched has no event
                await asyncio.sleep(0.05)

    async def _repeat(self, platform: Platform, caller: str, ports: list[int]) -> None:
        for number in range(self.each):
            await platform.post(caller, number, ports)

    async def _keep(self, port: int, platform: Platform, done: asyncio.Event) -> None:
        """Start the process again whenever it dies, until `done`."""
        total = self.callers * self.each
        while not done.is_set():
            plan = Plan(self.database, str(self.folder), port, platform.url, lease=_LEASE, **(self.plan or {}))
            if self.killed < self.kills:
                left = total - platform.count / PARTS  # so that the kills last as long as the messages do
                most = max(2, int(0.1 * left / (self.kills - self.killed + 1)))
                plan = replace(plan, step=STEPS[self.killed % len(STEPS)], count=self.choice.randint(1, most))
                self.killed += 1
            process = self.nursery.start(plan)
            await gone(process, done)
            if done.is_set():
                if plan.step:
                    self.killed -= 1  # it was not reached
                process.terminate()
                await asyncio.to_thread(process.join, 10)
                if process.is_alive():
                    process.kill()
                return
            if process.exitcode != -signal.SIGKILL:
                raise RuntimeError(f"a process ended by itself: {process.exitcode}")


def _shaky() -> Callable[[], tuple[int, dict[str, Any]] | None]:
    """One in five sends meets 429, 500, garbage or a refusal to answer in time."""
    choice = random.Random(5)

    def trouble() -> tuple[int, dict[str, Any]] | None:
        if choice.random() > 0.2:
            return None
        return choice.choice([(429, {"retry_after": 0.1}), (500, {}), (502, {}), (200, {})])

    return trouble


async def kills_sqlite(nursery: Nursery, folder: Path, share: float, _server: Postgres | None, limit: float) -> Row:
    """kill -9 at every step in turn, one process on SQLite."""
    run = Run(
        f"sqlite:///{folder}/hotline.db",
        folder,
        nursery,
        callers=int(200 * share) or 1,
        kills=int(100 * share),
        limit=limit,
    )
    return await run.go(f"kill -9 x{run.kills}, SQLite, 1 process")


async def kills_postgres(nursery: Nursery, folder: Path, share: float, server: Postgres | None, limit: float) -> Row:
    """The same with two processes on PostgreSQL."""
    assert server
    database = await asyncio.to_thread(server.create, "kills")
    run = Run(
        database, folder, nursery, processes=2, callers=int(200 * share) or 1, kills=int(100 * share), limit=limit
    )
    return await run.go(f"kill -9 x{run.kills}, PostgreSQL, 2 processes")


async def shaky_platform(nursery: Nursery, folder: Path, share: float, _server: Postgres | None, limit: float) -> Row:
    """A platform that fails one send in five."""
    run = Run(
        f"sqlite:///{folder}/hotline.db", folder, nursery, callers=int(100 * share) or 1, each=10, trouble=_shaky()
    )
    return await run.go("20 % of sends: 429, 500, 502, garbage")


async def restart(nursery: Nursery, folder: Path, share: float, server: Postgres | None, limit: float) -> Row:
    """PostgreSQL crashes and starts again, three times."""
    assert server
    database = await asyncio.to_thread(server.create, "restarts")

    async def crash() -> int:
        for _ in range(3):
            await asyncio.sleep(2)
            await asyncio.to_thread(server.stop, "immediate")
            await asyncio.sleep(1)
            await asyncio.to_thread(server.start)
        return 3

    run = Run(database, folder, nursery, processes=2, callers=int(100 * share) or 1, each=20, beside=crash, limit=limit)
    return await run.go("PostgreSQL crashed and restarted x3")


async def full_disk(nursery: Nursery, folder: Path, share: float, _server: Postgres | None, limit: float) -> Row:
    """No file but the spool can grow, for three seconds."""
    plan = {"tight_after": 1.5, "tight_for": 3.0}
    run = Run(
        f"sqlite:///{folder}/hotline.db",
        folder,
        nursery,
        callers=int(100 * share) or 1,
        each=20,
        plan=plan,
        limit=limit,
    )
    row = await run.go("disk full for 3 s, SQLite")
    return replace(row, faults=1)


async def clocks(nursery: Nursery, folder: Path, share: float, server: Postgres | None, limit: float) -> Row:
    """Two processes whose clocks jump every second, by up to a quarter of an hour and never together."""
    assert server
    database = await asyncio.to_thread(server.create, "clocks")
    plan = {"jumps": (0.0, 900.0, -30.0, 5.0, -900.0, 30.0)}
    run = Run(database, folder, nursery, processes=2, callers=int(100 * share) or 1, each=20, plan=plan, limit=limit)
    row = await run.go("clocks set to and fro each second, PG")
    return replace(row, faults=int(row.seconds))


async def replay(nursery: Nursery, folder: Path, share: float, server: Postgres | None, limit: float) -> Row:
    """What a platform kept for a week comes at once, and then all of it again."""
    assert server
    database = await asyncio.to_thread(server.create, "replay")
    run = Run(
        database, folder, nursery, processes=2, callers=int(200 * share) or 1, patience=0.0, again=True, limit=limit
    )
    return replace(await run.go("a week's webhooks at once, and again"), faults=1)


async def one_conversation(nursery: Nursery, folder: Path, _share: float, server: Postgres | None, limit: float) -> Row:
    """Two processes, one caller who does not wait."""
    assert server
    database = await asyncio.to_thread(server.create, "one")
    run = Run(database, folder, nursery, processes=2, callers=1, each=200, patience=0.0, limit=limit)
    return await run.go("two workers on one conversation")


async def reload(nursery: Nursery, folder: Path, share: float, server: Postgres | None, limit: float) -> Row:
    """A real `hotline serve` whose content is edited while callers talk on its web chat."""
    content, callers, each = folder / "intents", int(20 * share) or 2, 10
    await asyncio.to_thread(shutil.copytree, ROOT / "intents", content)
    service = Serving(folder / "data", {"HOTLINE_CONTENT_DIR": str(content)})
    await asyncio.to_thread(service.start)
    talking = asyncio.Event()

    async def edit() -> int:
        revisions, topic = set(), min(content.rglob("*.yaml"))
        async with aiohttp.ClientSession() as web:
            while not talking.is_set() or len(revisions) < 2:
                async with web.get(f"{service.url}/ready") as answer:
                    revision = (await answer.json())["content"]
                if revision not in revisions:  # taken over: edit again
                    revisions.add(revision)
                    with topic.open("a", encoding="utf-8") as file:
                        file.write(f"# edited {len(revisions)}\n")
                await asyncio.sleep(0.2)
        return len(revisions) - 1

    def talk(number: int) -> tuple[Verdict, int]:
        caller = WebCaller(service.url)
        caller.press("lang:ru")
        words = [f"хозяин не платит зарплату {number} {place}" for place in range(each)]
        for text in words:
            time.sleep(0.5)  # as people write
            caller.say(text)
        caller.seen, caller.lines = 0, []
        caller.wait(each + 1)
        return _transcript(caller.lines, words)

    began = time.monotonic()
    editing = asyncio.create_task(edit())
    try:
        async with asyncio.timeout(limit):
            found = await asyncio.gather(*(asyncio.to_thread(talk, number) for number in range(callers)))
            talking.set()
            edits = await editing
    finally:
        editing.cancel()
        await asyncio.to_thread(service.kill)
    total = Verdict(*(sum(getattr(verdict, name) for verdict in found) for name in Verdict.__slots__))
    return Row("content edited while callers talk", total, callers * each, edits, time.monotonic() - began, callers * each)


def _transcript(lines: Sequence[dict[str, Any]], words: Sequence[str]) -> Verdict:
    """Judge one talk by what the caller's page shows: each text once, in order, with an answer right after it."""
    mine = [line["text"] for line in lines if line["mine"] and line["text"] in words]
    answered = [one["text"] for one, two in itertools.pairwise(lines) if one["mine"] and not two["mine"] and "text" in one]
    lost = sum(1 for text in words if text not in answered)
    disorder = sum(1 for one, two in itertools.pairwise(mine) if words.index(two) < words.index(one))
    return Verdict(lost, len(mine) - len(set(mine)), disorder, 0, sum(1 for line in lines if not line["mine"]))


FAULTS = {
    "kills-sqlite": kills_sqlite,
    "kills-postgres": kills_postgres,
    "platform": shaky_platform,
    "restart": restart,
    "disk": full_disk,
    "clocks": clocks,
    "replay": replay,
    "conversation": one_conversation,
    "reload": reload,
}
_NEED_POSTGRES = {"kills-postgres", "restart", "clocks", "replay", "conversation"}


async def main(names: list[str], share: float, limit: float) -> bool:
    """Run and print; False when a promise was broken."""
    nursery = Nursery()
    server = None
    if binaries() and _NEED_POSTGRES & set(names):
        server = Postgres(durable=True)
        server.start()
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before it began")
    head = f"{'fault':38} {'messages':>8} {'faults':>6} {'lost':>5} {'twice':>5} {'order':>5} {'repeats':>7} {'sends':>6} {'posts':>6} {'s':>5}"
    print(head)
    good = True
    try:
        for name in names:
            if server is None and name in _NEED_POSTGRES:
                print(f"{name:38} skipped: PostgreSQL is not installed")
                continue
            with tempfile.TemporaryDirectory(prefix="hotline-faults-") as folder:
                row = await FAULTS[name](nursery, Path(folder), share, server, limit)
            verdict = row.verdict
            print(
                f"{row.name:38} {row.messages:8} {row.faults:6} {verdict.lost:5} {verdict.answered_twice:5} "
                f"{verdict.out_of_order:5} {verdict.repeated_sends:7} {verdict.sends:6} {row.posts:6} {row.seconds:5.0f}",
                flush=True,
            )
            good &= verdict.lost == verdict.answered_twice == verdict.out_of_order == 0
    finally:
        if server:
            server.remove()
    return good


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a tenth of the messages and kills")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for each fault")
    parser.add_argument("--only", default=",".join(FAULTS), help="names, by comma: " + ", ".join(FAULTS))
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(0 if asyncio.run(main(arguments.only.split(","), 0.1 if arguments.small else 1.0, arguments.limit)) else 1)
