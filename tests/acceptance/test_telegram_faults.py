"""What breaks on the way, seen from Telegram's side: 429, 5xx, garbage, kill -9. Nothing lost, nothing answered twice."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.serving import Serving
from tests.acceptance.test_telegram_talk import MODES, answering
from tests.fakes.telegram_control import TelegramProcess

_COMMANDS = ("/menu", "/language", "/help", "/operator", "/delete")  # each has an answer of its own
_JUST_BEFORE = 2.0  # seconds: what was sent so shortly before a kill may be sent again


@pytest.fixture(params=MODES)
def telegram_and_service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[TelegramProcess, Serving]]:
    data, mode = tmp_path / "data", request.param
    with TelegramProcess() as telegram, answering(telegram, mode, data, HOTLINE_CALLER_RATE="1000") as service:
        yield telegram, service


def begin(telegram: TelegramProcess, callers: list[int]) -> None:
    """Everyone has said hello and chosen a language."""
    for chat in callers:
        telegram.act("say", chat=chat, text="/start")
    for chat in callers:
        telegram.answer(chat, 0)
        telegram.act("press", chat=chat, data="lang:ru")
    for chat in callers:
        telegram.answer(chat, 1)


def expected(telegram: TelegramProcess, chat: int, rounds: int) -> bool:
    """Whether every message of a caller was answered at least once."""
    return len(telegram.to(chat)) >= 2 + rounds


def test_trouble_on_every_second_call(telegram_and_service: tuple[TelegramProcess, Serving]) -> None:
    telegram, _ = telegram_and_service
    callers = [60_000_001 + n for n in range(6)]
    begin(telegram, callers)
    kinds: list[dict[str, Any]] = [
        {"code": 500},
        {"code": 502, "garbage": True},
        {"code": 429, "retry_after": 1},
        {"cut": True},
        {"code": 503},
    ]
    for trouble in kinds * 2:
        telegram.act("trouble", method="sendMessage", **trouble)
        telegram.act("trouble", method="getUpdates", **trouble)
    telegram.act("trouble", method="answerCallbackQuery", code=500, times=5)
    for command in _COMMANDS[:3]:
        for chat in callers:
            telegram.act("say", chat=chat, text=command)
    for chat in callers:
        telegram.until(lambda chat=chat: expected(telegram, chat, 3), "all answers", 60)  # type: ignore[misc]
    time.sleep(2)
    for chat in callers:
        texts = [sent["text"] for sent in telegram.to(chat)]
        assert len(texts) == 5
        assert texts == [sent["text"] for sent in telegram.to(callers[0])]  # in order, for everyone


def test_the_rates_are_kept(telegram_and_service: tuple[TelegramProcess, Serving]) -> None:
    telegram, _ = telegram_and_service
    callers = [61_000_001 + n for n in range(50)]
    for chat in callers:
        telegram.act("say", chat=chat, text="/start")
    for chat in callers[:5]:
        for command in _COMMANDS:
            telegram.act("say", chat=chat, text=command)
    telegram.until(lambda: len(telegram.sent) >= 75, "all answers", 60)
    sent = telegram.sent
    for _, group in itertools.groupby(sorted(sent, key=lambda s: (s["chat"], s["at"])), key=lambda s: s["chat"]):
        times = [s["at"] for s in group]
        assert all(later - earlier > 0.9 for earlier, later in itertools.pairwise(times))
    assert telegram.state["refused"] == 0


def test_killed_again_and_again(telegram_and_service: tuple[TelegramProcess, Serving]) -> None:
    telegram, service = telegram_and_service
    chance = random.Random(7)
    callers = [62_000_001 + n for n in range(8)]
    begin(telegram, callers)
    kills: list[float] = []
    for number in range(4):
        for chat in callers:
            telegram.act("say", chat=chat, text=_COMMANDS[number])
        time.sleep(chance.uniform(0.05, 1.5))
        service.kill()
        kills.append(time.time())
        for chat in callers[:2]:
            telegram.act("say", chat=chat, text=_COMMANDS[4])  # while nobody is there
        service.start()
    for chat in callers:
        rounds = 8 if chat in callers[:2] else 4
        telegram.until(lambda chat=chat, rounds=rounds: expected(telegram, chat, rounds), "all answers", 90)  # type: ignore[misc]
    time.sleep(3)
    for chat in callers:
        repeats = surplus(telegram, chat, kills)
        assert len(telegram.to(chat)) - repeats == (10 if chat in callers[:2] else 6), (chat, repeats)
    telegram.until(lambda: not telegram.state["pending"], "every update taken")


def surplus(telegram: TelegramProcess, chat: int, kills: list[float]) -> int:
    """Messages that came twice in a row, and why they may: the first one was sent just before a kill."""
    repeats = 0
    for first, second in itertools.pairwise(telegram.to(chat)):
        killed_between = [kill for kill in kills if first["at"] <= kill <= second["at"]]
        if first["text"] == second["text"] and killed_between and killed_between[0] - first["at"] < _JUST_BEFORE:
            repeats += 1
    return repeats


def test_a_platform_that_lost_its_answer(telegram_and_service: tuple[TelegramProcess, Serving]) -> None:
    """Telegram sent the message but its answer was lost: nobody can know, so it may come twice, but never not at all."""
    telegram, _ = telegram_and_service
    begin(telegram, [63_000_001])
    telegram.act("trouble", method="sendMessage", code=504, done=True)
    telegram.act("say", chat=63_000_001, text="/menu")
    telegram.answer(63_000_001, 2)
    telegram.act("say", chat=63_000_001, text="/operator")
    telegram.until(lambda: len(Counter(s["text"] for s in telegram.to(63_000_001))) >= 4, "both answers")
    assert len(telegram.to(63_000_001)) <= 5
