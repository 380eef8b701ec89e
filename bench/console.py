"""200 waiting cases, 20 open consoles, one process: how long until every console shows a change.

Run: `python -m bench.console [--cases 200] [--consoles 20] [--changes 10]`. A change is one press of a button by a caller
(from the moment the server took it) that raises a new case; it counts as shown when a console has fetched the queue
that holds it. A real `hotline serve` on SQLite, and clients in a process of their own on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx

from bot.dialogue.effect import OpenCase
from bot.dialogue.message import Envelope, Kind, Message
from bot.hotline import cases
from bot.hotline.credential import key_of, new_token
from bot.hotline.ledger import FloodLimit, Ledger
from bot.hotline.staff import new_staff
from bot.hotline.team import Duty, Login, Role
from bot.installation import SystemClock
from bot.matching.match import DangerSignal, Urgency
from storage.cipher import load_cipher
from storage.migration import migrate
from storage.store import open_store

ROOT = Path(__file__).parents[1]
_SIGNAL = DangerSignal("documents_taken", "паспортимни олиб қўйди", "documents_taken", 0.9)


async def furnish(data: Path, waiting: int, consoles: int) -> list[str]:
    """Fill the database; the operators' session tokens."""
    url = f"sqlite:///{data}/hotline.db"
    await migrate(url)
    store = await open_store(url, load_cipher("", data))
    now, tokens = SystemClock().now(), [new_token() for _ in range(consoles)]

    def work(ledger: Ledger) -> None:
        for number, token in enumerate(tokens):
            staff = new_staff(f"Operator {number}", [Role.OPERATOR], ["ru", "uz"], "ru", now)
            ledger.office.staff.add(staff)
            ledger.office.logins.add(key_of(token), Login(staff.id, now, now, True))
            ledger.office.presences.set(staff.id, Duty.ON, now)
        for number in range(waiting):
            message = Message(Kind.TEXT, now, text="паспортимни олиб қўйди, нима қилай")
            ledger.inbox.add(Envelope("webchat", f"b{number}", f"bench-{number}", message), 0, FloodLimit(), now)
            conversation = ledger.conversations.find("webchat", f"bench-{number}")
            assert conversation is not None
            urgency = Urgency.URGENT if number % 3 == 0 else Urgency.NORMAL
            cases.open_case(ledger, conversation, OpenCase(urgency, "danger", "documents_taken", (_SIGNAL,)), now)

    await store.transact(work)
    await store.close()
    return tokens


class ConsoleClient:
    """What an open page does: listens, fetches the queue when it changed, says that it is there."""

    def __init__(self, url: str, token: str) -> None:
        self.http = httpx.AsyncClient(
            base_url=url, cookies={"console": token}, headers={"HX-Request": "true"}, timeout=60
        )
        self.shown: dict[str, float] = {}  # number of waiting cases -> when it was first seen
        self.live = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled."""
        async with self.http.stream("GET", "/console/stream") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("event: hello"):
                    await self.fetch()
                    self.live.set()
                elif line.startswith("event: desk"):
                    await self.fetch()

    async def fetch(self) -> None:
        """The queue anew."""
        page = (await self.http.get("/console/desk/queue")).text
        total = page.rsplit('id="queue-title"', 1)[1].split('class="soft">', 1)[1].split("<", 1)[0]
        self.shown.setdefault(total, time.monotonic())


async def change(http: httpx.AsyncClient) -> float:
    """A new caller asks for a person; when the server took it."""
    token = (await http.post("/chat/pass")).json()["token"]
    body = {"id": uuid.uuid4().hex, "choice": "operator"}
    await http.post("/chat/messages", json=body, headers={"X-Chat-Pass": token})
    return time.monotonic()


async def measure(url: str, tokens: list[str], waiting: int, changes: int) -> list[float]:
    """Seconds from each change to each console."""
    clients = [ConsoleClient(url, token) for token in tokens]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    await asyncio.gather(*(client.live.wait() for client in clients))
    await asyncio.sleep(2)
    began: list[float] = []
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        for _ in range(changes):
            began.append(await change(http))
            await asyncio.sleep(2)
    await asyncio.sleep(2)
    for task in tasks:
        task.cancel()
    seconds = []
    for number, start in enumerate(began, start=1):
        for client in clients:
            seen = [at for total, at in client.shown.items() if total.isdigit() and int(total) >= waiting + number]
            seconds.append(min(seen) - start if seen else float("inf"))
    return seconds


def share_models(data: Path) -> None:
    """Start with the model that was trained before."""
    if trained := os.environ.get("HOTLINE_TRAINED"):
        (data / "models").symlink_to(Path(trained).resolve() / "models")


async def main(waiting: int, consoles: int, changes: int) -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        share_models(data)
        tokens = await furnish(data, waiting, consoles)
        environment = {**os.environ, "HOTLINE_DATA_DIR": folder, "HOTLINE_PORT": "8479"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "serve", env=environment, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            async with httpx.AsyncClient(base_url="http://127.0.0.1:8479") as http:
                for _ in range(600):
                    try:
                        if (await http.get("/ready")).json()["ok"]:
                            break
                    except httpx.TransportError:
                        await asyncio.sleep(0.2)
            await asyncio.sleep(5)  # the 200 callers' own messages are answered first
            seconds = sorted(await measure("http://127.0.0.1:8479", tokens, waiting, changes))
        finally:
            process.terminate()
            await process.wait()
    over = sum(second > 1 for second in seconds)
    print(
        f"{waiting} waiting, {consoles} consoles, {len(seconds)} updates: median {statistics.median(seconds):.2f} s, "
        f"p95 {seconds[int(len(seconds) * 0.95)]:.2f} s, longest {seconds[-1]:.2f} s, {over} over 1 s"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--consoles", type=int, default=20)
    parser.add_argument("--changes", type=int, default=10)
    chosen = parser.parse_args()
    asyncio.run(main(chosen.cases, chosen.consoles, chosen.changes))
