"""The order of the queue, against a model that sorts in Python."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.hotline.ports import Store
from bot.hotline.records import Case, CaseState
from bot.matching.match import Urgency
from storage.case import AGEING
from storage.migration import migrate
from storage.store import open_store
from tests.builders.delivery import START
from tests.storage.stores import CIPHER

MINUTES = st.integers(0, 60 * 6)


def a_case(number: int, urgency: Urgency = Urgency.NORMAL, minutes: int = 0, language: str = "ru") -> Case:
    """A waiting case that began `minutes` after START."""
    since = START + timedelta(minutes=minutes)
    return Case(
        id=f"{number:032x}",
        conversation=f"{number:032x}",
        channel="fake",
        language=language,
        stay="KZ",
        state=CaseState.WAITING,
        urgency=urgency,
        reason="asked",
        intent="",
        signals=(),
        opened=since,
        waiting_since=since,
    )


def comes_before(one: Case, other: Case, now: datetime) -> bool:
    """The rule in words: emergencies first; aged normal cases count as urgent; else who waits longer."""

    def level(case: Case) -> int:
        aged = case.urgency is Urgency.NORMAL and now - case.waiting_since >= AGEING
        return 1 if aged else case.urgency.rank

    if level(one) != level(other):
        return level(one) > level(other)
    return (one.waiting_since, one.id) < (other.waiting_since, other.id)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(list(Urgency)), MINUTES), max_size=12), MINUTES)
def test_no_higher_case_waits_behind_a_lower_one(drawn: list[tuple[Urgency, int]], after: int) -> None:
    cases = [a_case(number, urgency, minutes) for number, (urgency, minutes) in enumerate(drawn)]
    now = START + timedelta(minutes=after + 60 * 6)

    async def check() -> None:
        with TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder)}/h.db"
            await migrate(url)
            store = await open_store(url, CIPHER)
            try:
                await store.transact(lambda ledger: [ledger.cases.add(case) for case in cases])
                queue = await store.read(lambda ledger: ledger.cases.waiting(now))
                ahead = await store.read(lambda ledger: [ledger.cases.ahead(case, now) for case in queue])
            finally:
                await store.close()
        assert len(queue) == len(cases)
        for place, case in enumerate(queue):
            assert all(comes_before(case, later, now) for later in queue[place + 1 :])
        assert ahead == list(range(len(queue)))
        ranks = [case.urgency for case in queue]
        assert Urgency.EMERGENCY not in ranks[ranks.count(Urgency.EMERGENCY) :]

    asyncio.run(check())


async def test_nobody_starves_under_a_stream_of_urgent_cases(store: Store) -> None:
    await store.transact(lambda ledger: ledger.cases.add(a_case(0)))
    for number in range(1, 40):
        case = a_case(number, Urgency.URGENT, minutes=number * 5)
        await store.transact(lambda ledger, case=case: ledger.cases.add(case))
    before, after = START + timedelta(minutes=119), START + timedelta(minutes=120)
    first = await store.read(lambda ledger: ledger.cases.waiting(before)[0])
    assert first.urgency is Urgency.URGENT
    first = await store.read(lambda ledger: ledger.cases.waiting(after)[0])
    assert first.urgency is Urgency.NORMAL
    await store.transact(lambda ledger: ledger.cases.add(a_case(99, Urgency.EMERGENCY, minutes=121)))
    first = await store.read(lambda ledger: ledger.cases.waiting(after + timedelta(minutes=2))[0])
    assert first.urgency is Urgency.EMERGENCY


async def test_a_conversation_has_one_open_case(store: Store) -> None:
    case = a_case(1)
    assert await store.transact(lambda ledger: ledger.cases.add(case))
    second = replace(a_case(2), conversation=case.conversation)
    assert not await store.transact(lambda ledger: ledger.cases.add(second))
    states = (CaseState.WAITING,)
    closed = await store.transact(
        lambda ledger: ledger.cases.change(case.id, states, state=CaseState.CLOSED, closed=START, outcome="x")
    )
    assert closed
    assert await store.transact(lambda ledger: ledger.cases.add(second))
    found = await store.read(lambda ledger: ledger.cases.open_of(case.conversation))
    assert found
    assert found.id == second.id


async def test_the_queue_by_language(store: Store) -> None:
    for number, language in enumerate(("ru", "uz", "tg", "uz")):
        case = a_case(number, minutes=number, language=language)
        await store.transact(lambda ledger, case=case: ledger.cases.add(case))
    queue = await store.read(lambda ledger: ledger.cases.waiting(START, ("uz", "kk")))
    assert [int(case.id, 16) for case in queue] == [1, 3]
