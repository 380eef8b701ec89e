"""A backup is taken while messages come in, holds no word of theirs, and serves again with its keys only."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from bot.errors import CipherError, ConflictError, NotFoundError
from storage.backup import backup, restore
from storage.cipher import Cipher, Key
from storage.migration import migrate
from storage.store import open_store
from tests.builders.delivery import House
from tests.storage.stores import CIPHER

_SECRET = "паспортимни олиб қўйди"


@pytest.fixture
def another_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> str:
    """A second empty database of the same kind."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/restored/hotline.db"
    server: str = request.getfixturevalue("postgres_url")
    import asyncpg

    async def create() -> str:
        connection = await asyncpg.connect(server.replace("+asyncpg", ""))
        await connection.execute("DROP DATABASE IF EXISTS restored")
        await connection.execute("CREATE DATABASE restored")
        await connection.close()
        return server.rpartition("/")[0] + "/restored"

    return asyncio.run(create())


def test_it_serves_again_and_holds_no_word(database_url: str, another_url: str, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"

    async def life() -> None:
        await migrate(database_url)
        store = await open_store(database_url, CIPHER)
        house = House(store)
        await house.hear(_SECRET, sender="77010000001")
        await house.quiet()
        writing = asyncio.create_task(house.hear(*(f"more {n}" for n in range(50)), sender="77010000002"))
        assert await asyncio.to_thread(backup, database_url, target) > 10_000
        await writing
        with pytest.raises(ConflictError):
            backup(database_url, target)
        await store.close()
        assert await restore(target, another_url, CIPHER) >= 1
        again = await open_store(another_url, CIPHER)
        house = House(again)
        assert next(iter(await house.lines("77010000001"))).text == _SECRET
        await house.hear("still there", sender="77010000001")
        await house.quiet()
        assert house.channel.to("77010000001") == ["re still there"]
        await again.close()

    asyncio.run(life())
    raw = target.read_bytes()
    assert not any(word.encode() in raw for word in (_SECRET, "паспортимни", "77010000001"))
    assert target.stat().st_mode & 0o077 == 0


def test_other_keys_and_a_used_place_are_refused(tmp_path: Path) -> None:
    url, target = f"sqlite:///{tmp_path}/hotline.db", tmp_path / "copy.db"

    async def life() -> None:
        await migrate(url)
        store = await open_store(url, CIPHER)
        house = House(store)
        await house.hear("hello")
        await house.quiet()
        backup(url, target)
        await store.close()
        with pytest.raises(ConflictError):
            await restore(target, url, CIPHER)
        with pytest.raises(NotFoundError):
            await restore(tmp_path / "nothing", url, CIPHER)
        with pytest.raises(CipherError, match="keys"):
            await restore(target, f"sqlite:///{tmp_path}/b/hotline.db", Cipher([Key("k1", base64.b64decode("B" * 43 + "="))]))

    asyncio.run(life())
