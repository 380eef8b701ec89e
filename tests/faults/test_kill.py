"""kill -9 at every named step: nothing lost, nothing answered twice, nothing out of order."""

from __future__ import annotations

import asyncio
import random
import signal
from pathlib import Path

import pytest

from storage.migration import migrate
from tests.faults.rig import PARTS, STEPS, Nursery, Plan, Platform, Verdict, free_port, gone, judge


async def run_with_kills(
    database: str,
    folder: Path,
    processes: int,
    callers: int,
    each: int,
    kills: int,
    seconds: float,
    steps: tuple[str, ...],
) -> tuple[Verdict, int]:
    """Post `each` messages of each caller to processes that die `kills` times; the verdict and the kills that were."""
    await migrate(database)
    platform, nursery = Platform(), Nursery()
    await platform.start()
    ports = [free_port() for _ in range(processes)]
    choice = random.Random(7)
    killed = 0
    done = asyncio.Event()

    async def keep_alive(port: int) -> None:
        nonlocal killed
        while not done.is_set():
            step = steps[killed % len(steps)] if killed < kills else ""
            total = callers * each
            plan = Plan(
                database, str(folder), port, platform.url, step, choice.randint(1, max(2, total // (kills + 1)))
            )
            process = nursery.start(plan)
            await gone(process, done)
            if done.is_set():
                process.terminate()
                await asyncio.to_thread(process.join, 10)
                return
            assert process.exitcode == -signal.SIGKILL, process.exitcode
            killed += 1

    async def write(caller: str) -> None:
        for number in range(each):
            await platform.post(caller, number, ports)

    keepers = [asyncio.create_task(keep_alive(port)) for port in ports]
    names = [f"c{number}" for number in range(callers)]
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(write(name) for name in names))
            while judge(platform.sent, dict.fromkeys(names, each)).lost:
                await asyncio.sleep(0.2)
                for keeper in keepers:
                    if keeper.done():
                        await keeper
    except TimeoutError:
        pass  # the verdict says what is missing
    finally:
        done.set()
        await asyncio.gather(*keepers)
        await platform.stop()
    return judge(platform.sent, dict.fromkeys(names, each)), killed


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step_on_sqlite(step: str, sqlite_url: str, tmp_path: Path) -> None:
    verdict, killed = await run_with_kills(sqlite_url, tmp_path, 1, 6, 8, 4, 60, (step,))
    assert killed >= 3
    assert (verdict.lost, verdict.answered_twice, verdict.out_of_order) == (0, 0, 0)
    assert verdict.sends == 6 * 8 * PARTS + verdict.repeated_sends
    if step != "sent but not recorded":
        assert verdict.repeated_sends <= killed * 6  # in flight at the kill: at most one for each conversation


@pytest.mark.postgres
async def test_two_processes_killed_in_turn_on_postgresql(postgres_database: str, tmp_path: Path) -> None:
    verdict, killed = await run_with_kills(postgres_database, tmp_path, 2, 8, 8, 6, 90, STEPS)
    assert killed >= 4
    assert (verdict.lost, verdict.answered_twice, verdict.out_of_order) == (0, 0, 0)


@pytest.mark.parametrize("processes", [2])
async def test_the_judge_sees_faults(processes: int) -> None:
    good = [f"c-{n} turn {n + 1} part {p}" for n in range(3) for p in range(2)]
    assert judge({"c": good}, {"c": 3}) == Verdict(0, 0, 0, 0, 6)
    assert judge({"c": [good[0], *good]}, {"c": 3}) == Verdict(0, 0, 0, 1, 7)
    assert judge({"c": good[:-1]}, {"c": 3}).lost == 1
    assert judge({"c": [good[1], good[0], *good[2:]]}, {"c": 3}).out_of_order == 1
    assert judge({"c": [*good, "c-2 turn 4 part 0"]}, {"c": 3}).answered_twice == 1
