"""The operators' Telegram group and a real `hotline serve`, seen from Telegram's side: callers, operators, what goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.serving import Serving
from tests.acceptance.test_telegram_talk import Caller, answering
from tests.fakes.telegram_control import TelegramProcess

GROUP = -100_777


class Room:
    """The group, the service behind it, and one operator whose accounts are linked."""

    def __init__(self, telegram: TelegramProcess, service: Serving) -> None:
        self.telegram = telegram
        self.service = service
        self._callers = iter(range(70_000_001, 70_001_000))

    def caller(self, words: str = "/operator") -> Caller:
        """Someone new who chose a language and wrote something."""
        caller = Caller(self.telegram, next(self._callers))
        caller.say("/start")
        caller.press("lang:ru")
        caller.say(words)
        return caller

    @property
    def topics(self) -> dict[int, dict[str, Any]]:
        return {int(thread): topic for thread, topic in self.telegram.state["topics"].get(str(GROUP), {}).items()}

    def shows(self, thread: int, words: str, seconds: float = 10.0) -> str:
        """Wait until these words stand in a topic; all that stands there."""
        self.telegram.until(lambda: words in self.telegram.standing(GROUP, thread), f"{words!r} in the topic", seconds)
        return self.telegram.standing(GROUP, thread)

    def topic_with(self, words: str, seconds: float = 10.0) -> int:
        """Wait for the topic in which these words stand."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [thread for thread in self.topics if words in self.telegram.standing(GROUP, thread)]
            return bool(found)

        self.telegram.until(look, f"a topic with {words!r}", seconds)
        return found[0]

@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with TelegramProcess() as telegram:
        telegram.act("invite", chat=GROUP, forum=True)
        settings = {"HOTLINE_TELEGRAM__DESK_CHAT": str(GROUP), "HOTLINE_CALLER_RATE": "200"}
        with answering(telegram, "polling", tmp_path / "data", **settings) as service:
            yield Room(telegram, service)


def test_what_people_do_to_topics_and_bots(room: Room) -> None:
    caller = room.caller("сохраните мои слова")
    caller.say("/operator")
    first = room.topic_with("сохраните мои слова")

    # somebody deletes the topic: it is made anew with what was said
    room.telegram.act("drop_topic", chat=GROUP, thread=first)
    room.telegram.act("say", chat=caller.chat, text="вы ещё тут?")
    thread = room.topic_with("вы ещё тут?")
    assert thread != first
    assert "сохраните мои слова" in room.telegram.standing(GROUP, thread)

    # the caller moves: the place in the topic is the latest
    room.telegram.act("send", chat=caller.chat, kind="location")
    room.shows(thread, "?q=43.25,76.95")
    before = len(room.telegram.to(caller.chat))
    shared = max(m for m in (u["message_id"] for u in room.telegram.chat(caller.chat) if "location" in u))
    room.telegram.act("move", chat=caller.chat, message=shared, latitude=42.5, longitude=74.5)
    room.shows(thread, "?q=42.500,74.500")
    assert len(room.telegram.to(caller.chat)) <= before + 1  # the answer to the first place, none to its moves

    # a caller who blocks the bot
    room.telegram.act("block", chat=caller.chat)
    room.shows(thread, "Вышел из чата")
    room.telegram.act("unblock", chat=caller.chat)

    # "delete my data" takes the topic and all that stands in it
    caller.say("/delete")
    caller.press("erase:yes")
    room.telegram.until(lambda: not room.topics, "the topic is gone")
    assert "сохраните" not in room.telegram.standing(GROUP, thread)


def test_a_late_answer_is_announced_with_dots(room: Room) -> None:
    caller = Caller(room.telegram, 71_000_001)
    room.telegram.act("trouble", method="sendMessage", code=502, times=3)
    assert caller.say("/start")["text"]
    dots = room.telegram.state["actions"]
    assert {(dot["chat"], dot["action"]) for dot in dots} == {(caller.chat, "typing")}
    assert len(dots) <= 3
