"""People are counted, not messages; who was counted is forgotten with the week and with the caller."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta

from sqlalchemy import select

from bot.hotline.ports import Store
from bot.hotline.records import Tally, iso_week
from bot.hotline.retention import Retention, fold_statistics, purge
from bot.reports.needs_map import K, needs
from storage.finding import counted
from storage.ledger import SqlLedger
from tests.builders.delivery import FakeClock

MONDAY = date(2026, 11, 2)
TODAY = date(2026, 11, 24)
TOPICS = {"unpaid_wages": "work", "work_injury": "work", "overstayed": "stay"}
Said = tuple[str, Tally]


def asked(day: date, intent: str = "unpaid_wages", stay: str = "RU", urgency: str = "normal", language: str = "uz") -> Tally:
    return Tally(day.isoformat(), "telegram", language, stay, intent, "answer", urgency)


async def write(store: Store, said: list[Said]) -> None:
    def work(ledger):  # type: ignore[no-untyped-def]
        for who, tally in said:
            ledger.findings.count(who, tally, TOPICS.get(tally.intent, ""))

    await store.transact(work)


async def tallies(store: Store) -> list[Tally]:
    return await store.read(lambda ledger: ledger.findings.tallies("2026-01-01", "2026-12-31"))


async def rows(store: Store) -> int:
    def work(ledger):  # type: ignore[no-untyped-def]
        assert isinstance(ledger, SqlLedger)
        return len(ledger.connection.execute(select(counted.c.id)).all())

    return await store.read(work)


def shown(found: list[Tally]) -> list[tuple[str, int]]:
    return [(cell.topic, cell.count) for cell in needs(found, TOPICS, first=MONDAY, last=TODAY, today=TODAY)]


async def test_one_caller_who_writes_a_hundred_times_is_no_crowd(store: Store) -> None:
    await write(store, [("a" * 32, asked(MONDAY + timedelta(days=n % 7), ("unpaid_wages", "work_injury")[n % 2])) for n in range(100)])
    found = await tallies(store)
    assert (sum(t.count for t in found), sum(t.people for t in found)) == (100, 1)
    assert shown(found) == []
    await write(store, [(f"{n:032}", asked(MONDAY, "work_injury")) for n in range(K - 1)])
    assert shown(await tallies(store)) == [("work", K)]


async def test_every_combination_counts_each_person_once(store: Store) -> None:
    """Against sets of people, written down independently; folding changes nothing."""
    source = random.Random(7)
    said = [
        (f"{source.randrange(12):032}", asked(MONDAY + timedelta(days=source.randrange(21)), source.choice(list(TOPICS)), source.choice(["RU", "KZ", ""]), source.choice(["normal", "urgent"])))
        for _ in range(600)
    ]  # fmt: skip
    await write(store, said[:400])
    assert await fold_statistics(store) == 400
    await write(store, said[400:])
    real = {(who, t.week, t.stay, TOPICS[t.intent], t.urgency, t.language) for who, t in said}
    sizes = Counter(key[1:] for key in real)
    found: Counter[tuple[str, ...]] = Counter()
    for t in await tallies(store):
        found[t.week, t.stay, TOPICS[t.intent], t.urgency, t.language] += t.people
    assert +found == sizes
    cells = needs(await tallies(store), TOPICS, first=MONDAY, last=TODAY, today=TODAY)
    assert all(cell.count <= sizes[cell.week, cell.country.replace("unknown", ""), cell.topic, cell.urgency, cell.language] for cell in cells)


async def test_all_a_person_ever_writes_moves_each_cell_by_one_step_at_most(sqlite_store: Store) -> None:
    """Two releases, with and without one person, differ by K in a cell at the most, however much they write."""
    await write(sqlite_store, [(f"{n:032}", asked(MONDAY, intent)) for n in range(K * 2 - 1) for intent in ("unpaid_wages", "overstayed")])
    before = dict(shown(await tallies(sqlite_store)))
    await write(sqlite_store, [("f" * 32, asked(MONDAY, intent)) for intent in TOPICS for _ in range(50)])
    after = dict(shown(await tallies(sqlite_store)))
    assert before == {"stay": K, "work": K}
    assert after == {"stay": 2 * K, "work": 2 * K}


async def test_who_was_counted_is_forgotten_with_the_week_and_with_the_caller(sqlite_store: Store) -> None:
    clock = FakeClock()
    today = clock.now().date()
    await write(sqlite_store, [("a" * 32, asked(today)), ("b" * 32, asked(today)), ("b" * 32, asked(today, "overstayed"))])
    assert await rows(sqlite_store) == 3
    await sqlite_store.transact(lambda ledger: ledger.erase("b" * 32))
    assert await rows(sqlite_store) == 1
    assert (await purge(sqlite_store, clock, Retention())).counts["counted"] == 0
    clock.move(days=7)
    assert (await purge(sqlite_store, clock, Retention())).counts["counted"] == 1
    assert sum(t.people for t in await tallies(sqlite_store)) == 3


async def test_what_is_remembered_tells_no_cell(sqlite_store: Store) -> None:
    def work(ledger):  # type: ignore[no-untyped-def]
        return ledger.connection.execute(select(counted)).all()

    await write(sqlite_store, [("a" * 32, asked(MONDAY)), ("b" * 32, asked(MONDAY))])
    one, two = await sqlite_store.read(work)
    assert one.cell != two.cell
    assert len(one.cell) == 32
    assert one.week == iso_week(MONDAY)


async def test_buttons_and_pictures_count_nobody(sqlite_store: Store) -> None:
    await write(sqlite_store, [("a" * 32, Tally(MONDAY.isoformat(), "x", "uz", "RU", "", "", "normal"))])
    (found,) = await tallies(sqlite_store)
    assert (found.count, found.people) == (1, 0)
    assert await rows(sqlite_store) == 0
