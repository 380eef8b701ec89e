"""Work that shares a transaction: batches, and that what fails spoils nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from bot.dialogue.message import Kind, Message
from bot.hotline.ports import Store
from bot.hotline.together import Together
from tests.builders.delivery import START, House, envelope


class Doing:
    """Doubles numbers; holds each batch until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, items: Sequence[int]) -> list[int | BaseException]:
        self.batches.append(list(items))
        await self.go.wait()
        if 13 in items:
            raise ValueError("13")
        return [LookupError() if item == 7 else item * 2 for item in items]


async def test_what_comes_while_one_batch_runs_is_the_next_batch() -> None:
    doing = Doing()
    together: Together[int, int] = Together(doing, most=3)
    tasks = [asyncio.create_task(together(1))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(together(number)) for number in (2, 3, 4, 5)]
    await asyncio.sleep(0)
    doing.go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10]
    assert doing.batches == [[1], [2, 3, 4], [5]]


async def test_an_item_may_fail_alone_or_the_batch_as_a_whole_and_then_it_goes_on() -> None:
    doing = Doing()
    doing.go.set()
    together: Together[int, int] = Together(doing)
    alone = await asyncio.gather(together(7), together(8), return_exceptions=True)
    assert isinstance(alone[0], LookupError)
    assert alone[1] == 16
    whole = await asyncio.gather(together(13), together(1), return_exceptions=True)
    assert [type(result) for result in whole] == [ValueError, ValueError]
    assert await together(5) == 10


async def test_a_caller_who_gives_up_does_not_stop_what_was_begun() -> None:
    doing = Doing()
    together: Together[int, int] = Together(doing)
    task, other = asyncio.create_task(together(1)), asyncio.create_task(together(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    doing.go.set()
    assert await other == 4
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_message_that_cannot_be_stored_spoils_no_other(store: Store) -> None:
    house = House(store)
    bad = Message(Kind.TEXT, START, cast(Any, b"no text"))
    calls = [
        house.inbox.receive([envelope("one", sender="a")]),
        house.inbox.receive([envelope("two", sender="b")]),
        house.inbox.receive([envelope(sender="c").__class__("fake", "bad", "c", bad)]),
        house.inbox.receive([envelope("three", sender="a"), envelope("four", sender="a")]),
    ]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [result is None for result in results] == [True, True, False, True]
    await house.quiet()
    assert house.channel.to("a") == ["re one", "re three", "re four"]
    assert house.channel.to("b") == ["re two"]


async def test_many_at_once_are_each_known_again_and_counted_by_caller(store: Store) -> None:
    house = House(store)
    first, same = envelope("one", external_id="1"), envelope("one", external_id="1")
    await asyncio.gather(*(house.inbox.receive([each]) for each in (first, same, envelope("two", external_id="2"))))
    await house.inbox.receive([first, envelope("three", external_id="3")])
    await house.quiet()
    assert house.channel.to("caller") == ["re one", "re two", "re three"]
