"""The alarm when no message came for long: by day only, never before the first message, and seen everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.hotline import silence
from bot.hotline.hours import Hours
from bot.hotline.metrics import Metrics
from bot.hotline.ports import Store
from bot.hotline.silence import SilenceOptions, SilenceWatch
from tests.builders.delivery import FakeClock, House
from tests.builders.log import written

_USUAL = SilenceOptions(timedelta(hours=1), Hours.parse("Mon-Sun 08:00-20:00", "UTC"))


def at(hour: int, minute: int = 0) -> FakeClock:
    clock = FakeClock(datetime(2026, 11, 24, hour, minute, tzinfo=UTC))
    clock.stop()
    return clock


async def silent_for(store: Store, clock: FakeClock, options: SilenceOptions = _USUAL) -> tuple[float, list[str], float]:
    """Minutes of the alarm (0: none), the lines in the log, and the metric."""
    metrics = Metrics()
    watch = SilenceWatch(store, clock, metrics, options)
    with written(silence) as lines:
        await watch.report()
    found = await watch.look()
    shown = metrics.registry.get_sample_value("hotline_silence_alarm_seconds")
    return found.total_seconds() / 60 if found else 0, [line["log_level"] for line in lines], shown or 0


async def test_nobody_ever_wrote_is_no_alarm(store: Store) -> None:
    assert await silent_for(store, at(12)) == (0, [], 0)


async def test_over_an_hour_by_day_is_an_alarm_until_someone_writes(store: Store) -> None:
    house = House(store, clock=at(12))
    await house.hear("hello")
    house.clock.move(minutes=59)
    assert await silent_for(store, house.clock) == (0, [], 0)
    house.clock.move(minutes=2)
    minutes, lines, metric = await silent_for(store, house.clock)
    assert (round(minutes), lines, round(metric / 60)) == (61, ["error"], 61)
    await house.hear("again")
    assert await silent_for(store, house.clock) == (0, [], 0)


@pytest.mark.parametrize(("hour", "minute"), [(3, 0), (8, 30), (20, 30)])
async def test_night_and_the_first_hour_of_the_day_are_no_alarm(sqlite_store: Store, hour: int, minute: int) -> None:
    house = House(sqlite_store, clock=at(0))
    await house.hear("hello")
    assert (await silent_for(sqlite_store, at(hour, minute)))[1] == []


async def test_it_can_be_switched_off(sqlite_store: Store) -> None:
    house = House(sqlite_store, clock=at(10))
    await house.hear("hello")
    assert (await silent_for(sqlite_store, at(15)))[1] == ["error"]
    assert (await silent_for(sqlite_store, at(15), SilenceOptions(timedelta(0), _USUAL.hours)))[1] == []
