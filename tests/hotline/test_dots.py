"""Typing dots: only where an answer is late, and only where one will come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.dialogue.effect import OpenCase
from bot.dialogue.message import Kind
from bot.hotline import cases
from bot.hotline.dots import Dots
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Store
from bot.matching.match import Urgency
from tests.builders.delivery import Echo, FakeChannel, House, envelope


class Typist(FakeChannel):
    """A channel that notes its dots; `broken` dots fail."""

    broken = False

    def __init__(self) -> None:
        super().__init__()
        self.dots: list[tuple[str, str]] = []

    async def typing(self, address: str, reference: str) -> None:
        self.dots.append((address, reference))
        if self.broken:
            raise ConnectionError


class Room:
    """A house whose callers are shown dots, and a time that stands still until `later`."""

    def __init__(self, store: Store) -> None:
        self.channel = Typist()
        self._goes_on = asyncio.Event()
        bot = Echo({"person": (OpenCase(Urgency.NORMAL, "asked"),)})
        self.house = House(store, bot=bot, channel=self.channel)
        self.dots = Dots(store, {"fake": self.channel}, self.house.clock, without=("webchat",), sleep=self._sleep)
        self.house.inbox._expected = self.dots.expect

    async def _sleep(self, _seconds: float) -> None:
        await self._goes_on.wait()
        await asyncio.sleep(0)

    async def later(self) -> None:
        """Half a minute on: nobody is watched for any more."""
        self._goes_on.set()
        async with asyncio.timeout(30):
            while self.dots._watched:
                await asyncio.sleep(0.01)


@pytest.fixture
async def room(sqlite_store: Store) -> AsyncIterator[Room]:
    made = Room(sqlite_store)
    yield made
    await made.dots.close()


async def test_a_late_answer_is_announced_to_its_caller_again_and_again_but_not_for_ever(room: Room) -> None:
    await room.house.inbox.receive([envelope("a", reference="r1"), envelope("b", reference="r2")])
    await room.later()
    assert room.channel.dots == [("caller", "r1")] * 6
    await room.house.quiet()
    assert len(room.channel.sent) == 2


async def test_an_answer_within_a_moment_needs_none(room: Room) -> None:
    await room.house.hear("a")
    await room.house.quiet()
    await room.later()
    assert room.channel.dots == []
    assert room.channel.to("caller") == ["re a"]


async def test_an_answer_that_is_not_sent_yet_is_announced(room: Room) -> None:
    await room.house.hear("a", reference="r1")
    stop = asyncio.Event()
    work = asyncio.create_task(room.house.worker.run(stop))
    await room.house.answered()
    stop.set()
    await work
    await room.later()
    assert set(room.channel.dots) == {("caller", "r1")}


async def test_dots_that_fail_hurt_nobody(room: Room) -> None:
    room.channel.broken = True
    await room.house.hear("a")
    await room.later()
    assert len(room.channel.dots) == 1
    await room.house.quiet()
    assert room.channel.to("caller") == ["re a"]


async def test_no_dots_while_a_person_has_the_talk_nor_for_what_is_not_answered(room: Room, sqlite_store: Store) -> None:
    await room.house.hear("person")
    await room.house.quiet()
    conversation, now = await room.house.conversation(), room.house.clock.now()

    def take(ledger: Ledger) -> bool:
        case = ledger.cases.open_of(conversation.id)
        return case is not None and cases.take(ledger, case.id, "someone", now)

    assert await sqlite_store.transact(take)
    await room.house.hear("hello")
    await room.house.hear("", sender="other", kind=Kind.REACTION)
    await room.house.inbox.receive([envelope("x", channel="webchat")])
    await room.later()
    assert room.channel.dots == []


async def test_a_platform_that_asked_to_wait_is_left_alone(room: Room, sqlite_store: Store) -> None:
    now = room.house.clock.now()
    await sqlite_store.transact(lambda ledger: ledger.pace.pause("fake", now + timedelta(hours=1)))
    await room.house.hear("a")
    await room.later()
    assert room.channel.dots == []


async def test_of_many_callers_at_once_only_some_are_watched_for_and_all_answered(room: Room) -> None:
    for number in range(30):
        await room.house.hear("a", sender=f"caller {number}")
    await room.later()
    assert len({address for address, _ in room.channel.dots}) == 20
    await room.house.quiet(30)
    assert len(room.channel.sent) == 30
