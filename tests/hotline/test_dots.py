"""Typing dots: only where an answer is late, and only where one will come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.dialogue.effect import Erase, OpenCase
from bot.dialogue.message import Kind
from bot.hotline import cases
from bot.hotline.dots import Dots
from bot.hotline.ports import Store
from bot.matching.match import Urgency
from tests.builders.delivery import Echo, FakeChannel, House, envelope, until


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
    """A house whose callers are shown dots after `moment` seconds."""

    def __init__(self, store: Store, moment: float = 0.05) -> None:
        self.channel = Typist()
        bot = Echo({"person": (OpenCase(Urgency.NORMAL, "asked"),), "erase": (Erase("everything"),)})
        self.house = House(store, bot=bot, channel=self.channel)
        self.dots = Dots(store, {"fake": self.channel}, self.house.clock, without=("webchat",), moment=moment)
        self.house.inbox._expected = self.dots.expect

    async def watched(self) -> None:
        """Wait until nobody is watched for."""
        await asyncio.wait_for(asyncio.gather(*self.dots._watched.values(), return_exceptions=True), 10)


@pytest.fixture
async def room(sqlite_store: Store) -> AsyncIterator[Room]:
    made = Room(sqlite_store)
    yield made
    await made.dots.close()


async def test_a_late_answer_is_announced_to_its_caller_once_however_much_is_written(room: Room) -> None:
    await room.house.inbox.receive([envelope("a", reference="r1"), envelope("b", reference="r2")])
    await room.house.hear("c", reference="r3")
    await until(lambda: bool(room.channel.dots))
    assert room.channel.dots == [("caller", "r1")]
    await room.house.quiet()
    assert len(room.channel.sent) == 3


async def test_an_answer_within_a_moment_needs_none(room: Room) -> None:
    room.dots._moment = 0.3
    await room.house.hear("a")
    await room.house.quiet()
    await room.watched()
    assert room.channel.dots == []
    assert room.channel.to("caller") == ["re a"]


async def test_an_answer_that_cannot_be_sent_yet_is_announced(room: Room) -> None:
    room.channel.pause = 0.5
    await room.house.hear("a")
    await room.house.quiet()
    assert room.channel.dots == [("caller", (await room.house.lines())[0].references[0])]


async def test_dots_that_fail_hurt_nobody(room: Room) -> None:
    room.channel.broken = True
    await room.house.hear("a")
    await room.watched()
    await room.house.quiet()
    assert room.channel.to("caller") == ["re a"]


async def test_no_dots_while_a_person_has_the_talk_nor_for_what_is_not_answered(room: Room, sqlite_store: Store) -> None:
    await room.house.hear("person")
    await room.house.quiet()
    await room.watched()
    before = len(room.channel.dots)
    conversation, now = await room.house.conversation(), room.house.clock.now()

    def take(ledger):  # type: ignore[no-untyped-def]
        return cases.take(ledger, ledger.cases.open_of(conversation.id).id, "someone", now)

    assert await sqlite_store.transact(take)
    await room.house.hear("hello")
    await room.watched()
    await room.house.hear("", sender="other", kind=Kind.REACTION)
    await room.house.inbox.receive([envelope("x", channel="webchat")])
    await room.watched()
    assert len(room.channel.dots) == before


async def test_a_platform_that_asked_to_wait_is_left_alone(room: Room, sqlite_store: Store) -> None:
    now = room.house.clock.now()
    await sqlite_store.transact(lambda ledger: ledger.pace.pause("fake", now.replace(year=now.year + 1)))
    await room.house.hear("a")
    await room.watched()
    assert room.channel.dots == []


async def test_many_callers_at_once_are_answered_not_announced(room: Room) -> None:
    for number in range(60):
        await room.house.hear("a", sender=f"caller {number}")
    await until(lambda: len(room.channel.dots) >= 20)
    await asyncio.sleep(0.1)  # a twenty-first would have been shown by now
    assert len(room.channel.dots) == 20
    await room.house.quiet()
    assert len(room.channel.sent) == 60
