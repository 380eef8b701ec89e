"""The store on SQLite: one writer thread with group commit, readers apart.

The writer takes all functions that wait, runs each under a savepoint in one transaction, commits (one fsync for all),
and only then tells their callers. So a slow disk costs latency, not throughput, and no two writers ever meet. Readers
see the last commit and are never blocked (WAL).
"""

from __future__ import annotations

import asyncio
import fcntl
import math
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError
from sqlalchemy.pool import QueuePool

from bot.errors import StoreAwayError
from bot.hotline.ledger import Ledger
from storage.cipher import Cipher
from storage.ledger import SqlLedger
from storage.wakeup import Wakeups

T = TypeVar("T")

_BATCH = 64  # functions in one commit
_READERS = 4
_BUSY = 5_000  # milliseconds to wait for another process (a migration, a command)


@dataclass(slots=True)
class _Job:
    work: Callable[[Ledger], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    wakes: tuple[str, ...] = ()


def sqlite_engine(url: str, cipher: Cipher, *, read_only: bool = False) -> Engine:
    """An engine that never upgrades a lock: writers begin IMMEDIATE, readers cannot write."""
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=_READERS, max_overflow=0, connect_args={"check_same_thread": False}
    )
    engine.dialect.hotline_cipher = cipher  # type: ignore[attr-defined]  # see storage.column.cipher_of

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            f"busy_timeout={_BUSY}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            "trusted_schema=OFF",
            "temp_store=MEMORY",
            "cache_size=-16000",  # KiB
            f"query_only={'ON' if read_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


class SqliteStore:
    """Implements `bot.hotline.ports.Store`."""

    def __init__(self, url: str, cipher: Cipher) -> None:
        self._writer_engine = sqlite_engine(url, cipher)
        self._reader_engine = sqlite_engine(url, cipher, read_only=True)
        self._loop = asyncio.get_running_loop()
        self._wakeups = Wakeups()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="store-read")
        self._path = Path(self._writer_engine.url.database or "")
        self._lock: int | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="store-write", daemon=True)
        self._thread.start()

    async def transact(self, work: Callable[[Ledger], T]) -> T:
        """Run `work` in one transaction; durable when this returns."""
        if self._closed:
            raise StoreAwayError("The store is closed.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put(_Job(work, future))
        return await future

    async def read(self, work: Callable[[Ledger], T]) -> T:
        """Run `work` on one consistent state."""
        return await self._loop.run_in_executor(self._readers, self._read, work)

    def mark(self, topic: str) -> int:
        """See `bot.hotline.ports.Store`."""
        return self._wakeups.mark(topic)

    async def wait(self, topic: str, seconds: float, mark: int | None = None) -> bool:
        """See `bot.hotline.ports.Store`."""
        return await self._wakeups.wait(topic, seconds, mark)

    def attend(self, topic: str) -> None:
        """See `bot.hotline.ports.Store`. Nothing to do: wake-ups do not leave this process."""

    def calm(self) -> float:
        """See `bot.hotline.ports.Store`. Always: no other process takes messages in."""
        return math.inf

    async def recover(self) -> int:
        """Free all lanes if this is the only working process on the file; it is from now on.

        A lock on a file beside the database tells: the kernel lets go of it when its process dies.
        """
        if self._lock is not None:
            return 0
        handle = os.open(f"{self._path}.worker", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return 0
        self._lock = handle
        return await self.transact(lambda ledger: ledger.lanes.free(""))

    async def close(self) -> None:
        """Finish what was handed in, checkpoint and let go of the file."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        self._readers.shutdown(wait=True)
        self._reader_engine.dispose()
        self._writer_engine.dispose()
        if self._lock is not None:
            os.close(self._lock)

    def _read(self, work: Callable[[Ledger], T]) -> T:
        try:
            with self._reader_engine.connect() as connection, connection.begin():
                return work(SqlLedger(connection))
        except OperationalError as error:
            raise _away(error) from None

    def _write(self) -> None:
        """The writer thread."""
        running = True
        while running:
            jobs = [self._jobs.get()]
            while len(jobs) < _BATCH and not self._jobs.empty():
                jobs.append(self._jobs.get())
            if None in jobs:
                running = False
            batch = [job for job in jobs if job is not None]
            if batch:
                self._commit(batch)
                self._loop.call_soon_threadsafe(self._settle, batch)

    def _commit(self, batch: list[_Job]) -> None:
        try:
            with self._writer_engine.connect() as connection, connection.begin():
                for job in batch:
                    self._run(connection, job, savepoint=len(batch) > 1)
        except OperationalError as error:  # locked, disk full, I/O error: nothing of the batch is stored
            away = _away(error)
            for job in batch:
                job.error = job.error or away
        except BaseException as error:
            for job in batch:
                job.error = job.error or error

    @staticmethod
    def _run(connection: Connection, job: _Job, savepoint: bool) -> None:
        ledger = SqlLedger(connection)
        if not savepoint:
            try:
                job.result = job.work(ledger)
            except BaseException as error:
                job.error = error
                raise
        else:
            connection.exec_driver_sql("SAVEPOINT job")
            try:
                job.result = job.work(ledger)
            except OperationalError:
                raise  # SQLite may have rolled everything back
            except BaseException as error:
                job.error = error
                connection.exec_driver_sql("ROLLBACK TO job")
            connection.exec_driver_sql("RELEASE job")
        job.wakes = tuple(ledger.wakes)

    def _settle(self, batch: list[_Job]) -> None:
        """In the event loop: tell the callers."""
        for job in batch:
            if not job.error:
                self._wakeups.fire(job.wakes)
            if job.future.done():  # its caller was cancelled; what it asked for is stored all the same
                continue
            if job.error:
                job.future.set_exception(_plain(job.error))
            else:
                job.future.set_result(job.result)


def _plain(error: BaseException) -> BaseException:
    if isinstance(error, DatabaseError) and not isinstance(error, IntegrityError):
        return _away(error) if isinstance(error, OperationalError) else error
    return error


def _away(error: DatabaseError) -> StoreAwayError:
    # The driver's own words only: SQLAlchemy's message would carry the statement's parameters.
    return StoreAwayError(f"The database cannot be used: {error.orig}")
