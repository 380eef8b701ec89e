"""What may become of a case."""

from __future__ import annotations

from datetime import timedelta

from bot.dialogue.effect import OpenCase
from bot.hotline import cases
from bot.hotline.ports import Store
from bot.hotline.records import CaseState
from bot.matching.match import DangerSignal, Urgency
from tests.builders.delivery import START, House

ASKED = OpenCase(Urgency.NORMAL, "asked")


async def test_a_cases_life(store: Store) -> None:
    house = House(store)
    await house.hear("hi")
    await house.quiet()
    conversation = await house.conversation()
    case = await store.transact(lambda ledger: cases.open_case(ledger, conversation, ASKED, START))
    signal = DangerSignal("beaten", "he beats me", "violence", 1.0)
    danger = OpenCase(Urgency.EMERGENCY, "danger", "violence", (signal,))
    for effect in (danger, danger, ASKED):
        same = await store.transact(lambda ledger, e=effect: cases.open_case(ledger, conversation, e, START))
        assert (same.id, same.urgency, same.reason) == (case.id, Urgency.EMERGENCY, "danger")
    assert len(same.signals) == 1

    offered = await store.transact(lambda ledger: cases.offer_next(ledger, "anna", ("ru",), START, 60))
    assert offered
    assert (offered.id, offered.state) == (case.id, CaseState.OFFERED)
    assert await store.transact(lambda ledger: cases.offer_next(ledger, "boris", (), START)) is None
    assert not await store.transact(lambda ledger: cases.take(ledger, case.id, "boris", START))
    late = START + timedelta(seconds=61)
    expired = await store.transact(lambda ledger: cases.expire_offers(ledger, late))
    assert [one.operator for one in expired] == ["anna"]
    assert await store.transact(lambda ledger: cases.take(ledger, case.id, "boris", late))
    assert not await store.transact(lambda ledger: cases.take(ledger, case.id, "anna", late))
    assert await store.transact(lambda ledger: cases.fall_silent(ledger, case.id, late))
    silent = await store.read(lambda ledger: ledger.cases.get(case.id))
    assert silent
    await store.transact(lambda ledger: cases.speak_again(ledger, silent, late))
    assert await store.transact(lambda ledger: cases.transfer(ledger, case.id, "clara", "boris", late))
    (with_clara,) = await store.read(lambda ledger: ledger.cases.with_operator("clara"))
    assert with_clara.waiting_since == START
    assert await store.transact(lambda ledger: cases.give_back(ledger, case.id, "clara", late))
    assert await store.transact(lambda ledger: cases.set_urgency(ledger, case.id, Urgency.URGENT, "sara", late))
    assert await store.transact(lambda ledger: cases.close(ledger, case.id, "referred", "sara", late))
    assert not await store.transact(lambda ledger: cases.close(ledger, case.id, "again", "sara", late))
    events = await store.read(lambda ledger: ledger.cases.events(case.id))
    assert [event.kind for event in events] == (
        [
            "opened",
            "raised",
            "offered",
            "expired",
            "taken",
            "silent",
            "back",
            "transferred",
            "returned",
            "judged",
            "closed",
        ]
    )
    assert {event.who for event in events} == {"bot", "anna", "boris", "caller", "clara", "sara"}
    again = await store.transact(lambda ledger: cases.open_case(ledger, conversation, ASKED, late))
    assert again.id != case.id
