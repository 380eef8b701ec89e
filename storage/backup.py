"""A copy of the database taken while the hotline serves, and bringing one back.

SQLite is copied through its own backup interface: one consistent state, and writers go on meanwhile. PostgreSQL is left to
pg_dump and pg_restore. What callers said and are reached by is encrypted in the copy as in the database: without the keys,
which are kept elsewhere, it is of no use.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.engine import URL, make_url

from bot.errors import CipherError, ConflictError, NotFoundError, StoreAwayError
from storage.cipher import Cipher
from storage.conversation import conversation
from storage.database import normal_url
from storage.ledger import SqlLedger
from storage.migration import check_schema, migrate
from storage.store import open_store


def backup(url: str, target: Path) -> int:
    """Copy the database of `url` into a new file, readable by its owner only; its size in bytes.

    Raises ConflictError when the file exists, StoreAwayError when the database or the disk refuses.
    """
    if target.exists():
        raise ConflictError(f"{target} exists; a backup never replaces another.")
    address = make_url(normal_url(url))
    draft = target.with_name(f"{target.name}.part")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        if address.get_backend_name() == "sqlite":
            _copy(Path(address.database or ""), draft)
        else:
            _run("pg_dump", address, "--format=custom", "--no-owner", f"--file={draft}")
        _sync(draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


async def restore(source: Path, url: str, cipher: Cipher) -> int:
    """Bring a backup into a database that is not there yet (SQLite) or empty (PostgreSQL); how many conversations it holds.

    Raises NotFoundError without a file, ConflictError when something is there already, CipherError when the keys do not fit.
    """
    address = make_url(normal_url(url))
    if address.get_backend_name() != "sqlite" and await _is_used(url):
        raise ConflictError("This database is not empty.")
    await asyncio.to_thread(_bring, source, address)
    await migrate(url)  # a backup of an older version
    await check_schema(url)
    store = await open_store(url, cipher)
    try:
        return await store.read(_proven)
    finally:
        await store.close()


def _bring(source: Path, address: URL) -> None:
    if not source.is_file():
        raise NotFoundError(f"{source} is no file.")
    if address.get_backend_name() != "sqlite":
        _run("pg_restore", address, "--no-owner", "--exit-on-error", "--single-transaction", str(source))
        return
    path = Path(address.database or "")
    for used in (path, path.with_name(f"{path.name}-wal")):  # an old log would be replayed into the copy
        if used.exists():
            raise ConflictError(f"{used} exists. Stop the service and move it away first.")
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    _copy(source, path)


def _proven(ledger: object) -> int:
    """The number of conversations, once a sealed value was read with our keys."""
    connection = ledger.connection if isinstance(ledger, SqlLedger) else None
    if connection is None:
        raise TypeError("Only a store over SQL can be restored.")
    try:
        connection.execute(select(conversation.c.address).limit(1)).all()
    except CipherError:
        raise CipherError("The backup is in place, but these are not its keys: put them into the key file or HOTLINE_KEYS.") from None
    return connection.execute(select(func.count()).select_from(conversation)).scalar_one()


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise NotFoundError(f"There is no database at {source}.")
    try:
        with _opened(f"{source.resolve().as_uri()}?mode=ro") as read, _opened(str(target)) as write:
            read.backup(write)
            write.execute("PRAGMA journal_mode=DELETE")  # all in one file
            found = write.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreAwayError(f"The database could not be copied: {error}") from None
    if found != "ok":
        raise StoreAwayError(f"The copy is damaged: {found}")


@contextlib.contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, uri=path.startswith("file:"), timeout=30)
    try:
        yield connection
    finally:
        connection.close()


async def _is_used(url: str) -> bool:
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    engine = create_async_engine(normal_url(url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
            return bool((await connection.exec_driver_sql(tables)).scalar())
    except OSError as error:
        raise StoreAwayError(f"The database cannot be used: {error}") from None
    finally:
        await engine.dispose()


def _run(program: str, address: URL, *arguments: str) -> None:
    """One of PostgreSQL's programs; the password goes through the environment, where `ps` does not show it."""
    plain = address.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environment = {**os.environ, **({"PGPASSWORD": str(address.password)} if address.password else {})}
    try:
        done = subprocess.run([program, f"--dbname={plain}", *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        raise StoreAwayError(f"{program} is not installed: it comes with postgresql-client.") from None
    if done.returncode:
        raise StoreAwayError(f"{program}: {done.stderr.strip()[-300:]}")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
