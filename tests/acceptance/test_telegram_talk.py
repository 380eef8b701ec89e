"""Callers on Telegram and a real `hotline serve`, seen from Telegram's side: in each language, by polling and by webhook."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.channels.markup import to_plain
from bot.language.uzbek import to_cyrillic
from tests.acceptance.serving import ROOT, Serving
from tests.fakes.telegram_control import TelegramProcess, buttons

_TALKS = [
    ("ru", "ru", "хозяин не платит зарплату"),
    ("kk", "kk", "начальник жалақымды бермей жатыр"),
    ("ky", "ky", "кожоюн айлыгымды бербей жатат"),
    ("tg", "tg", "хӯҷаин маошамро намедиҳад"),
    ("uz", "uz", "xo'jayin oyligimni bermayapti"),
    ("uz_Cyrl", "uz", "хўжайин ойлигимни бермаяпти"),
]
MODES = ("polling", "webhook")


@dataclass
class House:
    """Telegram, and the service that answers there."""

    telegram: TelegramProcess
    service: Serving
    _callers: Iterator[int] = field(default_factory=lambda: iter(range(50_000_001, 50_001_000)))

    def caller(self) -> Caller:
        """Someone new."""
        return Caller(self.telegram, next(self._callers))


@dataclass
class Caller:
    """A private chat with the bot."""

    telegram: TelegramProcess
    chat: int

    def say(self, words: str, **fields: Any) -> dict[str, Any]:
        """Write, and wait for the answer."""
        return self._answered("say", text=words, **fields)

    def send(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Send something that is no text, and wait for the answer."""
        return self._answered("send", kind=kind, **fields)

    def press(self, data: str) -> dict[str, Any]:
        """Press a button, and wait for the answer."""
        return self._answered("press", data=data)

    def _answered(self, action: str, **fields: Any) -> dict[str, Any]:
        before = len(self.telegram.to(self.chat))
        self.telegram.act(action, chat=self.chat, **fields)
        return self.telegram.answer(self.chat, before)


@contextmanager
def answering(telegram: TelegramProcess, mode: str, data: Path, **settings: str) -> Iterator[Serving]:
    """A running service that was told of its Telegram."""
    service = Serving(data, settings)
    settings |= {"HOTLINE_TELEGRAM__TOKEN": telegram.token, "HOTLINE_TELEGRAM__API_URL": telegram.url}
    if mode == "webhook":
        settings["HOTLINE_PUBLIC_URL"] = service.url
    if "HOTLINE_SEMANTIC" in os.environ:
        settings["HOTLINE_SEMANTIC"] = os.environ["HOTLINE_SEMANTIC"]
    try:
        yield service.start()
    finally:
        service.stop()
        service.kill()


@pytest.fixture(scope="module", params=MODES)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("telegram") / "data"
    with TelegramProcess() as telegram, answering(telegram, request.param, data) as service:
        yield House(telegram, service)


def known_lines(intent: str, language: str) -> list[str]:
    """The longest line of each answer that a person wrote for this intent, in one language."""
    found = next((ROOT / "intents").rglob(f"{intent}.yaml"))
    content = yaml.safe_load(found.read_text("utf-8"))
    answers = [content["answer"], *(variant["answer"] for variant in content.get("when", []))]
    texts = [to_cyrillic(answer["uz"]) if language == "uz_Cyrl" else answer[language] for answer in answers]
    return [max((to_plain(line) for line in text.splitlines() if "{" not in line), key=len) for text in texts]


@pytest.mark.parametrize(("language", "written", "question"), _TALKS, ids=[talk[0] for talk in _TALKS])
def test_a_talk_in_each_language(house: House, language: str, written: str, question: str) -> None:
    caller = house.caller()
    greeting = caller.say("/start leaflet_7", language=written)
    assert len([button for button in buttons(greeting) if button.startswith("lang:")]) == 6
    menu = caller.press(f"lang:{language}")
    assert "t:work" in buttons(menu)
    answer = caller.say(question)
    if "i:unpaid_wages" in buttons(answer):
        answer = caller.press("i:unpaid_wages")
    if any(button.startswith("stay:") for button in buttons(answer)):
        answer = caller.press("stay:RU")
    shown = " ".join(sent["text"] for sent in house.telegram.to(caller.chat))
    assert any(line in shown for line in known_lines("unpaid_wages", language)), answer["text"][:200]
    assert buttons(answer)


