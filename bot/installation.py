"""What a command needs of an installation: its clock, its database, its accounts. Imports no more, so that it starts at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import TypeVar

from bot.hotline.ports import Store
from bot.hotline.staff import Accounts
from bot.settings import Settings
from storage.cipher import load_cipher
from storage.migration import migrate as migrate_schema
from storage.store import open_store

T = TypeVar("T")


class SystemClock:
    """Implements `bot.hotline.ports.Clock`."""

    def now(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC)


def today() -> date:
    """The date, in UTC."""
    return datetime.now(UTC).date()


def migrate(config: Settings) -> str:
    """Bring the database up to date; says what was done."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(migrate_schema(config.database))
    return "The database is up to date."


async def with_store(config: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run a command on the store of the settings."""
    config.data_dir.mkdir(parents=True, exist_ok=True)
    store = await open_store(config.database, load_cipher(config.keys.get_secret_value(), config.data_dir))
    try:
        return await work(store)
    finally:
        await store.close()


async def with_accounts(config: Settings, work: Callable[[Accounts], Awaitable[T]]) -> T:
    """Run a command on the accounts of the console."""
    return await with_store(config, lambda store: work(Accounts(store, SystemClock())))


async def verify_audit(config: Settings) -> tuple[int, str]:
    """How many entries the audit log has, and where its chain is broken ("" when it is whole)."""
    return await with_store(
        config, lambda store: store.read(lambda ledger: (ledger.office.audit.count(), ledger.office.audit.broken()))
    )


def base_address(config: Settings) -> str:
    """Where people reach this service."""
    host = "localhost" if config.host in ("127.0.0.1", "0.0.0.0", "::") else config.host  # noqa: S104
    return config.public_url.rstrip("/") or f"http://{host}:{config.port}"
