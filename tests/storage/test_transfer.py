"""Moving an SQLite installation to PostgreSQL, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.dialogue.effect import OpenCase
from bot.errors import ConflictError
from bot.matching.match import Urgency
from storage.migration import migrate
from storage.store import open_store
from storage.transfer import transfer
from tests.builders.delivery import Echo, House
from tests.storage.stores import CIPHER


async def test_everything_moves_and_the_house_goes_on(sqlite_url: str, postgres_database: str, tmp_path: Path) -> None:
    await migrate(sqlite_url)
    store = await open_store(sqlite_url, CIPHER)
    house = House(store, bot=Echo({"person": (OpenCase(Urgency.URGENT, "asked"),)}))
    for number in range(30):
        await house.hear("one", "person", sender=f"c{number}")
    await house.quiet()
    await house.hear("still waiting", sender="c7")
    before = await house.lines("c7")
    await store.close()

    counts = await transfer(sqlite_url, postgres_database)
    assert (counts["conversation"], counts["message"], counts["case"], counts["inbox"]) == (30, 120, 30, 1)
    with pytest.raises(ConflictError):
        await transfer(sqlite_url, postgres_database)

    store = await open_store(postgres_database, CIPHER)
    house = House(store)
    assert await house.lines("c7") == before
    await house.quiet()
    await house.hear("new", sender="c7")
    await house.hear("new", sender="somebody")
    await house.quiet()
    texts = [line.text for line in await house.lines("c7")]
    assert texts[4:] == ["still waiting", "re still waiting", "new", "re new"]
    await store.close()

    back = f"sqlite:///{tmp_path}/back.db"
    counts = await transfer(postgres_database, back)
    assert counts["message"] == 126
    store = await open_store(back, CIPHER)
    assert [line.text for line in await House(store).lines("c7")] == texts
    await store.close()
