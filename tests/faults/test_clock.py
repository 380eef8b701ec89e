"""Clocks that jump, and a week of messages at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.hotline.ports import Store
from bot.hotline.records import Direction
from tests.builders.delivery import FakeChannel, House, envelope

JUMPS = (timedelta(days=1), timedelta(days=-2), timedelta(minutes=-3), timedelta(hours=5), timedelta(seconds=-20))


async def test_a_clock_that_jumps_loses_and_repeats_nothing(store: Store) -> None:
    house = House(store, channel=FakeChannel(pause=0.02))
    done = asyncio.Event()

    async def jump() -> int:
        count = 0
        while not done.is_set():
            await asyncio.sleep(0.1)
            house.clock.move(seconds=JUMPS[count % len(JUMPS)].total_seconds())
            count += 1
        return count

    async def write(caller: str) -> None:
        for number in range(8):
            await house.inbox.receive([envelope(str(number), sender=caller, at=house.clock.now())])
            await asyncio.sleep(0.02)

    async def end() -> int:
        await asyncio.gather(*(write(f"c{number}") for number in range(5)))
        await asyncio.sleep(0.5)
        done.set()
        count = await jumping
        house.clock.move(hours=1)  # what was told to rest by a clock since set back rests no longer
        return count

    jumping = asyncio.create_task(jump())
    ending = asyncio.create_task(end())
    await house.quiet(30, until=ending.done)
    await house.quiet(30)
    assert await ending >= 3
    assert len(house.channel.sent) >= 5  # what seemed to have waited for a day got one apology for all
    for number in range(5):
        lines = await house.lines(f"c{number}")
        heard = [line.text for line in lines if line.direction is Direction.IN]
        assert heard == [str(n) for n in range(8)]
        assert len(set(house.channel.to(f"c{number}"))) == len(house.channel.to(f"c{number}"))


async def test_two_doors_whose_clocks_differ_keep_a_callers_order(store: Store) -> None:
    first, second = House(store), House(store)
    first.clock.move(minutes=15)
    for number in range(6):
        await (first, second)[number % 2].inbox.receive([envelope(str(number), at=first.clock.now())])
    await first.quiet()
    assert first.channel.to("caller") == [f"re {number}" for number in range(6)]


async def test_a_week_of_messages_at_once_is_answered_with_one_apology_each(store: Store) -> None:
    house = House(store)
    now = house.clock.now()
    week = [
        envelope(f"{hour}", sender=f"c{caller}", at=now - timedelta(hours=hour))
        for hour in range(168, 2, -24)
        for caller in range(30)
    ]
    for start in range(0, len(week), 70):
        await house.inbox.receive(week[start : start + 70])
    await house.quiet(60)
    assert len(week) == 210
    assert all(house.channel.to(f"c{caller}") == ["re 168"] for caller in range(30))
    for caller in range(30):
        assert len(await house.lines(f"c{caller}")) == 8
