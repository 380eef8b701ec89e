"""News for many: peak memory and rate at 1,000, 10,000 and 100,000 recipients, and what a kill -9 does to it.

    python -m bench.broadcast [--sizes 1000,10000,100000] [--kills 12]

Each size runs in a process of its own on SQLite, from planning to the last preview taken by a fake platform that only
writes down whom it was called for. The kills hit a run of 2,000 recipients at random moments.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from bot.dialogue.reply import Reply
from bot.dialogue.session import Mode, Session
from bot.hotline.broadcast import BroadcastOptions, Newsroom
from bot.hotline.ledger import Ledger
from bot.hotline.metrics import Metrics
from bot.hotline.newsletter import BroadcastState
from bot.hotline.outbox import Sender, SenderOptions
from bot.hotline.ports import Rates, Store
from bot.hotline.team import Role, Staff
from storage.broadcast import subscription
from storage.cipher import load_cipher
from storage.conversation import conversation
from storage.ledger import SqlLedger
from storage.migration import migrate
from storage.store import open_store

_NOON = datetime(2026, 11, 24, 7, tzinfo=UTC)  # in Almaty
_WINDOW = 400  # previews in the outbox at a time
_KILLED_SIZE = 2000
_ANNA, _BOLAT = (Staff(name, name, frozenset({Role.SUPERVISOR}), (), "ru", _NOON) for name in ("anna", "bolat"))


class _Day:
    """A clock at which it is always day in Almaty."""

    def __init__(self) -> None:
        self._began = time.time()

    def now(self) -> datetime:
        return _NOON + timedelta(seconds=time.time() - self._began)


class _Platform:
    """Implements `bot.hotline.ports.Channel`: takes everything and appends the address to a file, which a kill leaves whole."""

    name, rates, can_delete, can_write_first = "fake", Rates(), False, True

    def __init__(self, taken: Path) -> None:
        self._file = os.open(taken, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def render(self, reply: Reply) -> tuple[Mapping[str, Any], ...]:
        return ({"text": reply.text},)

    async def send(self, address: str, payload: Mapping[str, Any]) -> str:  # noqa: ARG002 - the protocol's
        os.write(self._file, f"{address}\n".encode())
        await asyncio.sleep(0)
        return address

    async def delete(self, address: str, references: Sequence[str]) -> None:
        """Nothing to do."""

    async def typing(self, address: str) -> None:
        """Nothing to show."""

    async def media(self, reference: str) -> AsyncIterator[bytes]:  # noqa: ARG002 - the protocol's
        yield b""


async def _open(place: Path) -> Store:
    return await open_store(f"sqlite:///{place / 'hotline.db'}", load_cipher("", place))


async def prepare(place: Path, size: int) -> None:
    """An installation where so many callers want news, and one confirmed broadcast."""
    await migrate(f"sqlite:///{place / 'hotline.db'}")
    store = await _open(place)
    session = Session(mode=Mode.OPEN, language="ru", stay="KZ", news="yes").dump()

    def seed(first: int, last: int, ledger: Ledger) -> None:
        assert isinstance(ledger, SqlLedger)
        cipher, old = ledger.conversations.cipher, _NOON - timedelta(days=2)
        callers = [
            {
                "id": f"{number:032x}", "channel": "fake", "address_hash": cipher.lookup("fake", f"c{number}"), "address": f"c{number}",
                "session": session, "language": "ru", "stay": "KZ", "created": old, "last_in": old, "window_start": old, "window_count": 1,
            }
            for number in range(first, last)
        ]  # fmt: skip
        ledger.connection.execute(conversation.insert(), callers)
        ledger.connection.execute(subscription.insert(), [{"conversation_id": c["id"], "since": old} for c in callers])

    for first in range(0, size, 1000):
        await store.transact(lambda ledger, first=first: seed(first, min(size, first + 1000), ledger))  # type: ignore[misc]
    room = _room(store, {})
    drafted = await room.draft(_ANNA, "law", {"ru": "text"}, ())
    await room.confirm(drafted.id, _BOLAT)
    await store.close()


def _room(store: Store, channels: Mapping[str, Any]) -> Newsroom:
    options = BroadcastOptions(_WINDOW, ZoneInfo("Asia/Almaty"))
    return Newsroom(store, _Day(), channels, lambda phrase, *_, **__: phrase, options)


async def send(place: Path) -> None:
    """Go on with the broadcast until it is done and its outbox empty."""
    store = await _open(place)
    await store.recover()
    channel, stop = _Platform(place / "taken"), asyncio.Event()
    room = _room(store, {"fake": channel})
    sender = Sender(store, {"fake": channel}, _Day(), Metrics(), options=SenderOptions(poll=0.05))
    sending = asyncio.create_task(sender.run(stop))
    while True:
        await room.feed()
        (known,) = await store.read(lambda ledger: ledger.office.broadcasts.all())
        waiting = await store.read(lambda ledger: ledger.office.broadcasts.unsent("fake"))
        if known.state is BroadcastState.DONE and not waiting:
            break
        await asyncio.sleep(0.05)
    stop.set()
    await sending
    await store.close()


async def unsure(place: Path) -> int:
    """Previews that a crash cut off."""
    store = await _open(place)
    count = len(await store.read(lambda ledger: ledger.letters.dead(10_000)))
    rows = await store.read(lambda ledger: ledger.connection.execute(select(func.count()).select_from(subscription)).scalar_one())  # type: ignore[attr-defined]
    assert rows == _KILLED_SIZE
    await store.close()
    return count


def start(place: Path) -> subprocess.Popen[bytes]:
    """A process that sends."""
    return subprocess.Popen([sys.executable, "-m", "bench.broadcast", "--send", str(place)])


def kill(place: Path, kills: int, *, seed: int = 1) -> tuple[Counter[str], int]:
    """Kill the sending process so many times, let it end, and say who was written to how often, and what is unsure."""
    chance = random.Random(seed)
    asyncio.run(prepare(place, _KILLED_SIZE))
    for _ in range(kills):
        process = start(place)
        with contextlib.suppress(subprocess.TimeoutExpired):
            before = _size(place)
            end = time.monotonic() + 20
            while _size(place) == before and process.poll() is None and time.monotonic() < end:
                time.sleep(0.01)  # until it really sends
            process.wait(chance.uniform(0.0, 0.3))
        process.kill()
        process.wait()
    assert start(place).wait(120) == 0
    return Counter((place / "taken").read_text().split()), asyncio.run(unsure(place))


def _size(place: Path) -> int:
    taken = place / "taken"
    return taken.stat().st_size if taken.exists() else 0


def _measured(size: int) -> str:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        asyncio.run(prepare(place, size))
        began = time.monotonic()
        done = subprocess.run([sys.executable, "-m", "bench.broadcast", "--send", name], capture_output=True, text=True, check=True)
        took = time.monotonic() - began
        times = Counter((place / "taken").read_text().split())
    return f"{size:>8}  peak {int(done.stdout):>4} MB  {size / took:>5.0f}/s  {took:>6.1f} s  reached {len(times)}  twice {sum(n > 1 for n in times.values())}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", default="1000,10000,100000")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--send", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.send:
        asyncio.run(send(asked.send))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    for size in filter(None, asked.sizes.split(",")):
        print(_measured(int(size)), flush=True)
    if asked.kills:
        with tempfile.TemporaryDirectory() as name:
            times, cut_off = kill(Path(name), asked.kills)
        twice, left_out = sum(n > 1 for n in times.values()), _KILLED_SIZE - len(times)
        print(f"kill -9 × {asked.kills} over {_KILLED_SIZE}: twice {twice}, not reached {left_out}, kept as unsure {cut_off}")


if __name__ == "__main__":
    main()
