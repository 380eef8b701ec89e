"""Who works on which conversation."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.hotline.ledger import FloodLimit
from bot.hotline.ports import Store
from bot.hotline.records import Lane
from tests.builders.delivery import START, envelope

FLOOD = FloodLimit(1000)


async def claim(store: Store, owner: str, now: datetime = START, limit: int = 10) -> list[Lane]:
    return await store.transact(lambda ledger: ledger.lanes.claim("in", owner, now, 10, limit))


async def fill(store: Store, count: int, priority: int = 0, now: datetime = START, prefix: str = "s") -> None:
    for number in range(count):
        at = now + timedelta(milliseconds=number)
        await store.transact(
            lambda ledger, n=number, at=at: ledger.inbox.add(envelope(sender=f"{prefix}{n}"), priority, FLOOD, at)
        )


async def test_no_two_have_the_same_lane(store: Store) -> None:
    await fill(store, 30)
    later = START + timedelta(seconds=1)
    taken = await asyncio.gather(*(claim(store, f"o{n}", later, 8) for n in range(6)))
    names = [lane.name for lanes in taken for lane in lanes]
    assert len(names) == len(set(names)) == 30


async def test_a_lease_that_ended_is_taken_over_and_the_old_owner_has_nothing(store: Store) -> None:
    await fill(store, 1)
    (lane,) = await claim(store, "first")
    assert await claim(store, "second", START + timedelta(seconds=9)) == []
    (again,) = await claim(store, "second", START + timedelta(seconds=11))
    assert (again.name, again.takeovers) == (lane.name, 1)
    assert not await store.transact(lambda ledger: ledger.lanes.hold(lane.name, "first"))
    assert not await store.transact(lambda ledger: ledger.lanes.release(lane.name, "first", START, False, 0))
    assert await store.transact(lambda ledger: ledger.lanes.release(lane.name, "second", START, True, 0))
    (fresh,) = await claim(store, "third", START)
    assert fresh.takeovers == 0


async def test_urgent_lanes_first_then_who_waits_longest(store: Store) -> None:
    await fill(store, 2, prefix="a")
    await fill(store, 1, priority=2, now=START + timedelta(seconds=5), prefix="b")
    await fill(store, 1, priority=1, now=START + timedelta(seconds=6), prefix="c")
    order = []
    for _ in range(4):
        (lane,) = await claim(store, "o", START + timedelta(seconds=9), 1)
        (head,) = await store.transact(lambda ledger, lane=lane: ledger.inbox.heads([lane.name[3:]]))
        order.append(head.conversation.address)
    assert order == ["b0", "c0", "a0", "a1"]


async def test_a_lane_rests_until_it_is_due_and_is_woken_by_nothing_earlier(store: Store) -> None:
    await fill(store, 1)
    (lane,) = await claim(store, "o")
    due = START + timedelta(seconds=30)
    await store.transact(lambda ledger: ledger.lanes.release(lane.name, "o", due, True, 0))
    await fill(store, 1)  # the same caller writes again
    assert await claim(store, "o", START + timedelta(seconds=29)) == []
    assert await store.transact(lambda ledger: ledger.lanes.next_due("in", START)) == due
    assert len(await claim(store, "o", due)) == 1


async def test_a_clock_that_was_set_back_does_not_stop_the_house(store: Store) -> None:
    await fill(store, 1)
    (lane,) = await claim(store, "o", START)
    await store.transact(lambda ledger: ledger.lanes.release(lane.name, "o", START, True, 0))
    yesterday = START - timedelta(days=1)
    (lane,) = await claim(store, "p", yesterday)
    assert lane.owner == "p"
    assert len(await claim(store, "q", yesterday - timedelta(days=1))) == 1  # a lease from a clock ahead


async def test_idle_lanes_are_forgotten(store: Store) -> None:
    await fill(store, 2)
    for lane in await claim(store, "o", START + timedelta(seconds=1)):
        await store.transact(lambda ledger, lane=lane: ledger.lanes.release(lane.name, "o", START, False, 0))
    await fill(store, 1)  # the first has work again
    later = START + timedelta(days=1)
    assert await store.transact(lambda ledger: ledger.lanes.forget_idle(later, 10)) == 1
