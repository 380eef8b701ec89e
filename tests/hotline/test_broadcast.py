"""News for many, over both databases: who gets it, when, in which words, and that nobody gets it twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.dialogue.effect import OpenCase, ShowNews, Subscribe
from bot.dialogue.reply import Reply
from bot.dialogue.session import Mode, Session
from bot.errors import ConflictError, ForbiddenError, RefusedError
from bot.hotline import cases
from bot.hotline.broadcast import BroadcastOptions, Newsroom, Shown
from bot.hotline.ledger import Ledger
from bot.hotline.newsletter import BroadcastState
from bot.hotline.outbox import SenderOptions
from bot.hotline.ports import Store
from bot.hotline.quiet import next_day_time
from bot.hotline.team import Role, Staff
from bot.matching.match import Urgency
from tests.builders.delivery import START, FakeChannel, FakeClock, House

_TEXTS = {"ru": "Новый закон", "uz": "Yangi qonun"}
_ALMATY = ZoneInfo("Asia/Almaty")


def person(name: str, *roles: Role) -> Staff:
    return Staff(name, name, frozenset(roles or {Role.SUPERVISOR}), (), "ru", START)


ANNA, BOLAT = person("anna"), person("bolat", Role.ADMIN)


class Post(House):
    """A house with a newsroom; the clock stands."""

    def __init__(self, store: Store, *, rate: float = 1000, channel: FakeChannel | None = None) -> None:
        super().__init__(store, channel=channel, clock=FakeClock())
        self.clock.stop()
        self.room = self.newsroom(rate)

    def newsroom(self, rate: float, **more: Any) -> Newsroom:
        channels = {self.channel.name: self.channel}
        return Newsroom(self.store, self.clock, channels, lambda phrase, language, **_: f"{language}: {phrase}", BroadcastOptions(rate, _ALMATY), **more)

    async def subscriber(self, name: str, language: str = "ru", stay: str = "KZ", **session: Any) -> str:
        """A caller who asked for news and has been silent for a day."""
        await self.hear("hello", sender=name, channel=self.channel.name)
        await self.quiet()
        found = (await self.conversation(name)).id
        state = Session(mode=Mode.OPEN, language=language, stay=stay, news="yes").change(**session)

        def work(ledger: Ledger) -> None:
            ledger.conversations.save(found, state, language, stay, None)
            ledger.office.broadcasts.subscribe(found, self.clock.now())

        await self.store.transact(work)
        return found

    async def publish(self, texts: Mapping[str, str] = _TEXTS, countries: tuple[str, ...] = ()) -> str:
        """Drafted by one, confirmed by another."""
        drafted = await self.room.draft(ANNA, "law", texts, countries)
        await self.room.confirm(drafted.id, BOLAT)
        return drafted.id

    async def look(self, broadcast: str) -> Shown:
        (shown,) = await self.room.look(broadcast)
        return shown

    def news(self, name: str) -> list[str]:
        return [text for text in self.channel.to(name) if "news for you" in text]


async def a_day_later(post: Post) -> None:
    """To noon in Almaty of the next day."""
    post.clock.move(hours=19)
    post.channel.sent.clear()


async def test_only_who_asked_for_it_and_only_a_line_without_subject(store: Store) -> None:
    post = Post(store)
    await post.subscriber("aziz", "uz")
    await post.hear("hello", sender="stranger")
    await post.quiet()
    await a_day_later(post)
    broadcast = await post.publish()
    await post.room.feed()
    await post.quiet()
    assert post.channel.sent == [("aziz", "uz: There is news for you. Shall I show it?")]
    shown = await post.look(broadcast)
    assert (shown.broadcast.state, shown.crowd.total, shown.crowd.handed_over) == (BroadcastState.DONE, 1, 1)
    assert (await post.conversation("aziz")).session.offered == (f"show:{broadcast}:yes", f"show:{broadcast}:no")


async def test_after_the_tap_the_text_comes_in_the_callers_language(store: Store) -> None:
    post = Post(store)
    await post.subscriber("aziz", "uz_Cyrl")
    await a_day_later(post)
    broadcast = await post.publish()
    await post.room.feed()
    post.bot.effects["show"] = (ShowNews(broadcast, "uz_Cyrl", Reply("over")),)  # type: ignore[attr-defined]
    await post.hear("show", sender="aziz")
    await post.quiet()
    assert "Янги қонун" in post.channel.to("aziz")
    assert (await post.look(broadcast)).crowd.shown == 1


async def test_languages_without_a_text_and_other_countries_are_left_out(store: Store) -> None:
    post = Post(store)
    for name, language, stay in (("a", "ru", "RU"), ("b", "kk", "RU"), ("c", "ru", "KZ"), ("d", "", "RU")):
        await post.subscriber(name, language, stay)
    post.clock.move(days=1, hours=-3)  # 9 UTC: day from Moscow to Vladivostok
    post.channel.sent.clear()
    drafted = await post.room.draft(ANNA, "law", {"ru": "Закон"}, ("RU",))
    assert sum((await post.look(drafted.id)).audience.values()) == 2
    await post.room.confirm(drafted.id, BOLAT)
    await post.room.feed()
    await post.quiet()
    assert {name for name, _ in post.channel.sent} == {"a", "d"}


async def test_nobody_confirms_their_own_and_only_supervisors_and_admins_may(store: Store) -> None:
    post = Post(store)
    drafted = await post.room.draft(ANNA, "law", _TEXTS, ())
    with pytest.raises(ForbiddenError):
        await post.room.confirm(drafted.id, ANNA)
    with pytest.raises(ForbiddenError):
        await post.room.confirm(drafted.id, person("op", Role.OPERATOR, Role.EDITOR))
    with pytest.raises(RefusedError):
        await post.room.draft(ANNA, "empty", {"ru": " "}, ())
    await post.room.confirm(drafted.id, BOLAT)
    with pytest.raises(ConflictError):
        await post.room.confirm(drafted.id, BOLAT)
    shown = await post.look(drafted.id[:6])
    assert (shown.broadcast.author, shown.broadcast.confirmed_by) == ("anna", "bolat")


_AWAY = {
    "left": {"news": "no"}, "exited": {"mode": Mode.EXITED}, "unsafe": {"danger": "urgent"},
}  # fmt: skip


@pytest.mark.parametrize(("reason", "session"), _AWAY.items(), ids=list(_AWAY))
async def test_who_left_or_was_in_danger_is_not_written_to(store: Store, reason: str, session: dict[str, Any]) -> None:
    post = Post(store)
    await post.subscriber("x", **session)
    await a_day_later(post)
    broadcast = await post.publish()
    await post.room.feed()
    await post.quiet()
    assert post.channel.sent == []
    assert (await post.look(broadcast)).crowd.skipped == {reason: 1}


async def test_open_cases_danger_cases_and_unsafe_phones_are_left_out(store: Store) -> None:
    post = Post(store)
    waiting, saved, watched = [await post.subscriber(name) for name in ("waiting", "saved", "watched")]

    def work(ledger: Ledger) -> None:
        for conversation, urgency in ((waiting, Urgency.NORMAL), (saved, Urgency.EMERGENCY)):
            known = ledger.conversations.get(conversation)
            assert known is not None
            case = cases.open_case(ledger, known, OpenCase(urgency, "danger"), post.clock.now())
            if conversation == saved:
                cases.close(ledger, case.id, "answered", "anna", post.clock.now())
        ledger.conversations.put_note(watched, "safe_to_write", "no", post.clock.now())

    await store.transact(work)
    await a_day_later(post)
    broadcast = await post.publish()
    await post.room.feed()
    await post.quiet()
    assert post.channel.sent == []
    assert (await post.look(broadcast)).crowd.skipped == {"case": 1, "unsafe": 2}


async def test_stop_takes_the_caller_out_of_what_is_planned(store: Store) -> None:
    post = Post(store, rate=0.5)  # no room: everything stays planned
    conversation = await post.subscriber("aziz")
    await a_day_later(post)
    broadcast = await post.publish()
    await post.room.feed()
    post.bot.effects["stop"] = (Subscribe(False),)  # type: ignore[attr-defined]
    await post.hear("stop", sender="aziz")
    await post.quiet()
    assert (await post.look(broadcast)).crowd.skipped == {"left": 1}
    assert not await store.read(lambda ledger: ledger.office.broadcasts.is_subscribed(conversation))


async def test_nothing_is_sent_at_night_and_everything_in_the_morning(store: Store) -> None:
    post = Post(store)
    await post.subscriber("aziz", stay="KZ")
    post.clock.move(hours=9, minutes=30)  # 21:30 UTC, half past two at night in Almaty
    post.channel.sent.clear()
    broadcast = await post.publish()
    await post.room.feed()
    await post.quiet()
    assert post.channel.sent == []
    assert (await post.look(broadcast)).crowd.waiting == 1
    post.clock.move(hours=6, minutes=31)  # 4:01 UTC, past nine in Almaty
    await post.room.feed()
    await post.quiet()
    assert len(post.news("aziz")) == 1


def test_day_is_where_the_caller_is() -> None:
    def at(hour: int) -> datetime:
        return datetime(2026, 11, 24, hour, tzinfo=UTC)

    assert next_day_time(at(10), "TJ", _ALMATY) == at(10)  # 15 h in Dushanbe
    assert next_day_time(at(2), "TJ", _ALMATY) == at(4)  # 7 h: at nine
    assert next_day_time(at(16), "KR", _ALMATY) == datetime(2026, 11, 25, 0, tzinfo=UTC)
    assert next_day_time(at(5), "RU", _ALMATY) == at(6)  # 8 h in Moscow, 15 h in Vladivostok
    assert next_day_time(at(12), "RU", _ALMATY) == datetime(2026, 11, 25, 6, tzinfo=UTC)  # 22 h in Vladivostok
    assert next_day_time(at(3), "", _ALMATY) == at(4)  # unknown: the desk's zone


async def test_a_talk_that_goes_on_is_not_disturbed(store: Store) -> None:
    post = Post(store)
    await post.subscriber("aziz")
    post.clock.move(hours=-2)  # 10 UTC
    await post.hear("hello", sender="aziz")
    await post.quiet()
    post.channel.sent.clear()
    await post.publish()
    await post.room.feed()
    await post.quiet()
    assert post.channel.sent == []
    post.clock.move(hours=2)
    await post.room.feed()
    await post.quiet()
    assert len(post.news("aziz")) == 1


async def test_an_answer_goes_before_all_news(store: Store) -> None:
    post = Post(store)
    names = [f"s{n}" for n in range(8)]
    for name in [*names, "asks"]:
        await post.subscriber(name)
    await a_day_later(post)
    await post.publish()
    await post.room.feed()
    post.sender._options = SenderOptions(concurrency=1, poll=0.02)
    await post.hear("question", sender="newcomer")
    stop = asyncio.Event()
    working = asyncio.create_task(post.worker.run(stop))
    await post.answered()
    stop.set()
    await working
    await post.quiet()
    assert post.channel.sent[0] == ("newcomer", "re question")
    assert len(post.channel.sent) == 10


async def test_the_rate_bounds_what_waits_in_the_outbox(store: Store) -> None:
    post = Post(store, rate=3)
    for name in "abcdefgh":
        await post.subscriber(name)
    await a_day_later(post)
    broadcast = await post.publish()
    for _ in range(4):
        await post.room.feed()
    assert (await post.look(broadcast)).crowd.handed_over == 3
    await post.quiet()
    await post.room.feed()
    assert (await post.look(broadcast)).crowd.handed_over == 6


async def test_paused_goes_on_and_stopped_does_not(store: Store) -> None:
    post = Post(store)
    await post.subscriber("aziz")
    await a_day_later(post)
    broadcast = await post.publish()
    await post.room.pause(broadcast, ANNA)
    await post.room.feed()
    assert (await post.look(broadcast)).crowd.handed_over == 0
    await post.room.confirm(broadcast, ANNA)
    await post.room.feed()
    await post.quiet()
    assert len(post.news("aziz")) == 1
    again = await post.publish()
    await post.room.cancel(again, ANNA)
    await post.room.feed()
    await post.quiet()
    assert len(post.news("aziz")) == 1
    assert (await post.look(again)).broadcast.state is BroadcastState.CANCELLED


class _DiedError(Exception):
    pass


async def test_a_process_that_dies_at_any_step_goes_on_where_it_was(store: Store) -> None:
    post = Post(store)
    names = [f"s{n}" for n in range(45)]
    for name in names:
        await post.subscriber(name)
    await a_day_later(post)
    broadcast = await post.publish()

    def die(_step: str) -> None:
        raise _DiedError

    for _ in range(10):  # each dies after its first committed step
        try:
            await post.newsroom(1000, reached=die).feed()
        except _DiedError:
            continue
    await post.quiet()
    assert [len(post.news(name)) for name in names] == [1] * 45
    assert (await post.look(broadcast)).broadcast.state is BroadcastState.DONE


async def test_a_send_that_a_crash_cut_off_is_not_repeated_but_kept_for_a_person(store: Store) -> None:
    post = Post(store)
    conversation = await post.subscriber("aziz")
    await a_day_later(post)
    await post.publish()
    await post.room.feed()
    now = post.clock.now()

    def begin(ledger: Ledger) -> None:  # as a process that dies in the middle of a send
        ledger.lanes.claim("out:fake", "dead:1", now, 10, 1)
        ledger.outbox.take([conversation])

    await store.transact(begin)
    post.clock.move(seconds=11)
    await post.quiet()
    assert post.channel.sent == []
    (letter,) = await store.read(lambda ledger: ledger.letters.dead())
    assert letter.error == "Unsure"


async def test_whatsapp_outside_its_window_needs_a_template(store: Store) -> None:
    class WhatsApp(FakeChannel):
        def knock(self, language: str) -> Mapping[str, Any] | None:
            return {"text": "template"} if language == "ru" else None

    post = Post(store, channel=WhatsApp(name="whatsapp"))
    for name, language in (("aziz", "uz"), ("boris", "ru")):
        await post.subscriber(name, language)
    post.channel.sent.clear()
    post.clock.move(hours=44)
    broadcast = await post.publish()
    await post.room.feed()
    await post.quiet()
    assert post.channel.sent == [("boris", "template")]
    assert (await post.look(broadcast)).crowd.skipped == {"window": 1}


async def test_a_subscription_keeps_the_conversation_for_a_year(store: Store) -> None:
    from bot.hotline.retention import Retention, purge

    post = Post(store)
    await post.subscriber("aziz")
    post.clock.move(days=40)
    await purge(store, post.clock, Retention())
    assert (await post.conversation("aziz")).session.news == "yes"
    assert await post.lines("aziz") == []
    post.clock.move(days=330)
    await purge(store, post.clock, Retention())
    assert await store.read(lambda ledger: ledger.conversations.find("fake", "aziz")) is None
