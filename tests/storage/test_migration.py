"""The migrations make the tables that the code describes, again and again, from several sides at once."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

from bot.errors import SchemaError
from bot.hotline.ledger import FloodLimit
from storage.migration import check_schema, downgrade, head_revision, migrate, upgrade
from storage.schema import metadata
from storage.store import open_store
from tests.builders.delivery import START, envelope
from tests.storage.stores import CIPHER


async def test_models_and_migrations_agree(database_url: str) -> None:
    await migrate(database_url)
    differences: list[Any] = []

    def compare(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences.extend(compare_metadata(context, metadata))
        differences.append(len(inspect(connection).get_table_names()))

    await migrate(database_url, compare)
    assert differences == [len(metadata.tables) + 1]  # nothing but the count, with Alembic's own table
    assert len(metadata.tables) >= 13


async def test_up_down_up(database_url: str) -> None:
    await migrate(database_url)
    tables: list[list[str]] = []

    def look(connection: Connection) -> None:
        tables.append(sorted(inspect(connection).get_table_names()))

    await migrate(database_url, look)
    await migrate(database_url, lambda connection: downgrade(connection, "base"))
    await migrate(database_url, look)
    await migrate(database_url, upgrade)
    await migrate(database_url, look)
    assert tables[1] == ["alembic_version"] or tables[1] == ["alembic_version", "sqlite_sequence"]
    assert tables[0] == tables[2]


async def test_many_at_once_and_under_traffic(database_url: str) -> None:
    await asyncio.gather(*(migrate(database_url) for _ in range(4)))
    store = await open_store(database_url, CIPHER)
    flood = FloodLimit()
    results = await asyncio.gather(
        *(
            store.transact(lambda ledger, n=n: ledger.inbox.add(envelope(sender=str(n)), 0, flood, START))
            for n in range(50)
        ),
        *(migrate(database_url) for _ in range(2)),
    )
    assert results[:50] == [True] * 50
    await store.close()


async def test_an_old_or_empty_database_is_refused(database_url: str) -> None:
    with pytest.raises(SchemaError):
        await open_store(database_url, CIPHER)
    await migrate(database_url)
    await check_schema(database_url)
    await migrate(database_url, lambda connection: downgrade(connection, "base"))
    with pytest.raises(SchemaError):
        await check_schema(database_url)
    assert head_revision()


async def test_the_file_is_its_owners_only(sqlite_url: str) -> None:
    await migrate(sqlite_url)
    assert stat.S_IMODE(Path(sqlite_url.removeprefix("sqlite:///")).stat().st_mode) == 0o600
