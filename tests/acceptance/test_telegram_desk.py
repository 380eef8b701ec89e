"""The operators' Telegram group and a real `hotline serve`, seen from Telegram's side: callers, operators, what goes wrong."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.caller import WebCaller
from tests.acceptance.member import Member
from tests.acceptance.serving import Serving
from tests.acceptance.test_telegram_talk import Caller, answering
from tests.console.test_media import PLACE, jpeg
from tests.fakes.telegram_control import TelegramProcess

GROUP = -100_777
AIDA, STRANGER = 901, 902  # Telegram accounts in the group
PERSON = "хочу поговорить с человеком"
EMERGENCY = "меня заперли в подвале и бьют, помогите, убивают"
JOINED, ENDED = "подключился человек", "закончил этот разговор"
VOICE = b"OggS\0\x02" + b"\0" * 40
MANY = 1000  # messages a minute, where the limit is not what a test is about


class Room:
    """The group, the service behind it, and one operator whose accounts are linked."""

    def __init__(self, telegram: TelegramProcess, service: Serving) -> None:
        self.telegram = telegram
        self.service = service
        self._callers = iter(range(70_000_001, 70_001_000))

    def caller(self, *words: str) -> Caller:
        """Someone new who chose a language and wrote something."""
        caller = Caller(self.telegram, next(self._callers))
        caller.say("/start")
        caller.press("lang:ru")
        for said in words:
            caller.say(said)
        return caller

    @cached_property
    def aida(self) -> Member:
        """An operator, linked and on her shift."""
        member = Member(self.service, "Aida")
        self.write(f"/link Aida {member.code()}")
        self.write("/on")
        return member

    def waiting(self, words: str) -> tuple[Caller, int]:
        """A caller who asks for a person, and the topic of the case."""
        caller = self.caller(words, "/operator")
        return caller, self.topic_with(words)

    def talking(self, words: str) -> tuple[Caller, int]:
        """A caller with whom Aida talks, and the topic."""
        caller, thread = self.waiting(words)
        assert self.aida
        self.write("/take", thread)
        self.hears(caller, JOINED)
        return caller, thread

    def write(self, text: str, thread: int = 0, person: int = AIDA) -> None:
        """Someone writes in the group, and the service took it."""
        self.telegram.act("group_say", chat=GROUP, person=person, text=text, thread=thread)
        self._taken()

    def send(self, kind: str, thread: int, content: bytes) -> None:
        """Aida sends a file in a topic."""
        author = {"id": AIDA, "is_bot": False, "first_name": "Aida"}
        fields: dict[str, Any] = {"message_thread_id": thread, "is_topic_message": True, "from": author}
        self.telegram.act("send", chat=GROUP, kind=kind, content=base64.b64encode(content).decode(), **fields)
        self._taken()

    def _taken(self) -> None:
        self.telegram.until(lambda: not self.telegram.state["pending"], "the update is taken")

    @property
    def topics(self) -> dict[int, dict[str, Any]]:
        return {int(thread): topic for thread, topic in self.telegram.state["topics"].get(str(GROUP), {}).items()}

    def shows(self, thread: int, words: str) -> str:
        """Wait until these words stand in a topic; all that stands there."""
        self.telegram.until(lambda: words in self.telegram.standing(GROUP, thread), f"{words!r} in the topic")
        return self.telegram.standing(GROUP, thread)

    def topic_with(self, words: str) -> int:
        """Wait for the topic in which these words stand."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [thread for thread in self.topics if words in self.telegram.standing(GROUP, thread)]
            return bool(found)

        self.telegram.until(look, f"a topic with {words!r}")
        return found[0]

    def is_closed(self, thread: int) -> None:
        """Wait until the topic is closed."""
        self.telegram.until(lambda: self.topics[thread]["closed"], "the topic is closed")

    def hears(self, caller: Caller, words: str, times: int = 1) -> None:
        """Wait until the caller is told this."""
        self.telegram.until(lambda: sum(words in text for text in self.told(caller)) == times, f"{words!r} is heard {times}×")

    def told(self, caller: Caller) -> list[str]:
        """What the caller was sent."""
        return [sent["text"] for sent in self.telegram.to(caller.chat)]

    def gets(self, caller: Caller, method: str) -> bytes:
        """Wait until the caller was sent such a file; its bytes."""

        def sent() -> list[dict[str, Any]]:
            return [s for s in self.telegram.to(caller.chat) if s["method"] == method]

        self.telegram.until(sent, f"{method} to the caller")
        (content,) = (part for key, part in sent()[0]["content"].items() if key in ("photo", "voice", "document"))
        return self.telegram.file((content[-1] if isinstance(content, list) else content)["file_id"])

    def posts(self, thread: int = 0) -> list[dict[str, Any]]:
        """What the bot sent into a topic; 0: into the general one."""
        return [sent for sent in self.telegram.to(GROUP) if sent["thread"] == thread]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with TelegramProcess() as telegram:
        telegram.act("invite", chat=GROUP, forum=True)
        telegram.act("limits", group=MANY)
        settings = {"HOTLINE_TELEGRAM__DESK_CHAT": str(GROUP), "HOTLINE_TELEGRAM__DESK_RATE": str(MANY)}
        with answering(telegram, "polling", tmp_path_factory.mktemp("desk") / "data", **settings) as service:
            yield Room(telegram, service)


