"""The store on PostgreSQL: any number of processes; wake-ups by LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.errors import StoreAwayError
from bot.hotline.ledger import Ledger
from storage.cipher import Cipher
from storage.ledger import SqlLedger
from storage.wakeup import Wakeups

T = TypeVar("T")

_CHANNEL = "hotline"
_TRIES = 5  # of a transaction that lost to another one
_CONNECT = 3.0  # seconds
_STATEMENT = 20.0  # seconds
_STATEMENTS = 500  # kept prepared in each connection; batches of each size are statements of their own
_CLASHES = ("40001", "40P01")  # serialization failure, deadlock: nothing was changed, try again
# Classes of SQLSTATE: connection, resources (disk full), operator intervention (shutdown), system error, read-only.
_AWAY = ("08", "53", "57", "58", "25006")


def postgres_engine(url: str, cipher: Cipher, pool: int = 10) -> AsyncEngine:
    """An engine over asyncpg."""
    engine = create_async_engine(
        url,
        pool_size=pool,
        max_overflow=0,
        pool_timeout=_CONNECT,
        connect_args={
            "timeout": _CONNECT,
            "command_timeout": _STATEMENT,
            "prepared_statement_cache_size": _STATEMENTS,
            "statement_cache_size": _STATEMENTS,
        },
    )
    engine.sync_engine.dialect.hotline_cipher = cipher  # type: ignore[attr-defined]  # see storage.column.cipher_of
    return engine


class PostgresStore:
    """Implements `bot.hotline.ports.Store`."""

    def __init__(self, url: str, cipher: Cipher, pool: int = 10) -> None:
        self._engine = postgres_engine(url, cipher, pool)
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._wakeups = Wakeups()
        self._attended: set[str] = set()
        self._last_away = -math.inf  # monotonic seconds
        self._name = secrets.token_hex(4)  # of this process in its notifications
        self._heard = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(), name="store-listen")

    async def listening(self, seconds: float = _CONNECT) -> None:
        """Wait until other processes are heard, but not for long: polling makes up for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()

    async def transact(self, work: Callable[[Ledger], T]) -> T:
        """Run `work` in one transaction; durable when this returns."""
        for attempt in range(1, _TRIES + 1):
            committing = False
            try:
                async with self._engine.connect() as connection, connection.begin() as transaction:
                    result, wakes = await connection.run_sync(_run, work, self._name, self._attended)
                    committing = True
                    await transaction.commit()
            except (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                state = _state(error)
                again = state in _CLASHES or (_is_away(error) and not committing and attempt == 1)
                if again and attempt < _TRIES:
                    await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - only to part those who wait together
                    continue
                if _is_away(error) or state in _CLASHES:
                    self._last_away = time.monotonic()
                    raise _away(error) from None
                raise
            self._wakeups.fire(wakes)
            return result
        raise StoreAwayError

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """Run `work` on one consistent state."""
        try:
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                result, _ = await connection.run_sync(_run, work, self._name, self._attended)
                return result
        except (DBAPIError, PoolTimeout, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if _is_away(error):
                raise _away(error) from None
            raise

    def mark(self, topic: str) -> int:
        """See `bot.hotline.ports.Store`."""
        return self._wakeups.mark(topic)

    async def wait(self, topic: str, seconds: float, mark: int | None = None) -> bool:
        """See `bot.hotline.ports.Store`."""
        return await self._wakeups.wait(topic, seconds, mark)

    def attend(self, topic: str) -> None:
        """See `bot.hotline.ports.Store`. Should this process be overloaded, others find the work when they poll."""
        self._attended.add(topic)

    def calm(self) -> float:
        """See `bot.hotline.ports.Store`."""
        return time.monotonic() - self._last_away

    async def recover(self) -> int:
        """Nothing: whether another machine's worker lives is told by its leases alone."""
        return 0

    async def close(self) -> None:
        """Let go of the database."""
        self._listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._listening
        await self._engine.dispose()

    async def _listen(self) -> None:
        """Keep a connection that hears of other processes' commits; after a gap wake everyone."""
        pause = 0.1
        while True:
            connection: Any = None
            try:
                connection = await asyncpg.connect(self._dsn, timeout=_CONNECT)
                gone = asyncio.Event()
                connection.add_termination_listener(lambda _connection, gone=gone: gone.set())
                await connection.add_listener(_CHANNEL, self._hear)
                if self._heard.is_set():
                    self._wakeups.fire_all()
                self._heard.set()
                pause = 0.1
                while not gone.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(gone.wait(), 30)
                    if not gone.is_set():
                        await connection.execute("SELECT 1", timeout=_CONNECT)  # a half-open connection shows here
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._last_away = time.monotonic()
                pause = min(5.0, pause * 2)
            finally:
                if connection is not None:
                    connection.terminate()
            self._last_away = time.monotonic()
            await asyncio.sleep(pause)

    def _hear(self, _connection: Any, _pid: int, _channel: str, topics: Any) -> None:
        origin, *rest = str(topics).split("\n")
        if origin != self._name:  # our own commits have woken us already
            self._wakeups.fire(rest)


def _run(
    connection: Connection, work: Callable[[Ledger], T], origin: str, attended: set[str]
) -> tuple[T, tuple[str, ...]]:
    ledger = SqlLedger(connection)
    result = work(ledger)
    for part in _parts(origin, [topic for topic in ledger.wakes if topic not in attended]):
        connection.execute(_NOTIFY, {"topics": part})
    return result, tuple(ledger.wakes)


_NOTIFY = text(f"SELECT pg_notify('{_CHANNEL}', :topics)")
_PAYLOAD = 7_900  # bytes; PostgreSQL takes less than 8000


def _parts(origin: str, topics: list[str]) -> list[str]:
    """Who wakes, and the topics by line, in as few notifications as fit."""
    parts: list[str] = []
    for topic in topics:
        if parts and len(parts[-1]) + len(topic) + 1 <= _PAYLOAD:
            parts[-1] += f"\n{topic}"
        else:
            parts.append(f"{origin}\n{topic}")
    return parts


def _state(error: BaseException) -> str:
    original = getattr(error, "orig", error)
    return str(getattr(original, "sqlstate", "") or getattr(original, "pgcode", "") or "")


def _is_away(error: BaseException) -> bool:
    if isinstance(error, OSError | PoolTimeout | InterfaceError | asyncpg.InterfaceError):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return _state(error).startswith(_AWAY)


def _away(error: BaseException) -> StoreAwayError:
    # The class only: the driver's text may carry values.
    return StoreAwayError(f"The database cannot be used: {type(getattr(error, 'orig', error)).__name__}")
