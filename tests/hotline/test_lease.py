"""Periodic jobs run once, wherever."""

from __future__ import annotations

import asyncio

from bot.hotline.lease import Job, Periodic
from bot.hotline.ports import Store
from tests.builders.delivery import FakeClock


async def test_one_of_many_processes_runs_a_job_and_again_when_it_is_due(store: Store) -> None:
    clock = FakeClock()
    ran: list[str] = []

    async def work() -> None:
        ran.append("purge")
        await asyncio.sleep(0.01)

    job = Job("purge", 3600, work)
    many = [Periodic(store, clock, [job]) for _ in range(5)]
    assert sum(await asyncio.gather(*(one.run_if_due(job) for one in many))) == 1
    clock.move(minutes=59)
    assert sum(await asyncio.gather(*(one.run_if_due(job) for one in many))) == 0
    clock.move(minutes=2)
    assert sum(await asyncio.gather(*(one.run_if_due(job) for one in many))) == 1
    clock.move(days=-3)  # set back: due again, not in three days
    assert sum(await asyncio.gather(*(one.run_if_due(job) for one in many))) == 1
    assert len(ran) == 3


async def test_a_dead_processs_job_is_taken_over_when_its_lease_ends(store: Store) -> None:
    clock = FakeClock()
    taken = await store.transact(lambda ledger: ledger.leases.take("job", "dead", clock.now(), 1, 300))
    assert taken
    clock.move(seconds=200)
    assert not await store.transact(lambda ledger: ledger.leases.take("job", "me", clock.now(), 1, 300))
    clock.move(seconds=101)
    assert await store.transact(lambda ledger: ledger.leases.take("job", "me", clock.now(), 1, 300))


async def test_a_job_that_fails_does_not_stop_the_others(sqlite_store: Store) -> None:
    ran = asyncio.Event()

    async def fails() -> None:
        raise RuntimeError

    async def works() -> None:
        ran.set()

    periodic = Periodic(sqlite_store, FakeClock(), [Job("a", 60, fails), Job("b", 60, works)], tick=0.01)
    stop = asyncio.Event()
    task = asyncio.create_task(periodic.run(stop))
    async with asyncio.timeout(5):
        await ran.wait()
    stop.set()
    await task