def test_a_case_from_the_first_word_to_the_last(room: Room) -> None:
    caller, thread = room.waiting("хочу спросить о жилье")
    assert room.topics[thread]["name"].startswith("⚪")
    assert str(caller.chat) not in room.topics[thread]["name"]
    room.write("/take", thread, STRANGER)
    room.write("чужой", thread, STRANGER)
    room.shows(thread, "/link")
    assert room.aida
    room.write("/take", thread)
    room.hears(caller, JOINED)

    # both ways, and what is private stays so
    room.write("Здравствуйте, я Аида", thread)
    room.hears(caller, "Здравствуйте, я Аида")
    room.write("/note тайная заметка", thread)
    room.telegram.act("say", chat=caller.chat, text="вот что случилось")
    room.shows(thread, "👤 вот что случилось")
    told = len(room.told(caller))

    # closed with an outcome; the bot speaks again, and asks with one tap
    room.write("/close", thread)
    room.shows(thread, "/close referred")
    room.write("/close referred", thread)
    room.hears(caller, ENDED)
    assert len(room.told(caller)) == told + 1  # while a person has the talk, the bot says nothing
    room.is_closed(thread)
    assert not [text for text in room.told(caller) if "тайная заметка" in text or "чужой" in text]
    assert "🎧" not in room.telegram.standing(GROUP, thread)  # what was written there is not shown again
    caller.press("rate:yes")
    assert caller.say("/menu")["text"]


def test_a_person_again_in_the_same_topic(room: Room) -> None:
    caller, thread = room.talking("вопрос о билете")
    room.write("/close answered", thread)
    room.is_closed(thread)
    name = room.topics[thread]["name"]
    caller.say("/operator")
    room.telegram.until(lambda: not room.topics[thread]["closed"], "the topic is open again")
    room.write("/take", thread)
    room.hears(caller, JOINED, times=2)
    room.write("Снова здравствуйте", thread)
    room.hears(caller, "Снова здравствуйте")
    room.write("/back нужен узбекский", thread)
    room.shows(thread, "возвращено")
    room.write("/take", thread)
    room.write("/close answered", thread)
    room.hears(caller, ENDED, times=2)
    assert room.topics[thread]["name"] != name  # it has the name of the new case


def test_files_go_both_ways_without_their_place(room: Room) -> None:
    caller, thread = room.talking("у меня есть бумаги")
    for kind in ("voice", "photo", "document"):
        room.telegram.act("send", chat=caller.chat, kind=kind)
    room.telegram.act("send", chat=caller.chat, kind="photo", caption="это мой договор")
    room.telegram.act("say", chat=caller.chat, text="вот мои бумаги")
    room.shows(thread, "👤 вот мои бумаги")
    files = [sent for sent in room.posts(thread) if sent["method"] != "sendMessage"]
    assert [sent["method"] for sent in files] == ["sendVoice", "sendPhoto", "sendDocument", "sendPhoto"]
    assert "это мой договор" in files[-1]["text"]  # under the photo: one message, not two

    photo, pdf = jpeg(), b"%PDF-1.7 " + b"x" * 50
    assert PLACE in photo
    for kind, content in (("photo", photo), ("voice", VOICE), ("document", pdf)):
        room.send(kind, thread, content)
    got = room.gets(caller, "sendPhoto")
    assert got.startswith(b"\xff\xd8")
    assert PLACE not in got
    assert room.gets(caller, "sendVoice") == VOICE
    assert room.gets(caller, "sendDocument") == pdf
    room.write("/close answered", thread)
    room.is_closed(thread)


def test_the_web_chat_and_an_emergency_that_goes_first(room: Room) -> None:
    web = WebCaller(room.service.url)
    web.press("lang:ru")
    web.press("operator")
    web.say("жду ответа в веб-чате")
    thread = room.topic_with("жду ответа в веб-чате")
    assert room.aida
    danger = room.caller(EMERGENCY)
    urgent = room.topic_with(EMERGENCY)
    assert room.topics[urgent]["name"].startswith("🔴")
    assert room.topics[urgent]["icon"] == "‼️"
    assert any(str(urgent) in sent["text"] and "🔴" in sent["text"] for sent in room.posts())
    room.write("/next")
    room.hears(danger, JOINED)
    room.write("/next")
    room.write("Пишу вам из группы", thread)
    heard = web.wait(2)
    assert any("Пишу вам из группы" in line["html"] and line["person"] for line in heard)
    web.post(text="спасибо, получил")
    room.shows(thread, "👤 спасибо, получил")
    for known in (urgent, thread):
        room.write("/close emergency", known)
        room.is_closed(known)


