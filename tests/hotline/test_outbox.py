"""Delivering: order, rates, failures."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from bot.dialogue.effect import OpenCase
from bot.dialogue.reply import Reply
from bot.errors import GaveUpError, StoreAwayError, TryLaterError, UnreachableError
from bot.hotline.outbox import Sender, SenderOptions, enqueue
from bot.hotline.ports import Rates, Store
from bot.hotline.records import Direction, Status, StatusUpdate
from bot.matching.match import Urgency
from tests.builders.delivery import Echo, FakeChannel, House


class Trouble:
    """Raises what it is told, in order, then nothing."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self, address: str, text: str) -> None:  # noqa: ARG002 - the protocol's
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)


FAST = SenderOptions(poll=0.01, backoff=0.01, longest=0.02)


async def test_a_send_that_fails_for_now_is_repeated_in_order(store: Store) -> None:
    trouble = Trouble(TryLaterError(), ValueError("garbage"), TimeoutError(), TryLaterError())
    house = House(store, channel=FakeChannel(trouble=trouble), sender=FAST)
    await house.hear("a|b", "c")
    await house.quiet()
    assert house.channel.to("caller") == ["re a", "b", "re c"]
    assert trouble.tries == 7


async def test_429_pauses_the_whole_channel_for_the_time_it_names(store: Store) -> None:
    trouble = Trouble(TryLaterError(after=0.5))
    house = House(store, channel=FakeChannel(trouble=trouble), sender=FAST)
    await house.hear("first", sender="a")
    began = time.monotonic()
    await house.quiet(until=lambda: trouble.tries == 1)
    for caller in "bcd":
        await house.hear("more", sender=caller)
    await house.quiet()
    assert len(house.channel.sent) == 4
    assert min(house.channel.times) - began >= 0.45


async def test_no_conversation_and_no_channel_is_sent_to_faster_than_allowed(store: Store) -> None:
    house = House(store, channel=FakeChannel(rates=Rates(gap=0.25, overall=20)), sender=FAST)
    for number in range(6):
        await house.hear("a|b|c", sender=f"c{number}")
    await house.quiet()
    assert len(house.channel.sent) == 18
    for number in range(6):
        pairs = zip(house.channel.sent, house.channel.times, strict=True)
        times = [at for (address, _), at in pairs if address == f"c{number}"]
        assert [b - a >= 0.24 for a, b in itertools.pairwise(times)] == [True, True]
    times = house.channel.times
    assert all(sum(1 for t in times if start <= t < start + 1) <= 21 for start in times)


async def test_two_senders_share_one_budget_and_never_send_twice(store: Store) -> None:
    first, second = (
        House(store, channel=FakeChannel(rates=Rates(gap=0.05, overall=60)), sender=FAST) for _ in range(2)
    )
    second.channel.sent, second.channel.times = first.channel.sent, first.channel.times
    for number in range(10):
        await first.hear("a|b|c", sender=f"c{number}")
    await asyncio.gather(first.quiet(), second.quiet())
    for number in range(10):
        assert first.channel.to(f"c{number}") == ["re a", "b", "c"]
    times = first.channel.times
    assert all(sum(1 for t in times if start <= t < start + 0.5) <= 40 for start in times)


async def test_a_slow_lane_is_left_before_its_lease_ends(store: Store) -> None:
    options = SenderOptions(poll=0.01, lease=0.6, timeout=0.25)
    first, second = (House(store, channel=FakeChannel(pause=0.1), sender=options) for _ in range(2))
    second.channel.sent = first.channel.sent
    await first.hear("|".join(str(n) for n in range(15)))
    await asyncio.gather(first.quiet(), second.quiet())
    assert first.channel.to("caller") == ["re 0", *(str(n) for n in range(1, 15))]


