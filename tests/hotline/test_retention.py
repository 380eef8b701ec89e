"""Forgetting by age."""

from __future__ import annotations

from datetime import timedelta

from bot.dialogue.effect import Missed, OpenCase
from bot.errors import GaveUpError
from bot.hotline import cases
from bot.hotline.ports import Store
from bot.hotline.retention import Retention, fold_statistics, purge
from bot.hotline.worker import WorkerOptions
from bot.matching.match import Urgency
from tests.builders.delivery import Echo, FakeChannel, House

EFFECTS = {"person": (OpenCase(Urgency.NORMAL, "asked"),), "what": (Missed("fallback"),)}


async def test_talks_go_after_30_days_and_cases_after_180(store: Store) -> None:
    house = House(store, bot=Echo(EFFECTS))
    await house.hear("hi", "what", sender="talk")
    await house.hear("person", sender="case")
    await house.hear("person", sender="open")
    await house.quiet()
    closed = await house.conversation("case")
    case = await store.read(lambda ledger: ledger.cases.open_of(closed.id))
    assert case
    await store.transact(lambda ledger: cases.close(ledger, case.id, "helped", "anna", house.clock.now()))

    house.clock.move(days=29)
    await house.hear("newer", sender="talk")
    await house.quiet()
    house.clock.move(days=2)  # day 31
    purged = await purge(store, house.clock, Retention())
    assert [line.text for line in await house.lines("talk")] == ["newer", "re newer"]
    assert purged.counts["messages"] == 4
    assert purged.counts["seen"] == 5
    assert len(await house.lines("case")) == 2

    house.clock.move(days=40)  # day 71
    purged = await purge(store, house.clock, Retention())
    assert await store.read(lambda ledger: ledger.conversations.find("fake", "talk")) is None

    house.clock.move(days=120)  # day 191
    purged = await purge(store, house.clock, Retention())
    assert purged.counts["cases"] == 1
    assert await store.read(lambda ledger: ledger.conversations.find("fake", "case")) is None
    assert await store.read(lambda ledger: ledger.findings.missed()) == []
    assert len(await house.lines("open")) == 2  # a case that nobody closed is kept
    assert (await purge(store, house.clock, Retention())).counts == dict.fromkeys(purged.counts, 0)
    assert timedelta(days=30) == Retention().talks


async def test_dead_letters_go_with_the_talks(sqlite_store: Store) -> None:
    house = House(sqlite_store, channel=FakeChannel(trouble=refuse), worker=WorkerOptions(poll=0.01, backoff=0.01))
    await house.hear("fail", "hi")
    await house.quiet()
    assert len(await sqlite_store.read(lambda ledger: ledger.letters.dead())) == 3
    conversation = await house.conversation()
    case = await sqlite_store.read(lambda ledger: ledger.cases.open_of(conversation.id))
    assert case
    await sqlite_store.transact(lambda ledger: cases.close(ledger, case.id, "x", "anna", house.clock.now()))
    house.clock.move(days=181)
    purged = await purge(sqlite_store, house.clock, Retention())
    assert purged.counts["letters"] == 3
    assert await sqlite_store.read(lambda ledger: ledger.conversations.find("fake", "caller")) is None


def refuse(_address: str, _text: str) -> None:
    raise GaveUpError


async def test_counts_are_folded_and_stay(store: Store) -> None:
    house = House(store)
    await house.hear(*"abcde")
    await house.quiet()
    day = house.clock.now().date().isoformat()
    before = await store.read(lambda ledger: ledger.findings.tallies(day, day))
    assert await fold_statistics(store) == 5
    await house.hear("f")
    await house.quiet()
    assert await fold_statistics(store) == 1
    after = await store.read(lambda ledger: ledger.findings.tallies(day, day))
    assert sum(tally.count for tally in before) == 5
    assert sum(tally.count for tally in after) == 6
