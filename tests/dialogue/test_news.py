"""News: asked for once and gently, shown after a tap, ended by STOP in any language from any state."""

from __future__ import annotations

import pytest

from bot.dialogue.closed_answer import leaves, refuses_news
from bot.dialogue.effect import Erase, ShowNews, Subscribe
from bot.dialogue.session import Mode, Session
from tests.builders.talk import Caller, command

_STOPS = (
    "STOP", "stop", "Стоп", "стоп!", "тоқта", "ТОКТА", "токто", "Тоқтат", "бас", "to'xta", "To‘xta", "toxta", "тўхта", "тухта", "тӯхта", "қатъ", "катъ", "бас кун",
)  # fmt: skip


def subscribed(**session: object) -> Caller:
    return Caller(session=Session(mode=Mode.OPEN, language="ru", news="yes").change(**session))


def test_asked_once_after_a_question_that_helped() -> None:
    caller = Caller(session=Session(mode=Mode.OPEN, language="ru"), can_write_first=True)
    caller.presses("helped:unpaid_wages")
    assert "news:yes" in caller.buttons
    assert caller.session.news == "asked"
    caller.presses("helped:unpaid_wages")
    assert "news:yes" not in caller.buttons


@pytest.mark.parametrize(
    "session",
    [Session(danger="urgent"), Session(case="waiting"), Session(case="operator"), Session(closed_only=True), Session(news="no")],
)
def test_never_asked_in_danger_with_a_case_or_again(session: Session) -> None:
    caller = Caller(session=session.change(mode=Mode.OPEN, language="ru"), can_write_first=True)
    caller.presses("helped:unpaid_wages")
    assert not any(button.id == "news:yes" for reply in caller.last.replies for button in reply.buttons)


def test_never_asked_where_the_caller_cannot_be_reached_later() -> None:
    caller = Caller(session=Session(mode=Mode.OPEN, language="ru"), can_write_first=False)
    caller.presses("helped:unpaid_wages")
    assert "news:yes" not in caller.buttons


@pytest.mark.parametrize(("said", "wanted"), [("да", True), ("1", True), ("ҳа", True), ("жоқ", False), ("2", False)])
def test_yes_and_no_can_be_typed(said: str, wanted: bool) -> None:
    caller = Caller(session=Session(mode=Mode.OPEN, language="ru"), can_write_first=True)
    caller.presses("helped:unpaid_wages")
    caller.says(said)
    assert caller.last.effects == (Subscribe(wanted),)
    assert caller.session.news == ("yes" if wanted else "no")


@pytest.mark.parametrize("word", _STOPS)
def test_stop_ends_news_in_every_language(word: str) -> None:
    caller = subscribed()
    assert leaves(word)
    caller.says(word)
    assert caller.last.effects == (Erase("messages"), Subscribe(False))
    assert caller.last.replies[-1].final
    first = caller.heard
    caller.says(word)
    assert caller.last.effects == (Erase("messages"),)  # confirmed once
    assert caller.heard != first


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("case", ["", "waiting", "operator", "closed"])
def test_stop_works_from_any_state(mode: Mode, case: str) -> None:
    caller = subscribed(mode=mode, case=case)
    caller.backlog = True
    caller.says("стоп")
    assert Subscribe(False) in caller.last.effects
    assert caller.session.news == "no"


@pytest.mark.parametrize("words", ["отписаться", "Unsubscribe", "yangilik kerak emas", "жаңалық керек емес", "хабар лозим нест"])
def test_news_ends_without_leaving(words: str) -> None:
    caller = subscribed()
    assert refuses_news(words)
    caller.says(words)
    assert caller.last.effects == (Subscribe(False),)
    assert caller.session.mode is Mode.OPEN


@pytest.mark.parametrize("said", ["да", "1", "покажи", "Показать!", "көрсет", "көрсөт", "нишон деҳ", "ko'rsat"])
def test_the_text_follows_a_tap_or_a_word(said: str) -> None:
    caller = subscribed(offered=("show:abc:yes", "show:abc:no"))
    caller.says(said)
    (shown,) = caller.last.effects
    assert isinstance(shown, ShowNews)
    assert (shown.broadcast, shown.language) == ("abc", "ru")
    assert caller.session.offered == ("menu", "news:no")


@pytest.mark.parametrize("said", ["нет", "2", "жок"])
def test_not_now_shows_nothing(said: str) -> None:
    caller = subscribed(offered=("show:abc:yes", "show:abc:no"))
    caller.says(said)
    assert caller.last.effects == ()
    assert caller.session.news == "yes"


def test_the_command_asks_again() -> None:
    caller = Caller(session=Session(mode=Mode.OPEN, language="ru", news="no"), can_write_first=True)
    caller.send(command("news"))
    assert "news:yes" in caller.buttons