def test_what_becomes_urgent_is_named_anew(room: Room) -> None:
    caller, thread = room.waiting("у меня просто вопрос")
    before = room.topics[thread]
    assert (before["name"][0], before["icon"]) == ("⚪", "💬")
    caller.say(EMERGENCY)
    room.telegram.until(lambda: room.topics[thread]["icon"] == "‼️", "the topic shows the emergency")
    assert room.topics[thread]["name"].startswith("🔴")
    assert any(str(thread) in sent["text"] and "🔴" in sent["text"] for sent in room.posts())
    assert room.aida
    room.write("/take", thread)
    room.write("/close emergency", thread)
    room.is_closed(thread)


def test_what_people_do_to_topics_and_bots(room: Room) -> None:
    caller, first = room.talking("сохраните мои слова")

    # somebody deletes the topic: it is made anew with what was said, and goes on
    room.telegram.act("drop_topic", chat=GROUP, thread=first)
    room.telegram.act("say", chat=caller.chat, text="вы ещё тут?")
    thread = room.topic_with("вы ещё тут?")
    assert thread != first
    assert "сохраните мои слова" in room.telegram.standing(GROUP, thread)
    room.write("Да, я тут", thread)
    room.hears(caller, "Да, я тут")

    # the caller moves: the place in the topic is the latest
    room.telegram.act("send", chat=caller.chat, kind="location")
    room.shows(thread, "?q=43.25,76.95")
    before = len(room.told(caller))
    shared = max(m["message_id"] for m in room.telegram.chat(caller.chat) if "location" in m)
    room.telegram.act("move", chat=caller.chat, message=shared, latitude=42.5, longitude=74.5)
    room.shows(thread, "?q=42.500,74.500")
    assert len(room.told(caller)) == before

    # a caller who blocks the bot
    room.telegram.act("block", chat=caller.chat)
    room.shows(thread, "Вышел из чата")
    room.telegram.act("unblock", chat=caller.chat)

    # "delete my data" takes the topic and all that stands in it
    caller.say("/delete")
    caller.press("erase:yes")
    room.telegram.until(lambda: thread not in room.topics, "the topic is gone")
    assert "сохраните" not in room.telegram.standing(GROUP, thread)


def test_killed_in_the_middle_nothing_is_lost(room: Room) -> None:
    caller, thread = room.talking("слова до сбоя")
    room.telegram.act("say", chat=caller.chat, text="от человека")
    room.telegram.act("group_say", chat=GROUP, person=AIDA, text="от Аиды", thread=thread)
    room.telegram.until(lambda: not room.telegram.state["pending"], "it is taken, and perhaps not sent yet")
    room.service.kill()
    room.telegram.act("say", chat=caller.chat, text="пока никого нет")
    room.telegram.act("group_say", chat=GROUP, person=AIDA, text="тоже в пустоту", thread=thread)
    room.service.start()
    for words in ("от Аиды", "тоже в пустоту"):
        room.hears(caller, words)
    for words in ("от человека", "пока никого нет"):
        room.shows(thread, f"👤 {words}")
    room.write("/close answered", thread)
    room.hears(caller, ENDED)
    room.is_closed(thread)
    assert all(room.told(caller).count(words) == 1 for words in ("от Аиды", "тоже в пустоту"))


def test_a_late_answer_is_announced_with_dots(room: Room) -> None:
    caller = Caller(room.telegram, 71_000_001)
    room.telegram.act("trouble", method="sendMessage", chat=caller.chat, code=502, times=3)
    assert caller.say("/start")["text"]
    dots = [dot["action"] for dot in room.telegram.state["actions"] if dot["chat"] == caller.chat]
    assert set(dots) == {"typing"}
    assert len(dots) <= 3


def test_twenty_messages_a_minute_and_emergencies_in_a_lane_of_their_own(tmp_path: Path) -> None:
    with TelegramProcess() as telegram:
        telegram.act("invite", chat=GROUP, forum=True)
        settings = {"HOTLINE_TELEGRAM__DESK_CHAT": str(GROUP), "HOTLINE_CALLER_RATE": "200"}
        with answering(telegram, "polling", tmp_path / "data", **settings) as service:
            room = Room(telegram, service)
            for number in range(6):
                for chat in range(72_000_001, 72_000_009):
                    telegram.act("say", chat=chat, text=f"сообщение {number}" if number else "/operator", language="ru")
            telegram.until(lambda: len(room.topics) >= 5, "topics fill the minute")
            telegram.act("say", chat=72_000_100, text=EMERGENCY, language="ru")
            thread = room.topic_with(EMERGENCY)
            assert room.topics[thread]["name"].startswith("🔴")
            assert telegram.state["refused"] == 0
            assert len(telegram.to(GROUP)) + len(room.topics) <= 20
            assert len(room.topics) < 9  # the ordinary lane is used up: the others come with the next minute
