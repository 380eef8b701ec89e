"""The door when the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.dialogue.message import Kind
from bot.errors import StoreAwayError
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Store
from bot.hotline.records import Move
from bot.hotline.spool import Spool
from tests.builders.delivery import START, House, envelope, until
from tests.storage.stores import CIPHER


class Shaky:
    """A store that can be switched off."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def transact(self, work: Callable[[Ledger], Any]) -> Any:
        if self.away:
            raise StoreAwayError
        return await self._store.transact(work)


async def replayed(house: House) -> None:
    """Run the replay until the spool is empty."""
    stop = asyncio.Event()
    task = asyncio.create_task(house.inbox.replay(stop))
    await until(lambda: not house.inbox.spooled)
    stop.set()
    await task


async def test_while_the_database_is_away_messages_are_spooled_and_replayed_in_order(
    sqlite_store: Store, tmp_path: Path
) -> None:
    shaky = Shaky(sqlite_store)
    spool = Spool(tmp_path / "spool" / "inbox", CIPHER)
    house = House(shaky, spool=spool)  # type: ignore[arg-type]
    await house.hear("one")
    shaky.away = True
    await house.hear("two", "three")
    repeated = envelope("four", external_id="same")
    await house.inbox.receive([repeated, repeated])
    shaky.away = False
    await house.hear("five")  # the spool is not empty: behind it
    assert house.inbox.spooled == 5
    assert oct((tmp_path / "spool" / "inbox").stat().st_mode)[-3:] == "600"
    again = House(sqlite_store, spool=Spool(tmp_path / "spool" / "inbox", CIPHER))  # after a crash
    assert again.inbox.spooled == 5
    await replayed(again)
    assert not (tmp_path / "spool" / "inbox").exists()
    await again.quiet()
    assert again.channel.to("caller") == ["re one", "re two", "re three", "re four", "re five"]


async def test_what_came_during_a_replay_is_not_forgotten(sqlite_store: Store, tmp_path: Path) -> None:
    shaky = Shaky(sqlite_store)
    house = House(shaky, spool=Spool(tmp_path / "spool", CIPHER))  # type: ignore[arg-type]
    shaky.away = True
    await house.hear(*(str(number) for number in range(250)))
    shaky.away = False
    await asyncio.gather(replayed(house), *(house.hear(f"new {n}", sender=f"n{n}") for n in range(30)))
    await replayed(house)
    await house.quiet()
    assert house.channel.to("caller") == [f"re {number}" for number in range(250)]
    assert all(house.channel.to(f"n{n}") == [f"re new {n}"] for n in range(30))


async def test_a_full_spool_or_disk_refuses_so_that_the_platform_repeats(sqlite_store: Store, tmp_path: Path) -> None:
    shaky = Shaky(sqlite_store)
    shaky.away = True
    house = House(shaky, spool=Spool(tmp_path / "spool", CIPHER, limit=2000))  # type: ignore[arg-type]
    with pytest.raises(StoreAwayError, match="full"):
        await house.hear(*("x" * 200 for _ in range(20)))
    kept = house.inbox.spooled
    assert 1 <= kept < 20
    nowhere = House(shaky, spool=Spool(Path("/dev/null/spool"), CIPHER))  # type: ignore[arg-type]
    with pytest.raises(StoreAwayError, match="written"):
        await nowhere.hear("x")
    with pytest.raises(StoreAwayError):
        await House(shaky).hear("no spool at all")  # type: ignore[arg-type]


def texts(spool: Spool) -> list[str]:
    """What waits in a spool."""
    return [envelope.message.text for batch in spool.batches() for envelope, _ in batch]


async def test_a_frame_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    spool = Spool(path, CIPHER)
    spool.append([envelope("whole"), envelope("cut")], START)
    path.write_bytes(path.read_bytes()[:-5])
    again = Spool(path, CIPHER)
    assert again.count == 1
    assert texts(again) == ["whole"]
    again.append([envelope("after")], START)
    assert texts(Spool(path, CIPHER)) == ["whole", "after"]


async def test_a_live_location_moves_in_the_transcript_and_nobody_answers(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    await house.hear("", kind=Kind.LOCATION, place=(43.0, 76.0), reference="17")
    await house.quiet()
    before, now = await house.conversation(), house.clock.now()

    def move(latitude: float, seconds: int, reference: str = "17") -> Move:
        return Move("fake", "caller", reference, (latitude, 76.0), now + timedelta(seconds=seconds))

    await house.inbox.moves([move(43.2, 20), move(43.1, 10), move(50.0, 30, "16")])
    await house.inbox.moves([Move("fake", "nobody", "17", (1.0, 1.0), now)])
    await house.quiet()
    line, reply = await house.lines()
    assert (line.kind, line.detail["place"]) == ("location", [43.2, 76.0])
    assert house.channel.to("caller") == [reply.text]
    assert (await house.conversation()).last_in == before.last_in  # nobody wrote: the caller may be away all the same
    shaky = Shaky(sqlite_store)
    shaky.away = True
    await House(shaky).inbox.moves([move(44, 40)])  # type: ignore[arg-type]
