"""Fixtures of the store, the same for both databases: import them in a conftest."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.hotline.ports import Store
from storage.cipher import Cipher, Key
from storage.migration import migrate
from storage.store import open_store

CIPHER = Cipher([Key("k1", base64.b64decode("A" * 43 + "="))])


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hotline.db"
    url: str = request.getfixturevalue("postgres_database")
    return url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An empty SQLite database."""
    return f"sqlite:///{tmp_path}/hotline.db"


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A migrated store, on SQLite and on PostgreSQL in turn."""
    await migrate(database_url)
    opened = await open_store(database_url, CIPHER)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_store(sqlite_url: str) -> AsyncIterator[Store]:
    """A migrated store on SQLite, for what does not depend on the database."""
    await migrate(sqlite_url)
    opened = await open_store(sqlite_url, CIPHER)
    yield opened
    await opened.close()
