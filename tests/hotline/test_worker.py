"""From a message taken in to its answer, on both databases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.dialogue.effect import Erase, Feedback, Missed, Note, OpenCase, Rate
from bot.dialogue.message import Kind
from bot.dialogue.reply import Reply
from bot.dialogue.session import Mode, Session
from bot.hotline import cases
from bot.hotline.ledger import FloodLimit
from bot.hotline.ports import Outcome, Store
from bot.hotline.records import CaseState, Direction, Status
from bot.hotline.worker import WorkerOptions
from bot.matching.match import DangerSignal, Urgency
from tests.builders.delivery import START, Echo, House, envelope

DANGER = OpenCase(
    Urgency.EMERGENCY, "danger", "held", (DangerSignal("documents_taken", "took my passport", "held", 1.0),)
)


async def test_messages_are_answered_once_and_in_order(store: Store) -> None:
    house = House(store)
    callers = [f"c{number}" for number in range(5)]
    await asyncio.gather(*(house.hear(*(str(n) for n in range(6)), sender=caller) for caller in callers))
    await house.quiet()
    for caller in callers:
        assert house.channel.to(caller) == [f"re {n}" for n in range(6)]
        conversation = await house.conversation(caller)
        assert conversation.session.misses == 6
        assert conversation.language == "ru"
    lines = await house.lines("c0")
    assert [line.direction for line in lines] == [Direction.IN, Direction.OUT] * 6
    assert lines[0].understood["intent"] == "echo"
    assert {line.status for line in lines if line.direction is Direction.OUT} == {Status.SENT}
    assert all(line.references for line in lines)


async def test_duplicates_are_answered_once(store: Store) -> None:
    house = House(store)
    twice = envelope("hi", external_id="42")
    await house.inbox.receive([twice, envelope("there"), twice])
    await house.inbox.receive([twice])
    await house.quiet()
    assert house.channel.to("caller") == ["re hi", "re there"]
    assert house.metrics.duplicates.labels("fake")._value.get() == 2


async def test_two_workers_never_overlap_in_a_conversation(store: Store) -> None:
    first, second = House(store), House(store)
    second.channel.sent = first.channel.sent  # one platform
    for number in range(20):
        await first.hear(str(number), sender=f"c{number % 3}")
    await asyncio.gather(first.quiet(), second.quiet())
    for caller in range(3):
        assert first.channel.to(f"c{caller}") == [f"re {n}" for n in range(20) if n % 3 == caller]


async def test_a_message_that_the_bot_fails_on_becomes_a_dead_letter_and_a_case(sqlite_store: Store) -> None:
    house = House(sqlite_store, worker=WorkerOptions(poll=0.01, backoff=0.01))
    await house.hear("before", "fail here", "after")
    await house.quiet()
    assert house.channel.to("caller") == ["re before", "poison", "re after"]
    (letter,) = await sqlite_store.read(lambda ledger: ledger.letters.dead())
    assert (letter.direction, letter.attempts, letter.error) == ("in", 3, "ValueError")
    conversation = await house.conversation()
    case = await sqlite_store.read(lambda ledger: ledger.cases.open_of(conversation.id))
    assert case
    assert case.reason == "failed"
    house.worker._respond = Echo({})  # mended
    revived = await sqlite_store.transact(lambda ledger: ledger.letters.revive("in", letter.id, house.clock.now()))
    assert revived
    assert not await sqlite_store.transact(lambda ledger: ledger.letters.revive("in", letter.id, START))


async def test_a_message_over_which_workers_die_becomes_a_dead_letter(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    await house.hear("killer")
    for number in range(11):
        await sqlite_store.transact(
            lambda ledger, n=number: ledger.lanes.claim("in", f"dead{n}", house.clock.now(), 1, 9)
        )
        await sqlite_store.transact(lambda ledger: ledger.lanes.free("dead"))
    await house.quiet()
    assert house.channel.to("caller") == ["poison"]


async def test_messages_that_were_only_near_a_dying_worker_are_answered(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    for caller in range(12):
        await house.hear("innocent", sender=f"c{caller}")
    for number in range(4):
        later = house.clock.now()
        await sqlite_store.transact(lambda ledger, n=number, at=later: ledger.lanes.claim("in", f"dead{n}", at, 1, 99))
        await sqlite_store.transact(lambda ledger: ledger.lanes.free("dead"))
    alone: list[int] = []
    decide, running = house.worker._decide, 0

    async def watched(item, now):  # type: ignore[no-untyped-def]
        nonlocal running
        running += 1
        alone.append(running)
        try:
            return await decide(item, now)
        finally:
            running -= 1

    house.worker._decide = watched  # type: ignore[method-assign]
    await house.quiet()
    assert sorted(house.channel.sent) == sorted((f"c{caller}", "re innocent") for caller in range(12))
    assert alone == [1] * 12  # so a killer among them would have died alone


async def test_effects_are_carried_out(sqlite_store: Store) -> None:
    effects = {
        "danger": (DANGER,),
        "nobody understands +7 701 555 44 33": (Missed("fallback", ("a", "b")),),
        "helped": (Feedback("unpaid_wages", True),),
        "time": (Note("safe_time", "evening"),),
        "rate": (Rate(True),),
    }
    house = House(sqlite_store, bot=Echo(effects))
    await house.hear("danger", "nobody understands +7 701 555 44 33", "helped", "time", "rate")
    await house.quiet()
    conversation = await house.conversation()
    case = await sqlite_store.read(lambda ledger: ledger.cases.open_of(conversation.id))
    assert case
    assert (case.state, case.urgency, case.intent, case.useful) == (CaseState.WAITING, Urgency.EMERGENCY, "held", True)
    assert case.signals[0]["phrase"] == "took my passport"
    (missed,) = await sqlite_store.read(lambda ledger: ledger.findings.missed())
    assert (missed.text, missed.candidates) == ("nobody understands [number]", ("a", "b"))
    assert await sqlite_store.read(lambda ledger: ledger.findings.feedback(START)) == {"unpaid_wages": (1, 0)}
    assert await sqlite_store.read(lambda ledger: ledger.conversations.notes(conversation.id)) == {
        "safe_time": "evening"
    }
    day = house.clock.now().date().isoformat()
    counted = await sqlite_store.read(lambda ledger: ledger.findings.tallies(day, day))
    assert sum(tally.count for tally in counted) == 5
    assert {tally.urgency for tally in counted} == {"normal", "emergency"}
    assert (await house.conversation()).session.case == "waiting"


async def test_the_bot_is_mute_while_an_operator_speaks(sqlite_store: Store) -> None:
    class Leaving(Echo):
        def __call__(self, session: Session, message, context):  # type: ignore[no-untyped-def]
            outcome = super().__call__(session, message, context)
            if message.text == "delete?":
                turn = outcome.turn
                return Outcome(type(turn)(turn.session.change(mode=Mode.ERASING), (Reply("sure?"),)))
            return outcome

    bot = Leaving({"danger": (DANGER,), "please": (OpenCase(Urgency.NORMAL, "asked"),)})
    house = House(sqlite_store, bot=bot)
    await house.hear("please")
    await house.quiet()
    conversation = await house.conversation()
    case = await sqlite_store.read(lambda ledger: ledger.cases.open_of(conversation.id))
    assert case
    assert await sqlite_store.transact(lambda ledger: cases.take(ledger, case.id, "anna", START))
    mark = sqlite_store.mark(f"case:{case.id}")
    await house.hear("hello operator", "danger", "delete?")
    await house.quiet()
    assert house.channel.to("caller") == ["re please", "sure?"]
    assert bot.sessions[1].case == "operator"
    assert await sqlite_store.wait(f"case:{case.id}", 0, mark)
    raised = await sqlite_store.read(lambda ledger: ledger.cases.get(case.id))
    assert raised
    assert (raised.urgency, raised.operator) == (Urgency.EMERGENCY, "anna")
    await sqlite_store.transact(lambda ledger: cases.close(ledger, case.id, "helped", "anna", START))
    await house.hear("back")
    await house.quiet()
    assert house.channel.to("caller")[-1] == "re back"
    assert bot.sessions[-1].case == "closed"


async def test_a_backlog_is_answered_with_one_apology(sqlite_store: Store) -> None:
    bot = Echo({"danger": (DANGER,)})
    house = House(sqlite_store, bot=bot)
    old = house.clock.now() - timedelta(hours=2)
    await house.hear("one", "two", "danger", "three", at=old)
    await house.hear("now")
    await house.quiet()
    assert house.channel.to("caller") == ["re one", "re danger", "re now"]
    assert [context.backlog for context in bot.contexts] == [True] * 4 + [False]
    assert len([line for line in await house.lines() if line.direction is Direction.IN]) == 5


async def test_a_flood_is_recorded_and_answered_with_one_word_but_danger_is_heard(sqlite_store: Store) -> None:
    house = House(
        sqlite_store,
        bot=Echo({"danger": (DANGER,)}),
        flood=FloodLimit(3, 60),
        priority=lambda message: 2 if message.text == "danger" else 0,
    )
    await house.hear(*"abcdef", "danger")
    await house.hear("calm", sender="other")
    await house.quiet()
    assert house.channel.to("caller") == ["re a", "re b", "re c", "flood", "re danger"]
    assert house.channel.to("other") == ["re calm"]
    assert len([line for line in await house.lines() if line.direction is Direction.IN]) == 7


async def test_emergencies_overtake(sqlite_store: Store) -> None:
    house = House(sqlite_store, priority=lambda message: 2 if message.text == "danger" else 0)
    house.worker._options = WorkerOptions(concurrency=1, poll=0.01)
    for number in range(10):
        await house.hear("calm", sender=f"c{number}")
    await house.hear("danger", sender="held")
    await house.quiet()
    assert house.channel.sent[0] == ("held", "re danger")


async def test_one_caller_cannot_keep_others_waiting(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    house.worker._options = WorkerOptions(concurrency=1, poll=0.01, burst=2)
    await house.hear(*(str(number) for number in range(20)), sender="many")
    await house.hear("one", sender="few")
    order: list[str] = []
    house.bot.sessions = order  # type: ignore[attr-defined]
    await house.quiet()
    answered = [address for address, _ in house.channel.sent]
    assert answered.index("few") <= 6


async def test_a_caller_who_left_gets_nothing_more_until_they_write(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    await house.hear("hi")
    await house.inbox.receive([envelope("", kind=Kind.LEFT, at=house.clock.now())])
    await house.quiet()
    assert (await house.conversation()).unreachable is not None
    assert house.channel.to("caller") in (["re hi"], [])
    await house.hear("again")
    await house.quiet()
    assert (await house.conversation()).unreachable is None
    assert house.channel.to("caller")[-1] == "re again"


async def test_quick_exit_deletes_what_was_said_and_leaves_a_neutral_line(sqlite_store: Store) -> None:
    house = House(sqlite_store, bot=Echo({"exit": (Erase("messages"),)}))
    await house.hear("secret")
    await house.quiet()
    await house.hear("exit")
    await house.quiet()
    ((address, references),) = house.channel.deleted
    assert address == "caller"
    assert len(references) == 3  # the caller's two and the bot's one, not the neutral line
    conversation = await house.conversation()
    shown = await sqlite_store.read(lambda ledger: ledger.lines.of(conversation.id, since=conversation.cleared))
    assert [line.text for line in shown] == ["re exit"]
    assert house.channel.to("caller")[-1] == "re exit"
    await house.hear("later")
    await house.quiet()
    assert len(house.channel.deleted) == 1


async def test_a_failure_that_is_not_the_bots_leaves_the_message(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(sqlite_store, worker=WorkerOptions(poll=0.01, lease=0.3))
    settle = type(house.worker._settler).settle
    failures = iter([True, False, False])

    def flaky(self, ledger, *args, **kwargs):  # type: ignore[no-untyped-def]
        if next(failures, False):
            raise RuntimeError
        return settle(self, ledger, *args, **kwargs)

    monkeypatch.setattr(type(house.worker._settler), "settle", flaky)
    await house.hear("hi")
    await house.quiet()
    assert house.channel.to("caller") == ["re hi"]


async def test_stopping_finishes_what_is_in_hand(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    await house.hear(*(str(n) for n in range(30)))
    stop = asyncio.Event()
    running = asyncio.create_task(house.worker.run(stop))
    await asyncio.sleep(0.05)
    stop.set()
    await running
    held = await sqlite_store.transact(lambda ledger: ledger.lanes.free(""))
    assert held == 0
    await house.quiet()
    assert house.channel.to("caller") == [f"re {n}" for n in range(30)]
