"""The shipped matcher on the real content."""

from __future__ import annotations

from functools import cache

import pytest

from bot.content import catalogue
from bot.matching.match import Action, Urgency
from bot.matching.matcher import Matcher
from tests.acceptance.serving import ROOT


@cache
def matcher() -> Matcher:
    return Matcher.train(catalogue.lesson(catalogue.load(ROOT / "intents")[0]))


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("начальник запер нас в бараке, паспорта забрал, охрана бьет", Urgency.EMERGENCY),
        ("xo‘jayin pasportimni olib qo‘ydi, qamab qo‘ydi, uradi", Urgency.EMERGENCY),
        ("хозяин забрал паспорт и не отдает", Urgency.URGENT),
        ("сколько дней можно без визы в казахстане", Urgency.NORMAL),
    ],
)
def test_the_gravest_danger_heard_decides_the_urgency(text: str, level: Urgency) -> None:
    assert matcher().match(text).danger.level is level


@pytest.mark.parametrize(
    ("text", "language"),
    [("хозяин не платит зарплату", "ru"), ("бастығым жалақымды бермей жатыр", "kk"), ("кожоюн айлыгымды бербей жатат", "ky"),
     ("хӯҷаин маошамро намедиҳад", "tg"), ("xo'jayin oyligimni bermayapti", "uz"), ("хўжайин ойлигимни бермаяпти", "uz")],
)  # fmt: skip
def test_unpaid_wages_in_every_language(text: str, language: str) -> None:
    match = matcher().match(text)
    assert (match.action, match.intent, match.language) == (Action.ANSWER, "unpaid_wages", language)
