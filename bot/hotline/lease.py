"""Periodic jobs: each is run by one process at a time, whoever takes its lease."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.errors import StoreAwayError
from bot.hotline.ports import Clock, Store
from bot.hotline.worker import process_name

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do every so often."""

    name: str  # at most 32 characters
    every: float  # seconds from start to start
    work: Callable[[], Awaitable[None]]
    lease: float = 300.0  # seconds; it is cancelled when it takes longer, since another may then begin


class Periodic:
    """Runs jobs when they fall due, over all processes on one database."""

    def __init__(self, store: Store, clock: Clock, jobs: Sequence[Job], *, tick: float = 5.0) -> None:
        """`tick`: seconds between looks at what is due."""
        self._store = store
        self._clock = clock
        self._jobs = jobs
        self._tick = tick
        self._owner = process_name()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            for job in self._jobs:
                await self.run_if_due(job)
            try:
                async with asyncio.timeout(self._tick):
                    await stop.wait()
            except TimeoutError:
                continue

    async def run_if_due(self, job: Job) -> bool:
        """True when the job was ours to run; its failure is logged and it is tried again when it is next due."""
        now = self._clock.now()
        try:
            ours = await self._store.transact(
                lambda ledger: ledger.leases.take(job.name, self._owner, now, job.every, job.lease)
            )
            if not ours:
                return False
            async with asyncio.timeout(job.lease):
                await job.work()
        except (StoreAwayError, TimeoutError) as error:
            log.warning("a periodic job could not finish", job=job.name, error=type(error).__name__)
        except Exception:
            log.exception("a periodic job failed", job=job.name)
        with contextlib.suppress(StoreAwayError):  # the lease ends by itself
            await self._store.transact(lambda ledger: ledger.leases.done(job.name, self._owner))
        return True
