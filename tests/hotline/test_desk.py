"""What operators may do with cases, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import ConflictError, ForbiddenError, NotFoundError, OutsideWindowError, RefusedError
from bot.hotline.announcement import Announcer
from bot.hotline.desk import ENDED, JOINED
from bot.hotline.duty import LEFT, STILL_WAITING, Roster
from bot.hotline.ports import Store
from bot.hotline.records import CaseState
from bot.hotline.team import Duty, RemarkKind, Role
from bot.matching.match import Urgency
from tests.builders.delivery import envelope
from tests.builders.desk import DeskHouse, say


@pytest.fixture
def house(store: Store) -> DeskHouse:
    """On SQLite and on PostgreSQL."""
    return DeskHouse(store)


async def test_next_case_gives_the_most_urgent_and_tells_the_caller(house: DeskHouse) -> None:
    await house.ask("person", sender="first")
    await house.ask("danger", sender="second")
    operator = await house.staff("Dina")
    case = await house.desk.next_case(operator)
    assert case is not None
    assert case.urgency is Urgency.EMERGENCY
    assert case.state is CaseState.OPERATOR
    assert JOINED in (await house.told("second"))[-1]
    assert not any(JOINED in text for text in await house.told("first"))


async def test_only_cases_in_the_operators_languages(house: DeskHouse) -> None:
    await house.ask("person")  # Russian
    assert await house.desk.next_case(await house.staff("Tojik", languages=("tg",))) is None
    assert await house.desk.next_case(await house.staff("Rus", languages=("ru",))) is not None


async def test_two_operators_never_get_the_same_case(house: DeskHouse) -> None:
    for number in range(6):
        await house.ask("person", sender=f"caller-{number}")
    crew = [await house.staff(f"Op {number}") for number in range(3)]
    taken = await asyncio.gather(*(house.desk.next_case(person) for person in crew * 3))
    ids = [case.id for case in taken if case]
    assert len(ids) == len(set(ids)) == 6


async def test_a_limit_of_cases_with_room_for_one_emergency(house: DeskHouse) -> None:
    operator = await house.staff("Dina", limit=1)
    await house.ask("person", sender="first")
    await house.ask("person", sender="second")
    assert await house.desk.next_case(operator)
    with pytest.raises(ConflictError, match="limit"):
        await house.desk.next_case(operator)
    await house.ask("danger", sender="third")
    assert await house.desk.next_case(operator)
    with pytest.raises(ConflictError, match="limit"):
        await house.desk.next_case(operator)


async def test_nothing_is_given_off_duty_or_on_a_break(house: DeskHouse) -> None:
    await house.ask("person")
    operator = await house.staff("Dina", duty=False)
    with pytest.raises(ConflictError, match="shift"):
        await house.desk.next_case(operator)
    await house.roster.set_duty(operator, Duty.BREAK, 5)
    with pytest.raises(ConflictError, match="break"):
        await house.desk.next_case(operator)
    house.clock.move(minutes=6)
    await house.roster.beat(operator)  # the break is over by itself
    assert await house.desk.next_case(operator)


async def test_a_message_sent_twice_arrives_once(house: DeskHouse) -> None:
    operator = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(operator)
    await house.desk.keep_draft(case.id, operator, "hello th")
    first = await house.desk.say(case.id, operator, "hello there", "client-0001")
    again = await house.desk.say(case.id, operator, "hello there", "client-0001")
    assert first is not None
    assert again is None
    assert [text for text in await house.told() if text == "hello there"] == ["hello there"]
    assert (await house.desk.open(case.id, operator)).draft == ""


async def test_the_bot_is_mute_with_a_person_and_speaks_after_closing(house: DeskHouse) -> None:
    operator = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(operator)
    await house.house.hear("are you there")
    assert not any("are you there" in text for text in await house.told())
    await house.desk.close(case.id, operator, "answered", "done")
    told = await house.told()
    assert ENDED in told[-1]
    line = (await house.house.lines())[-1]
    assert [button["id"] for button in line.detail["buttons"]] == ["rate:yes", "rate:no"]
    await house.house.hear("and now")
    assert (await house.told())[-1] == "re and now"
    await house.house.hear("useful")
    await house.told()
    assert (await house.case(case.id)).useful is True


async def test_remarks_drafts_and_transfers_are_never_sent(house: DeskHouse) -> None:
    dina, aziz = await house.staff("Dina"), await house.staff("Aziz")
    boss = await house.staff("Boss", Role.SUPERVISOR)
    case = await house.ask("person")
    await house.desk.next_case(dina)
    secret = "SECRET remark"
    await house.desk.remark(case.id, dina, RemarkKind.NOTE, f"{secret} 1")
    await house.desk.remark(case.id, dina, RemarkKind.ASK, f"{secret} 2")
    await house.desk.remark(case.id, boss, RemarkKind.ADVICE, f"{secret} 3")
    await house.desk.keep_draft(case.id, dina, f"{secret} 4")
    before = await house.told()
    await house.desk.transfer(case.id, dina, aziz.id, f"{secret} 5")
    assert await house.told() == before  # no second greeting, no word of the handover
    talk = await house.desk.open(case.id, aziz)
    assert [remark.text[-1] for remark in talk.remarks] == ["1", "2", "3", "5"]
    assert not any(secret in line.text for line in await house.house.lines())
    with pytest.raises(ForbiddenError):
        await house.desk.remark(case.id, aziz, RemarkKind.ADVICE, "not a supervisor")


async def test_after_a_transfer_only_the_new_one_writes(house: DeskHouse) -> None:
    dina, aziz = await house.staff("Dina"), await house.staff("Aziz")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    await house.desk.transfer(case.id, dina, aziz.id, "")
    with pytest.raises(ConflictError, match="not with you"):
        await house.desk.say(case.id, dina, "still me", "client-0001")
    assert await house.desk.say(case.id, aziz, "now me", "client-0002")
    assert (await house.desk.open(case.id, dina)).case.operator == aziz.id  # still to read, as both saw it
    stranger = await house.staff("Stranger")
    with pytest.raises(ForbiddenError):
        await house.desk.open(case.id, stranger)


async def test_a_colleague_off_duty_gets_nothing(house: DeskHouse) -> None:
    dina, aziz = await house.staff("Dina"), await house.staff("Aziz", duty=False)
    case = await house.ask("person")
    await house.desk.next_case(dina)
    with pytest.raises(ConflictError, match="duty"):
        await house.desk.transfer(case.id, dina, aziz.id, "")


async def test_a_supervisor_assigns_a_waiting_case(house: DeskHouse) -> None:
    boss, dina = await house.staff("Boss", Role.SUPERVISOR), await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.transfer(case.id, boss, dina.id, "please")
    assert (await house.case(case.id)).operator == dina.id
    assert JOINED in (await house.told())[-1]


async def test_an_offered_emergency_returns_when_nobody_takes_it(house: DeskHouse) -> None:
    operator = await house.staff("Dina")
    case = await house.ask("danger")
    assert await house.desk.offer_emergency(operator)
    assert await house.state(case.id) is CaseState.OFFERED
    assert await house.desk.offer_emergency(operator) is None  # one at a time
    house.clock.move(seconds=61)
    await house.roster.beat(operator)
    await house.roster.sweep()
    assert await house.state(case.id) is CaseState.WAITING
    kinds = [event.kind for event in await house.read(lambda ledger: ledger.cases.events(case.id))]
    assert kinds == ["opened", "offered", "expired"]
    assert await house.desk.offer_emergency(operator) is None  # not the same one again at once
    other = await house.staff("Aziz")
    assert await house.desk.offer_emergency(other)
    with pytest.raises(ConflictError, match="over"):
        await house.desk.accept(case.id, operator)
    await house.desk.accept(case.id, other)
    assert await house.state(case.id) is CaseState.OPERATOR


async def test_a_declined_offer_goes_to_someone_else(house: DeskHouse) -> None:
    dina, aziz = await house.staff("Dina"), await house.staff("Aziz")
    case = await house.ask("danger")
    await house.desk.offer_emergency(dina)
    await house.desk.decline(case.id, dina)
    assert await house.desk.offer_emergency(dina) is None
    assert await house.desk.offer_emergency(aziz)


async def test_a_vanished_operator_gives_the_case_back_and_the_caller_is_told(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    waiting_since = (await house.case(case.id)).waiting_since
    house.clock.move(seconds=91)
    await house.roster.sweep()
    found = await house.case(case.id)
    assert found.state is CaseState.WAITING
    assert found.waiting_since == waiting_since  # keeps the place
    assert LEFT in (await house.told())[-1]
    presence = await house.read(lambda ledger: ledger.office.presences.get(dina.id))
    assert presence.duty is Duty.OFF


async def test_after_an_outage_consoles_get_their_time_to_come_back(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    house.clock.move(minutes=10)  # the service was down
    roster = Roster(house.store, house.clock, Announcer({}, say), house.options)
    await roster.sweep()
    assert await house.state(case.id) is CaseState.OPERATOR
    house.clock.move(seconds=91)
    await roster.sweep()
    assert await house.state(case.id) is CaseState.WAITING


async def test_a_heartbeat_keeps_the_case(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    for _ in range(4):
        house.clock.move(seconds=60)
        await house.roster.beat(dina, case.id)
        await house.roster.sweep()
    assert await house.state(case.id) is CaseState.OPERATOR


async def test_nobody_is_written_to_after_long_silence_without_a_decision(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    before = await house.told()
    house.clock.move(minutes=31)
    await house.roster.beat(dina)
    await house.roster.sweep()
    assert await house.state(case.id) is CaseState.SILENT
    with pytest.raises(ConflictError, match="safe"):
        await house.desk.say(case.id, dina, "hello?", "client-0001")
    await house.desk.give_back(case.id, dina, "")
    await house.desk.next_case(dina)
    await house.desk.close(case.id, dina, "no_reply")
    assert await house.told() == before  # neither giving back nor taking nor closing wrote first


async def test_a_confirmed_message_goes_out_after_silence(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    house.clock.move(minutes=31)
    assert await house.desk.say(case.id, dina, "is it safe?", "client-0001", confirmed=True)
    assert (await house.told())[-1] == "is it safe?"


async def test_a_silent_caller_who_writes_is_back(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    house.clock.move(minutes=31)
    await house.roster.beat(dina)
    await house.roster.sweep()
    await house.house.hear("here again")
    await house.told()
    assert await house.state(case.id) is CaseState.OPERATOR


async def test_who_waits_and_is_there_hears_the_place_once_in_a_while(house: DeskHouse) -> None:
    await house.ask("person", sender="first")
    await house.ask("person", sender="second")
    house.clock.move(minutes=6)
    await house.roster.sweep()
    await house.roster.sweep()
    told = [text for text in await house.told("second") if STILL_WAITING.split("{")[0] in text]
    assert len(told) == 1
    assert "1" in told[0]
    house.clock.move(minutes=30)
    await house.roster.sweep()
    assert len([text for text in await house.told("second") if STILL_WAITING.split("{")[0] in text]) == 1


async def test_erasing_takes_the_case_out_of_the_operators_hand(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    await house.desk.remark(case.id, dina, RemarkKind.NOTE, "a note")
    await house.desk.keep_draft(case.id, dina, "a draft")
    conversation = await house.house.conversation()
    await house.store.transact(lambda ledger: ledger.erase(conversation.id))
    with pytest.raises(NotFoundError, match="erased"):
        await house.desk.say(case.id, dina, "hello", "client-0001")
    assert await house.read(lambda ledger: ledger.office.remarks.of(conversation.id)) == []
    assert await house.read(lambda ledger: ledger.office.drafts.get(conversation.id, dina.id)) == ""
    assert await house.read(lambda ledger: ledger.office.drafts.looking(case.id, conversation.created)) == []


async def test_what_is_refused(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    editor = await house.staff("Ed", Role.EDITOR, duty=False)
    case = await house.ask("person")
    with pytest.raises(ConflictError):
        await house.desk.say(case.id, dina, "not mine yet", "client-0001")
    await house.desk.next_case(dina)
    for text in ("", "   ", "x" * 3501):
        with pytest.raises(RefusedError):
            await house.desk.say(case.id, dina, text, "client-0002")
    with pytest.raises(RefusedError):
        await house.desk.close(case.id, dina, "no such outcome")
    with pytest.raises(ForbiddenError):
        await house.desk.open(case.id, editor)
    with pytest.raises(ForbiddenError):
        await house.roster.set_duty(editor, Duty.ON)


async def test_every_opening_is_in_the_audit_log(house: DeskHouse) -> None:
    dina = await house.staff("Dina")
    case = await house.ask("person")
    await house.desk.next_case(dina)
    await house.desk.open(case.id, dina)
    await house.desk.open(case.id, dina)
    entries = await house.read(lambda ledger: ledger.office.audit.page(target=case.id[:8]))
    assert [entry.act for entry in entries] == ["case opened", "case opened"]
    assert await house.read(lambda ledger: ledger.office.audit.broken()) == ""


async def test_whatsapp_takes_nothing_after_24_hours(sqlite_store: Store) -> None:
    house = DeskHouse(sqlite_store, channel="whatsapp")
    await house.house.inbox.receive([envelope("person", channel="whatsapp", at=house.clock.now())])
    await house.house.quiet()
    dina = await house.staff("Dina")
    case = await house.desk.next_case(dina)
    assert case is not None
    house.clock.move(hours=23, minutes=59)
    assert await house.desk.say(case.id, dina, "in time", "client-0001", confirmed=True)
    house.clock.move(minutes=2)
    with pytest.raises(ConflictError, match="24 hours"):
        await house.desk.say(case.id, dina, "too late", "client-0002", confirmed=True)


async def test_after_24_hours_the_operator_sends_the_template_once_and_a_refusal_is_seen(sqlite_store: Store) -> None:
    house = DeskHouse(sqlite_store, channel="whatsapp")
    house.channel.knock = lambda language: {"text": f"template {language}"}  # type: ignore[attr-defined]
    await house.house.inbox.receive([envelope("person", channel="whatsapp", at=house.clock.now())])
    await house.house.quiet()
    operator = await house.staff("Dina")
    case = await house.desk.next_case(operator)
    assert case is not None
    house.clock.move(hours=25)
    with pytest.raises(ConflictError, match="Confirm"):
        await house.desk.knock(case.id, operator, "click-1")
    assert await house.desk.knock(case.id, operator, "click-1", confirmed=True)
    assert await house.desk.knock(case.id, operator, "click-1", confirmed=True) is None
    await house.house.quiet()
    assert house.channel.to("caller")[-1] == "template ru"

    def refuse(_address: str, _text: str) -> None:
        raise OutsideWindowError

    house.channel.trouble = refuse
    assert await house.desk.knock(case.id, operator, "click-2", confirmed=True)
    await house.house.quiet()
    events = await sqlite_store.read(lambda ledger: ledger.cases.events(case.id))
    (letter,) = await sqlite_store.read(lambda ledger: ledger.letters.dead())
    assert events[-1].kind == "window"
    assert letter.error == "OutsideWindowError"