def test_old_buttons_go_and_presses_are_acknowledged(house: House) -> None:
    caller = house.caller()
    caller.say("/start")
    caller.press("lang:ru")
    with pytest.raises(LookupError):
        house.telegram.act("press", chat=caller.chat, data="lang:kk")
    assert house.telegram.state["answered"]


@pytest.mark.parametrize(
    "command", ["/menu", "/language", "/operator", "/help", "/delete", "/unknown", "/start@test_bot"]
)
def test_commands(house: House, command: str) -> None:
    caller = house.caller()
    assert buttons(caller.say(command))


@pytest.mark.parametrize(
    "kind", ["voice", "video_note", "photo", "video", "document", "sticker", "location", "contact", "dice"]
)
def test_what_is_not_text_is_kindly_answered(house: House, kind: str) -> None:
    caller = house.caller()
    caller.say("/start")
    caller.press("lang:ru")
    answer = caller.send(kind)
    assert {"operator", "menu"} & set(buttons(answer))


def test_service_messages_and_reactions_stay_unanswered(house: House) -> None:
    caller = house.caller()
    first = caller.say("/start")
    house.telegram.act("react", chat=caller.chat, message=first["message_id"])
    house.telegram.act(
        "send",
        chat=caller.chat,
        kind="pinned_message",
        pinned_message={"message_id": 1, "date": 0, "chat": {"id": caller.chat, "type": "private"}},
    )
    caller.press("lang:ru")
    assert len(house.telegram.to(caller.chat)) == 2


def test_an_edited_message_is_answered_in_its_new_wording(house: House) -> None:
    caller = house.caller()
    caller.say("/start")
    caller.press("lang:ru")
    caller.say("меня вчера уволили без причины")
    mine = [sent["message_id"] for sent in house.telegram.to(caller.chat)][-1] - 1
    before = len(house.telegram.to(caller.chat))
    house.telegram.act("edit", chat=caller.chat, message=mine, text="хозяин не платит зарплату")
    assert house.telegram.answer(caller.chat, before)["text"]


def test_quick_exit_deletes_everything_but_one_neutral_line(house: House) -> None:
    caller = house.caller()
    caller.say("/start")
    caller.press("lang:ru")
    caller.say("муж бьет меня")
    caller.say("/exit")
    house.telegram.until(lambda: len(house.telegram.visible(caller.chat)) == 1, "all but one line deleted")
    (last,) = house.telegram.visible(caller.chat)
    assert "бьет" not in last
    assert len(last) < 60


def test_a_group_gets_one_line_and_is_left(house: House) -> None:
    group = -100_200_300 - len(house.telegram.state["left"])
    house.telegram.act("invite", chat=group)
    house.telegram.act("group_say", chat=group, person=77, text="не платят зарплату")
    house.telegram.until(lambda: group in house.telegram.state["left"], "the group is left")
    assert len(house.telegram.to(group)) == 1


def test_a_caller_who_blocked_the_bot_may_come_back(house: House) -> None:
    caller = house.caller()
    caller.say("/start")
    house.telegram.act("block", chat=caller.chat)
    house.telegram.act("unblock", chat=caller.chat)
    assert caller.say("/menu")["text"]


def test_a_repeated_update_is_answered_once(house: House) -> None:
    caller = house.caller()
    caller.say("/start")
    update = house.telegram.act("say", chat=caller.chat, text="/menu")
    house.telegram.act("repeat", update=update)
    house.telegram.answer(caller.chat, 1)
    house.telegram.act("repeat", update=update)
    caller.say("/help")
    house.telegram.until(lambda: not house.telegram.state["pending"], "all updates taken")
    assert len(house.telegram.to(caller.chat)) == 3


def test_commands_are_registered_in_every_language(house: House) -> None:
    house.telegram.until(lambda: len(house.telegram.state["commands"]) == 6, "commands registered")
    for commands in house.telegram.state["commands"].values():
        assert {command["command"] for command in commands} >= {
            "start",
            "menu",
            "language",
            "operator",
            "help",
            "delete",
            "exit",
        }


def test_the_log_names_nobody(house: House) -> None:
    caller = house.caller()
    caller.say("совсем особенное слово абракадабра")
    log = Path(house.service.log).read_text("utf-8")
    assert house.telegram.token not in log
    assert "абракадабра" not in log
    assert "5000000" not in log