async def test_what_the_platform_refuses_is_a_dead_letter_and_the_next_goes_on(sqlite_store: Store) -> None:
    house = House(sqlite_store, channel=FakeChannel(trouble=Trouble(GaveUpError())), sender=FAST)
    await house.hear("bad", "good")
    await house.quiet()
    assert house.channel.to("caller") == ["re good"]
    (letter,) = await sqlite_store.read(lambda ledger: ledger.letters.dead())
    assert (letter.direction, letter.error) == ("out", "GaveUpError")
    failed = [line for line in await house.lines() if line.status is Status.FAILED]
    assert [line.text for line in failed] == ["re bad"]
    assert await sqlite_store.transact(lambda ledger: ledger.letters.revive("out", letter.id, house.clock.now()))
    await house.quiet()
    assert house.channel.to("caller") == ["re good", "re bad"]
    assert await sqlite_store.read(lambda ledger: ledger.letters.dead()) == []
    assert (await house.lines())[1].status is Status.FAILED  # never backwards, but a late "delivered" mends it
    reference = (await house.lines())[1].references[-1]
    await house.inbox.statuses([StatusUpdate("fake", reference, Status.DELIVERED)])
    assert (await house.lines())[1].status is Status.DELIVERED


async def test_after_too_many_tries_it_is_a_dead_letter(sqlite_store: Store) -> None:
    trouble = Trouble(*(TryLaterError() for _ in range(9)))
    options = SenderOptions(poll=0.01, backoff=0.001, longest=0.002, attempts=3)
    house = House(sqlite_store, channel=FakeChannel(trouble=trouble), sender=options)
    await house.hear("hi")
    await house.quiet()
    assert trouble.tries == 3
    assert len(await sqlite_store.read(lambda ledger: ledger.letters.dead())) == 1
    letter = (await sqlite_store.read(lambda ledger: ledger.letters.dead()))[0]
    assert await sqlite_store.transact(lambda ledger: ledger.letters.discard("out", letter.id))


async def test_a_caller_who_blocked_the_bot_is_left_alone_and_the_operator_sees_it(sqlite_store: Store) -> None:
    house = House(
        sqlite_store,
        bot=Echo({"person": (OpenCase(Urgency.NORMAL, "asked"),)}),
        channel=FakeChannel(trouble=Trouble(UnreachableError())),
        sender=FAST,
    )
    await house.hear("person", "b", "c")
    stop = asyncio.Event()
    worker = asyncio.create_task(house.worker.run(stop))
    await house.answered()
    stop.set()
    await worker
    await house.quiet()
    assert house.channel.sent == []
    conversation = await house.conversation()
    assert conversation.unreachable
    case = await sqlite_store.read(lambda ledger: ledger.cases.open_of(conversation.id))
    assert case
    events = await sqlite_store.read(lambda ledger: ledger.cases.events(case.id))
    assert [event.kind for event in events] == ["opened", "unreachable"]


async def test_an_operators_message_goes_out_once(sqlite_store: Store) -> None:
    house = House(sqlite_store)
    await house.hear("hi")
    await house.quiet()
    conversation = await house.conversation()

    def speak() -> object:
        return sqlite_store.transact(
            lambda ledger: enqueue(
                ledger,
                house.channel,
                conversation,
                Reply("good day"),
                house.clock.now(),
                direction=Direction.OPERATOR,
                author="anna",
                client_id="click",
            )
        )

    lines = [await speak(), await speak()]  # type: ignore[misc]
    assert lines[1] is None
    await house.quiet()
    assert house.channel.to("caller") == ["re hi", "good day"]


async def test_a_database_that_restarts_after_a_send_does_not_repeat_it(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(sqlite_store, sender=SenderOptions(poll=0.01, lease=0.4, timeout=0.1))
    record = Sender._patiently
    away = iter([True, True])

    async def fails(self, work):  # type: ignore[no-untyped-def]
        if next(away, False):
            raise StoreAwayError
        return await record(self, work)

    monkeypatch.setattr(Sender, "_patiently", fails)
    await house.hear("hi")
    await house.quiet()
    assert house.channel.to("caller") == ["re hi"]
