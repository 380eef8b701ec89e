"""The operators' Telegram group against a Bot API server: topics per case, both ways, and what operators may do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bot.channels.telegram import TelegramChannel
from bot.channels.telegram_desk import TelegramDesk
from bot.channels.telegram_mirror import Mirror
from bot.channels.telegram_post import Words
from bot.channels.telegram_topics import Budget, LaterError, Topics
from bot.console.parcel import prepared
from bot.dialogue.effect import Erase
from bot.dialogue.message import Kind, Media
from bot.hotline.announcement import Announcer
from bot.hotline.parcel import ParcelPost
from bot.hotline.ports import Store
from bot.hotline.records import CaseState, Move
from bot.hotline.team import Role, Staff
from bot.settings import TelegramSettings
from tests.builders.delivery import envelope
from tests.builders.desk import DeskHouse, say
from tests.fakes.telegram_server import TOKEN, TelegramServer
from tests.storage.stores import sqlite_store, sqlite_url

__all__ = ["sqlite_store", "sqlite_url"]

GROUP = -100_777
AIDA = 901  # an operator's Telegram account
STRANGER = 902
SECRET = "JBSWY3DPEHPK3PXP" * 2


class Room:
    """A group with a desk over a store, and callers behind it."""

    def __init__(self, telegram: TelegramServer, store: Store, budget: Budget) -> None:
        self.telegram = telegram
        self.behind = DeskHouse(store)
        config = TelegramSettings(token=SecretStr(TOKEN), api_url=telegram.url, desk_chat=GROUP)
        self.channel = TelegramChannel(config, lambda phrase, _: phrase, registry=CollectorRegistry())
        telegram.world.invite(GROUP, forum=True)
        self.desk = TelegramDesk(
            Topics(self.channel.client, GROUP, budget),
            store,
            self.behind.clock,
            desk=self.behind.desk,
            roster=self.behind.roster,
            announcer=Announcer({"fake": self.behind.channel}, say),
            post=ParcelPost(store, self.behind.clock, self.behind.desk),
            fetch=self.channel.media,
            prepare=prepared,
            words=Words(lambda phrase, _, **values: phrase.format(**values), lambda intent, _: intent, "ru"),
        )
        self.channel.serve_desk(self.desk)

    async def open(self) -> None:
        await self.channel.start(self.behind.house.inbox.receive)

    async def operator(self, name: str = "Aida", *roles: Role, account: int = AIDA) -> Staff:
        """An operator whose accounts are linked, on duty."""
        staff = await self.behind.staff(name, *roles, duty=False)
        await self.behind.store.transact(lambda ledger: ledger.office.staff.change(staff.id, totp=SECRET))
        await self.write(f"/link {name} {self.code()}", account)
        await self.until(lambda: any("/on" in text for text in self.general()))
        await self.write("/on", account)
        return staff

    def code(self) -> str:
        return pyotp.TOTP(SECRET).at(self.behind.clock.now())

    async def write(self, text: str, account: int = AIDA, thread: int = 0, **fields: Any) -> None:
        """Someone writes into the group, and it is taken."""
        self.telegram.world.group_say(GROUP, account, text, thread=thread, **fields)
        await self.until(lambda: not self.telegram.world.pending)

    def general(self) -> list[str]:
        return [sent["text"] for sent in self.telegram.world.sent if sent["chat"] == GROUP and not sent["thread"]]

    def topic(self, thread: int) -> str:
        """All that stands in a topic."""
        return "\n".join(sent["text"] for sent in self.telegram.world.sent if sent["thread"] == thread)

    @property
    def topics(self) -> dict[int, dict[str, Any]]:
        return self.telegram.world.chats[GROUP].topics

    async def thread(self, sender: str = "caller") -> int:
        """The topic of a caller's case, once it is there."""
        case = await self.behind.case_of(sender)
        assert case is not None
        async with asyncio.timeout(8):
            while not (thread := await self.desk.mirror.thread_of(case.id)) or not self.topic(thread):
                await asyncio.sleep(0.02)
        return thread

    async def until(self, condition: Callable[[], object], seconds: float = 8.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen in time"
            await asyncio.sleep(0.02)


@pytest.fixture
async def room(sqlite_store: Store) -> AsyncIterator[Room]:
    async with TelegramServer() as telegram:
        made = Room(telegram, sqlite_store, Budget(1000, 0))
        telegram.limits.group = 1000
        await made.open()
        yield made
        await made.channel.stop()
        await made.channel.close()


async def test_a_case_has_a_topic_with_what_was_said(room: Room) -> None:
    await room.behind.ask("hello", "urgent")
    thread = await room.thread()
    await room.until(lambda: "👤 urgent" in room.topic(thread))
    shown = room.topic(thread)
    assert "👤 hello" in shown
    assert "🤖 re hello" in shown
    assert "⚠ documents_taken (documents_taken)" in shown
    assert "caller" not in room.topics[thread]["name"]
    assert room.topics[thread]["name"].startswith("🟠")


async def test_an_emergency_is_called_out_once(room: Room) -> None:
    await room.behind.ask("danger")
    thread = await room.thread()
    await room.behind.ask("danger")
    await room.until(
        lambda: "danger was heard again" in room.topic(thread) or room.topic(thread).count("👤 danger") == 2
    )
    assert [text for text in room.general() if "🔴" in text] == [f"🔴 Emergency https://t.me/c/777/{thread}"]


async def test_both_ways(room: Room) -> None:
    staff = await room.operator()
    case = await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", thread=thread)
    assert await room.behind.state(case.id) is CaseState.OPERATOR
    await room.write("Здравствуйте", thread=thread)
    assert "Здравствуйте" in await room.behind.told()
    await room.behind.house.hear("спасибо")
    await room.behind.house.quiet()
    await room.until(lambda: "👤 спасибо" in room.topic(thread))
    assert "🎧" not in room.topic(thread)
    assert (await room.behind.case(case.id)).operator == staff.id
    assert len(room.telegram.world.reactions) >= 3


async def test_a_repeated_update_is_sent_once(room: Room) -> None:
    await room.operator()
    await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", thread=thread)
    update = room.telegram.world.group_say(GROUP, AIDA, "один раз", thread=thread)
    await room.until(lambda: not room.telegram.world.pending)
    room.telegram.world.repeat(update)
    await room.until(lambda: not room.telegram.world.again)
    await room.write("/note done", thread=thread)
    assert (await room.behind.told()).count("один раз") == 1


async def test_next_gives_the_most_urgent(room: Room) -> None:
    await room.operator()
    await room.behind.ask("person", sender="a")
    case = await room.behind.ask("danger", sender="b")
    thread = await room.thread("b")
    await room.write("/next")
    assert await room.behind.state(case.id) is CaseState.OPERATOR
    await room.until(lambda: any(f"/{thread}" in text and "Your case" in text for text in room.general()))


async def test_note_close_and_back(room: Room) -> None:
    await room.operator()
    case = await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", thread=thread)
    await room.write("/note проверить паспорт", thread=thread)
    remarks = await room.behind.read(lambda ledger: ledger.office.remarks.of(case.conversation))
    assert [remark.text for remark in remarks] == ["проверить паспорт"]
    await room.write("/close", thread=thread)
    await room.until(lambda: "/close answered" in room.topic(thread))
    await room.write("/back", thread=thread)
    assert await room.behind.state(case.id) is CaseState.WAITING
    await room.write("/take", thread=thread)
    await room.write("/close referred передано", thread=thread)
    assert (await room.behind.case(case.id)).outcome == "referred"
    await room.until(lambda: room.topics[thread]["closed"])
    assert "closed" in room.topic(thread)


async def test_the_topic_is_used_again_for_the_next_case(room: Room) -> None:
    await room.operator()
    await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", thread=thread)
    await room.write("/close answered", thread=thread)
    await room.until(lambda: room.topics[thread]["closed"])
    await room.behind.ask("urgent")
    await room.until(lambda: "👤 urgent" in room.topic(thread))
    assert not room.topics[thread]["closed"]
    assert len(room.topics) == 1


async def test_a_deleted_topic_is_made_anew(room: Room) -> None:
    await room.behind.ask("person")
    thread = await room.thread()
    del room.topics[thread]
    await room.behind.house.hear("есть кто?")
    await room.behind.house.quiet()
    await room.until(lambda: room.topics)
    (fresh,) = room.topics
    await room.until(lambda: "есть кто?" in room.topic(fresh))
    assert "👤 person" in room.topic(fresh)


async def test_strangers_in_the_group_may_do_nothing(room: Room) -> None:
    case = await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", STRANGER, thread)
    await room.write("hello", STRANGER, thread)
    assert await room.behind.state(case.id) is CaseState.WAITING
    assert "hello" not in await room.behind.told()
    await room.until(lambda: room.topic(thread).count("/link") == 2)


async def test_linking_needs_the_second_factor_and_a_code_works_once(room: Room) -> None:
    staff = await room.behind.staff("Aida", duty=False)
    await room.write("/link Aida 123456")
    await room.until(lambda: "Name or code is not right." in room.general())
    await room.behind.store.transact(lambda ledger: ledger.office.staff.change(staff.id, totp=SECRET))
    code = room.code()
    await room.write(f"/link Aida {code}")
    await room.until(lambda: any("/on" in text for text in room.general()))
    await room.write(f"/link Aida {code}", STRANGER)
    await room.write("/next", STRANGER)
    await room.until(lambda: any("Link your account" in text for text in room.general()))
    assert not [text for text in room.telegram.world.visible(GROUP) if code in text]
    assert await room.behind.store.read(lambda ledger: ledger.office.audit.broken()) == ""


async def test_guessing_codes_costs_time(room: Room) -> None:
    staff = await room.behind.staff("Aida", duty=False)
    await room.behind.store.transact(lambda ledger: ledger.office.staff.change(staff.id, totp=SECRET))
    for guess in range(7):
        await room.write(f"/link Aida 00000{guess}")
    await room.write(f"/link Aida {room.code()}")
    assert not any("/on" in text for text in room.general())


async def test_a_disabled_account_may_do_nothing(room: Room) -> None:
    staff = await room.operator()
    case = await room.behind.ask("person")
    thread = await room.thread()
    await room.behind.accounts.disable(staff.id, True)
    await room.write("/take", thread=thread)
    assert await room.behind.state(case.id) is CaseState.WAITING


async def test_someone_elses_case(room: Room) -> None:
    await room.operator()
    case = await room.behind.ask("person")
    other = await room.behind.staff("Bek")
    await room.behind.desk.next_case(other)
    thread = await room.thread()
    await room.write("/take", thread=thread)
    await room.write("hello", thread=thread)
    await room.until(lambda: "This case is with someone else." in room.topic(thread))
    await room.until(lambda: "This case is not with you any more." in room.topic(thread))
    assert (await room.behind.case(case.id)).operator == other.id


async def test_a_silent_caller_is_written_to_only_on_purpose(room: Room) -> None:
    await room.operator()
    await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", thread=thread)
    room.behind.clock.move(minutes=40)
    await room.write("вы здесь?", thread=thread)
    await room.until(lambda: "Confirm first" in room.topic(thread))
    await room.write("/send вы здесь?", thread=thread)
    assert (await room.behind.told()).count("вы здесь?") == 1


async def test_what_cannot_be_sent_to_callers_is_said(room: Room) -> None:
    await room.operator()
    await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", thread=thread)
    fields: dict[str, Any] = {"from": {"id": AIDA, "is_bot": False, "first_name": "Aida"}, "is_topic_message": True}
    room.telegram.world.send(GROUP, "sticker", message_thread_id=thread, **fields)
    await room.until(lambda: "Only text, photos, voice messages and PDF files can" in room.topic(thread))
    room.telegram.world.send(GROUP, "document", message_thread_id=thread, **fields)  # a PDF by name only
    await room.until(lambda: "Only photos (JPEG, PNG), voice messages and PDF files" in room.topic(thread))
    room.telegram.world.send(GROUP, "document", message_thread_id=thread, **fields)
    room.telegram.world.files.clear()
    await room.until(lambda: "Telegram does not give this file just now" in room.topic(thread))
    assert len(await room.behind.told()) == 2  # the bot's answer, and that a person has joined


async def test_a_blocked_bot_is_noted(room: Room) -> None:
    case = await room.behind.ask("person")
    thread = await room.thread()
    now = room.behind.clock.now()
    await room.behind.store.transact(lambda ledger: ledger.cases.record(case.id, now, "unreachable", "bot"))
    await room.until(lambda: "caller cannot be reached" in room.topic(thread))


async def test_where_a_caller_is_now(room: Room) -> None:
    await room.behind.ask("person")
    thread = await room.thread()
    await room.behind.house.hear("", kind=Kind.LOCATION, place=(43.0, 76.0), reference="17")
    await room.behind.house.quiet()
    await room.until(lambda: "?q=43.0,76.0" in room.topic(thread))
    for latitude, seconds in ((43.00001, 1), (43.5, 2), (43.50001, 3), (43.50002, 4)):
        at = room.behind.clock.now() + timedelta(seconds=seconds)
        await room.behind.house.inbox.moves([Move("fake", "caller", "17", (latitude, 76.0), at)])
    await room.until(lambda: "?q=43.500,76.000" in room.topic(thread))
    await room.behind.house.hear("здесь")
    await room.behind.house.quiet()
    await room.until(lambda: "👤 здесь" in room.topic(thread))
    assert room.topic(thread).count("?q=43.500") == 1


async def test_erasing_after_the_case_deletes_the_topic_too_and_so_does_a_process_that_never_saw_it(room: Room) -> None:
    room.behind.house.bot.effects["erase"] = (Erase("everything"),)  # type: ignore[attr-defined]
    await room.operator()
    await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", thread=thread)
    await room.write("/close answered", thread=thread)
    await room.until(lambda: room.topics[thread]["closed"])
    await room.channel.stop()
    await room.behind.house.hear("erase")
    await room.behind.house.quiet()
    room.desk.mirror = Mirror(room.desk._topics, room.behind.store, room.behind.clock, room.desk._words)
    await room.open()
    await room.until(lambda: not room.topics)
    async with asyncio.timeout(8):
        while await room.behind.read(lambda ledger: ledger.conversations.notes("telegram desk")):
            await asyncio.sleep(0.02)


async def test_erasing_deletes_the_topic(room: Room) -> None:
    room.behind.house.bot.effects["erase"] = (Erase("everything"),)  # type: ignore[attr-defined]
    await room.behind.ask("person")
    await room.thread()
    await room.behind.house.hear("erase")
    await room.behind.house.quiet()
    await room.until(lambda: not room.topics)


async def test_a_topic_is_deleted_a_day_after_its_case(room: Room) -> None:
    await room.operator()
    await room.behind.ask("person")
    thread = await room.thread()
    await room.write("/take", thread=thread)
    await room.write("/close answered", thread=thread)
    await room.until(lambda: room.topics[thread]["closed"])
    room.behind.clock.move(hours=25)

    def gone() -> bool:
        room.desk.mirror._parted = -1  # look now, not when ten minutes are over
        return not room.topics

    await room.until(gone)


async def test_a_shift_lives_as_long_as_its_operator_writes(room: Room) -> None:
    staff = await room.operator()
    await room.behind.ask("person")
    room.behind.clock.move(minutes=2)
    await room.desk._beat()
    await room.behind.roster.sweep()
    presence = await room.behind.read(lambda ledger: ledger.office.presences.get(staff.id))
    assert presence.duty.value == "on"
    room.desk._working[staff.id] -= 4000
    await room.desk._beat()
    room.behind.clock.move(minutes=2)
    await room.behind.roster.sweep()
    presence = await room.behind.read(lambda ledger: ledger.office.presences.get(staff.id))
    assert presence.duty.value == "off"


async def test_a_restart_takes_shifts_up_again(room: Room) -> None:
    staff = await room.operator()
    room.desk._working.clear()
    await room.desk._resume()
    assert list(room.desk._working) == [staff.id]


async def test_files_of_callers_are_shown(sqlite_store: Store) -> None:
    async with TelegramServer() as telegram:
        room = Room(telegram, sqlite_store, Budget(1000, 0))
        room.behind.channel.name = "telegram"
        house = type(room.behind.house)(
            sqlite_store, bot=room.behind.house.bot, channel=room.behind.channel, clock=room.behind.clock
        )
        room.behind.house = house
        telegram.limits.group = 1000
        await room.open()
        telegram.world.send(5, "voice")
        await room.until(lambda: not telegram.world.pending)
        await house.inbox.receive([envelope("person", sender="5", channel="telegram")])
        for number, kind in enumerate(("voice", "audio", "animation"), start=1):
            telegram.world.files[f"f{number}"] = (f"{kind}/x", b"x")
        kinds = (Kind.VOICE, Kind.VOICE, Kind.VIDEO, Kind.PHOTO)  # the last is no photo for Telegram: it cannot be shown
        for number, kind in enumerate(kinds, start=1):
            file = Media(f"f{number}")
            await house.inbox.receive([envelope("", sender="5", channel="telegram", kind=kind, media=file)])
        await house.inbox.receive([envelope("after", sender="5", channel="telegram")])
        await house.quiet()
        await room.until(lambda: any("👤 after" in sent["text"] for sent in telegram.world.sent))
        shown = [sent["method"] for sent in telegram.world.sent if sent["method"] != "sendMessage"]
        assert shown == ["sendVoice", "sendVoice", "sendAudio", "sendAnimation"]
        assert [sent for sent in telegram.world.sent if "This file cannot be shown here" in sent["text"]]
        await room.channel.stop()
        await room.channel.close()


async def test_twenty_a_minute_and_emergencies_first(sqlite_store: Store) -> None:
    async with TelegramServer() as telegram:
        room = Room(telegram, sqlite_store, Budget())
        await room.open()
        for number in range(12):
            await room.behind.ask("person", sender=f"caller {number}")
        await room.until(lambda: len(room.topics) >= 6)
        for number in range(30):
            await room.behind.house.hear(f"message {number}", sender="caller 0")
        await room.behind.ask("danger", sender="the last")
        thread = await room.thread("the last")
        await room.until(lambda: "👤 danger" in room.topic(thread))
        assert any("🔴" in text for text in room.general())
        assert telegram.limits.refused == 0
        assert len([sent for sent in telegram.world.sent if sent["chat"] == GROUP]) <= 20
        await room.channel.stop()
        await room.channel.close()


async def test_what_did_not_fit_a_minute_comes_merged_in_the_next(sqlite_store: Store) -> None:
    async with TelegramServer() as telegram:
        now = [0.0]
        room = Room(telegram, sqlite_store, Budget(19, clock=lambda: now[0]))
        telegram.limits.group = 1000  # the fake's minute is a real one
        await room.open()
        for number in range(8):
            await room.behind.ask("person", sender=f"caller {number}")
        await room.until(lambda: len(room.topics) >= 5)
        for number in range(10):
            await room.behind.house.hear(f"message {number}", sender="caller 0")
        await room.behind.house.quiet()
        assert len(telegram.world.sent) + len(room.topics) <= 13
        assert len(room.topics) < 8
        now[0] = 60.0
        await room.until(lambda: len(room.topics) == 8)
        thread = await room.thread("caller 0")
        await room.until(lambda: "👤 message 9" in room.topic(thread))
        posts = [sent for sent in telegram.world.sent if "👤 message" in sent["text"]]
        assert len(posts) <= 2  # of ten messages: one post may have had room in the first minute
        await room.channel.stop()
        await room.channel.close()


async def test_a_topic_that_becomes_urgent_is_named_anew(room: Room) -> None:
    await room.behind.ask("person")
    thread = await room.thread()
    assert (room.topics[thread]["name"][0], room.topics[thread]["icon"]) == ("⚪", "💬")
    await room.behind.ask("urgent")
    await room.until(lambda: room.topics[thread]["icon"] == "❗️")
    assert room.topics[thread]["name"].startswith("🟠")
    case = await room.behind.ask("danger")
    await room.until(lambda: room.topics[thread]["icon"] == "‼️")
    assert room.topics[thread]["name"].startswith(f"🔴 {case.id[:6]}")


async def test_a_name_that_telegram_refuses_holds_up_nothing(room: Room) -> None:
    await room.behind.ask("person")
    thread = await room.thread()
    room.telegram.trouble("editForumTopic", code=400, description="Bad Request: not enough rights", times=99)
    await room.behind.ask("danger")
    await room.until(lambda: "👤 danger" in room.topic(thread))
    await room.until(lambda: any("🔴" in text for text in room.general()))
    await room.behind.house.hear("and more")
    await room.behind.house.quiet()
    await room.until(lambda: "👤 and more" in room.topic(thread))
    assert len([call for call in room.telegram.calls if call["method"] == "editForumTopic"]) == 2  # with its icon and without


async def test_a_name_that_came_to_nothing_comes_with_the_next_news(room: Room) -> None:
    await room.behind.ask("person")
    thread = await room.thread()
    room.telegram.trouble("editForumTopic", code=502)
    await room.behind.ask("danger")
    await room.until(lambda: "👤 danger" in room.topic(thread))
    assert room.topics[thread]["name"].startswith("⚪")
    await room.behind.house.hear("and more")
    await room.behind.house.quiet()
    await room.until(lambda: room.topics[thread]["name"].startswith("🔴"))


async def test_a_topic_is_made_without_an_icon_that_telegram_has_no_more(room: Room) -> None:
    room.telegram.trouble("createForumTopic", code=400, description="Bad Request: DOCUMENT_INVALID")
    await room.behind.ask("danger")
    thread = await room.thread()
    assert room.topics[thread]["icon"] == ""
    assert room.topics[thread]["name"].startswith("🔴")


def test_the_budget_keeps_a_lane_for_emergencies() -> None:
    now = [0.0]
    budget = Budget(10, 4, lambda: now[0])
    for _ in range(6):
        budget.spend(urgent=False)
    with pytest.raises(LaterError):
        budget.spend(urgent=False)
    for _ in range(4):
        budget.spend(urgent=True)
    with pytest.raises(LaterError):
        budget.spend(urgent=True)
    now[0] = 60.0
    budget.spend(urgent=False)
    budget.pause(5)
    with suppress(LaterError):
        budget.spend(urgent=True)
        raise AssertionError("paused")
