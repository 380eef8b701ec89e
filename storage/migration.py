"""Bringing the tables to this version with Alembic, configured here so that it also works when installed.

`migrate` may run twice, in several processes at once, and while the hotline works: a lock in the database lets one in
and the others find nothing left to do. A migration must therefore leave the tables usable for the version before it
(add first, remove a release later).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.errors import SchemaError, StoreAwayError
from storage.database import normal_url

_HERE = Path(__file__).parent
_LOCK = 7_046_133_201  # any number that nobody else uses as an advisory lock in our database
_DDL_WAIT = "5s"  # a table's lock not had within this is given up, lest a queue of readers forms behind us


def alembic_config() -> Config:
    """Alembic's configuration, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(_HERE / "alembic"))
    config.set_main_option("version_locations", str(_HERE / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def head_revision() -> str:
    """The revision this version of the program needs."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise SchemaError("There are no migrations.")
    return head


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the migrations in the connection's transaction."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Undo migrations down to `revision` ("base": all)."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


async def migrate(url: str, step: Callable[[Connection], None] = upgrade) -> None:
    """Bring the database of `url` to this version; raises StoreAwayError when it cannot be reached."""
    url = normal_url(url)
    try:
        if url.startswith("sqlite"):
            await asyncio.to_thread(_migrate_sqlite, url, step)
        else:
            await _migrate_postgres(url, step)
    except (OSError, OperationalError) as error:
        raise StoreAwayError(f"The database cannot be used: {getattr(error, 'orig', error)}") from None


def _migrate_sqlite(url: str, step: Callable[[Connection], None]) -> None:
    engine = create_engine(url, poolclass=NullPool)
    path = Path(engine.url.database or "")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # nobody else reads it, whatever the umask

    @event.listens_for(engine, "connect")
    def _connect(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # a sqlite3 connection
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # the lock that lets one in

    try:
        with engine.begin() as connection:
            step(connection)
    finally:
        engine.dispose()


async def _migrate_postgres(url: str, step: Callable[[Connection], None]) -> None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            await connection.execute(text(f"SET LOCAL lock_timeout = '{_DDL_WAIT}'"))
            await connection.run_sync(step)
    finally:
        await engine.dispose()


async def check_schema(url: str) -> None:
    """Raise SchemaError when the tables are not those of this version."""
    url = normal_url(url)
    try:
        if url.startswith("sqlite"):
            found = await asyncio.to_thread(_sqlite_revision, url)
        else:
            engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": 5})
            try:
                async with engine.connect() as connection:
                    found = await connection.run_sync(_revision)
            finally:
                await engine.dispose()
    except (OSError, OperationalError) as error:
        raise StoreAwayError(f"The database cannot be used: {getattr(error, 'orig', error)}") from None
    if found != head_revision():
        raise SchemaError(f"The database is at revision {found}, needed is {head_revision()}: run `hotline migrate`.")


def _sqlite_revision(url: str) -> str | None:
    engine = create_engine(url, poolclass=NullPool)
    try:
        if not Path(engine.url.database or "").exists():
            return None
        with engine.connect() as connection:
            return _revision(connection)
    finally:
        engine.dispose()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
