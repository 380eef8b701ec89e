"""Opens the store that a database URL names; the only thing that commits."""

from __future__ import annotations

from bot.hotline.ports import Store
from storage.cipher import Cipher
from storage.database import normal_url
from storage.migration import check_schema
from storage.postgres import PostgresStore
from storage.sqlite import SqliteStore


async def open_store(url: str, cipher: Cipher, *, check: bool = True, pool: int = 10) -> Store:
    """The store of `url`: "sqlite:////path/file.db" or "postgresql://user@host/name".

    `pool` is the number of connections of one process on PostgreSQL. With `check`, raises SchemaError when the tables
    are not those of this version (run `storage.migration.migrate` first). Must be called in the event loop that will
    use the store.
    """
    url = normal_url(url)
    if check:
        await check_schema(url)
    if url.startswith("sqlite"):
        return SqliteStore(url, cipher)
    store = PostgresStore(url, cipher, pool)
    await store.listening()
    return store
