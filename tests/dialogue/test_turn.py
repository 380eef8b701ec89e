"""Talks as callers have them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dialogue.closed_answer import Closed, closed_answer, leaves, number
from bot.dialogue.context import Desk
from bot.dialogue.effect import Erase, Feedback, Missed, Note, OpenCase
from bot.dialogue.message import Kind, Media, Message
from bot.dialogue.reply import BUTTON_ID_LIMIT, BUTTONS_LIMIT
from bot.dialogue.session import Mode, Session
from bot.matching.match import Urgency
from tests.builders.content import handbook, intent
from tests.builders.talk import NOW, Caller, command, match, press, text

WAGES = {"не платят": match("не платят", "unpaid_wages")}
DANGER = {"убьют": match("убьют", danger=Urgency.EMERGENCY, danger_intent="emergency_now")}
SOFT = {"забрали": match("забрали", danger=Urgency.URGENT, danger_intent="documents_taken", soft=True)}


def test_start_offers_the_languages() -> None:
    caller = Caller()
    caller.send(command("start", "poster_7"))
    assert caller.buttons == [f"lang:{code}" for code in ("ru", "kk", "ky", "tg", "uz", "uz_Cyrl")]
    assert caller.session.campaign == "poster_7"


def test_a_first_question_is_answered_at_once_with_one_line_on_what_this_is() -> None:
    caller = Caller(WAGES)
    caller.says("не платят")
    assert "free and confidential" in caller.heard
    assert "answer to unpaid_wages [ru]" in caller.heard
    assert "Source: example.org. Checked: 01.11.2026" in caller.heard
    assert {"helped:unpaid_wages", "nohelp:unpaid_wages", "operator", "languages", "i:overstayed"} <= set(caller.buttons)


def test_a_first_greeting_is_answered_with_the_languages() -> None:
    caller = Caller({"салам": match("салам", "greeting")})
    caller.says("салам")
    assert caller.buttons[0] == "lang:ru"


def test_the_chosen_language_wins_over_the_detected_one() -> None:
    caller = Caller({"x": match("x", "unpaid_wages", language="uz", script="Cyrl")})
    caller.presses("lang:tg")
    caller.says("x")
    assert "[tg]" in caller.heard


def test_uzbek_in_cyrillic_is_answered_in_cyrillic() -> None:
    caller = Caller({"x": match("x", "unpaid_wages", language="uz", script="Cyrl")})
    caller.says("x")
    assert caller.session.detected == "uz_Cyrl"


@pytest.mark.parametrize("typed", ["2", "2.", " №2 "])
def test_a_typed_number_presses_the_button(typed: str) -> None:
    caller = Caller({"что": match("что", choices=("overstayed", "unpaid_wages"))})
    caller.says("что")
    caller.says(typed)
    assert "answer to unpaid_wages" in caller.heard


def test_among_choices_a_person_has_one_button() -> None:
    caller = Caller({"что": match("что", choices=("talk_to_operator", "unpaid_wages"))})
    caller.says("что")
    assert caller.buttons == ["i:unpaid_wages", "none", "operator"]


def test_the_country_is_asked_only_when_the_answer_depends_on_it() -> None:
    caller = Caller({"просрочил": match("просрочил", "overstayed")})
    caller.says("просрочил")
    assert "stay:RU" in caller.buttons
    caller.says("я в России")
    assert "in Russia" in caller.heard
    assert caller.session.stay == "RU"
    caller.says("просрочил")
    assert "in Russia" in caller.heard


def test_citizenship_is_asked_when_the_answer_depends_on_it() -> None:
    caller = Caller({"патент": match("патент", "eaeu_rights")})
    caller.says("патент")
    assert "cit:KG" in caller.buttons
    caller.presses("cit:KG")
    assert "no patent" in caller.heard


def test_danger_gets_the_card_numbers_and_a_case() -> None:
    caller = Caller(DANGER)
    caller.session = Session(language="ru", stay="KZ", mode=Mode.OPEN)
    turn = caller.says("убьют")
    assert turn.replies[0].text.startswith("📞 [112](tel:112)")
    assert "safe:yes" in caller.buttons
    assert "exit" in caller.buttons
    case = next(effect for effect in turn.effects if isinstance(effect, OpenCase))
    assert (case.urgency, case.reason, case.intent) == (Urgency.EMERGENCY, "danger", "emergency_now")
    assert case.signals


def test_danger_wins_over_a_good_match_and_the_other_question_is_offered() -> None:
    both = match("оба", "unpaid_wages", danger=Urgency.URGENT, danger_intent="documents_taken", also=("unpaid_wages",))
    caller = Caller({"оба": both})
    caller.says("оба")
    assert "answer to documents_taken" in caller.heard
    assert "i:unpaid_wages" in caller.buttons


@pytest.mark.parametrize(("answer", "case"), [("да", True), ("ооба", True), ("ha", True), ("жоқ", False), ("2", False)])
def test_unsure_danger_asks_first(answer: str, case: bool) -> None:
    caller = Caller(SOFT)
    first = caller.says("забрали")
    assert not first.effects
    assert caller.session.mode is Mode.CONFIRM_DANGER
    turn = caller.says(answer)
    assert any(isinstance(effect, OpenCase) for effect in turn.effects) is case


def test_not_safe_to_write_turns_to_closed_questions() -> None:
    caller = Caller(DANGER)
    caller.says("убьют")
    turn = caller.says("йўқ")
    assert caller.session.closed_only
    assert Note("safe_to_write", "no") in turn.effects
    assert caller.buttons[:2] == ["read:yes", "read:no"]
    assert any(isinstance(effect, OpenCase) for effect in caller.says("1").effects)


def test_a_watched_caller_tells_all_that_matters_by_yes_and_no() -> None:
    caller = Caller(DANGER)
    caller.says("убьют")
    caller.says("2")
    caller.says("иә")
    noted = {}
    for answer in ("жоқ", "yo'q", "1", "нет", "ҳа", "2"):
        assert caller.buttons[:2] == [f"ask:{(question := caller.buttons[0].split(':')[1])}:yes", f"ask:{question}:no"]
        turn = caller.says(answer)
        noted |= {effect.key: effect.value for effect in turn.effects if isinstance(effect, Note)}
    assert noted == {"hurt": "no", "can_leave": "no", "child": "yes", "has_papers": "no", "knows_place": "yes", "wants_police": "no"}
    assert "numbers" in caller.buttons


def test_hurt_or_locked_in_makes_it_an_emergency() -> None:
    caller = Caller()
    caller.presses("closed:on")
    caller.says("1")
    assert [e.urgency for e in caller.says("ооба").effects if isinstance(e, OpenCase)] == [Urgency.EMERGENCY]
    assert caller.session.danger == "emergency"


def test_closed_questions_can_be_left_for_free_words_and_for_danger() -> None:
    caller = Caller(DANGER)
    caller.presses("closed:on")
    caller.says("1")
    assert "112" in "".join(reply.text for reply in caller.says("убьют").replies)
    caller.presses("closed:off")
    assert not caller.session.closed_only


def test_a_phone_that_shows_the_first_line_shows_no_question() -> None:
    caller = Caller()
    caller.presses("closed:on")
    lead, _, question = caller.says("1").replies[-1].text.partition("\n\n")
    assert len(lead) >= 60
    assert question


def test_a_word_of_ones_own_leaves_at_once_and_is_never_repeated() -> None:
    caller = Caller()
    caller.presses("word:exit")
    caller.says("Мандарин")
    assert "андарин" not in caller.heard
    turn = caller.says("mandarin")
    assert turn.replies[-1].final
    assert Erase("messages") in turn.effects
    assert caller.session.exit_word, "the word works the next time too"


@pytest.mark.parametrize("word", ["да", "2", "ок", "стоп!", "123", "а", "оченьоченьдлинноесловооченьочень"])
def test_a_word_that_would_leave_by_mistake_is_not_taken(word: str) -> None:
    caller = Caller()
    caller.presses("word:exit")
    caller.says(word)
    assert not caller.session.exit_word


def test_danger_written_where_a_word_was_asked_for_gets_the_card() -> None:
    caller = Caller(DANGER)
    caller.presses("word:check")
    caller.says("убьют")
    assert "112" in caller.heard


def test_the_check_word_is_kept_for_the_operator_and_not_repeated() -> None:
    caller = Caller({"Ласточка": match("Ласточка")})
    caller.presses("word:check")
    assert Note("check_word", "Ласточка") in caller.says("Ласточка").effects
    assert "асточка" not in caller.heard


def test_two_misses_lead_to_a_person() -> None:
    caller = Caller()
    assert caller.says("абракадабра").effects == (Missed("fallback"),)
    turn = caller.says("абракадабра ещё")
    assert [type(effect) for effect in turn.effects] == [Missed, OpenCase]
    assert "tel:+992900800800" in caller.heard


def test_did_this_help_no_leads_to_a_person() -> None:
    caller = Caller(WAGES)
    caller.says("не платят")
    turn = caller.presses("nohelp:unpaid_wages")
    assert Feedback("unpaid_wages", False) in turn.effects
    assert any(isinstance(effect, OpenCase) for effect in turn.effects)


def test_the_truth_when_nobody_is_there() -> None:
    caller = Caller(desk=Desk(open=False, speaks=True))
    caller.send(command("operator"))
    assert "No person is on duty" in caller.heard
    assert "time" in caller.buttons
    caller.presses("time")
    turn = caller.says("завтра вечером")
    assert Note("safe_time", "завтра вечером") in turn.effects


@pytest.mark.parametrize("word", ["STOP", "стоп", "Стоп!", "chiqish", "/exit"])
def test_quick_exit_leaves_one_neutral_line(word: str) -> None:
    caller = Caller(DANGER)
    caller.says("убьют")
    turn = caller.send(command("exit") if word == "/exit" else text(word))
    assert turn.effects == (Erase("messages"),)
    assert [reply.final for reply in turn.replies] == [True]
    assert caller.session.mode is Mode.EXITED


def test_delete_my_data_asks_once() -> None:
    caller = Caller(WAGES)
    caller.says("не платят")
    caller.send(command("delete"))
    assert caller.says("нет").effects == ()
    caller.send(command("delete"))
    assert caller.says("да").effects == (Erase("everything"),)
    assert caller.session == Session(mode=Mode.EXITED)


def test_the_bot_is_mute_while_a_person_has_the_talk() -> None:
    caller = Caller({**WAGES, **DANGER})
    caller.session = Session(language="ru", case="operator")
    assert caller.says("не платят").replies == ()
    assert [type(effect) for effect in caller.says("убьют").effects] == [OpenCase]
    assert caller.says("стоп").effects == (Erase("messages"),)


def test_a_stale_message_gets_one_apology_but_danger_is_answered() -> None:
    caller = Caller({**WAGES, **DANGER}, backlog=True)
    caller.says("не платят")
    assert "reached us late" in caller.heard
    assert "answer to unpaid_wages" not in caller.heard
    caller.says("убьют")
    assert "tel:112" in caller.heard


@pytest.mark.parametrize("kind", [Kind.VOICE, Kind.PHOTO, Kind.VIDEO, Kind.DOCUMENT, Kind.LOCATION, Kind.CONTACT])
def test_what_is_not_text_is_kindly_explained(kind: Kind) -> None:
    caller = Caller()
    caller.send(Message(kind, NOW, media=Media("file")))
    assert {"operator", "menu"} <= set(caller.buttons)
    assert "112" in caller.heard


def test_an_overdue_answer_is_replaced_by_the_hotline() -> None:
    from datetime import date

    caller = Caller(WAGES, book=handbook(today=date(2027, 6, 30)))
    caller.says("не платят")
    assert "being checked anew" in caller.heard
    assert "+992900800800" in caller.heard


@pytest.mark.parametrize(
    ("typed", "meaning"),
    [("да", Closed.YES), ("Иә", Closed.YES), ("ооба", Closed.YES), ("ҳа", Closed.YES), ("бале", Closed.YES), ("1", Closed.YES),
     ("нет", Closed.NO), ("жоқ", Closed.NO), ("yo‘q", Closed.NO), ("не", Closed.NO), ("2", Closed.NO), ("мне плохо", None),
     ("да нет", None), ("әлбетте", Closed.YES), ("albatta", Closed.YES), ("👍", Closed.YES), ("👎", Closed.NO), ("😀", None), ("/", None)],
)  # fmt: skip
def test_yes_and_no_in_any_spelling(typed: str, meaning: Closed | None) -> None:
    assert closed_answer(typed) is meaning


def test_a_typed_yes_or_no_under_an_answer_says_whether_it_helped() -> None:
    caller = Caller(WAGES)
    caller.says("не платят")
    assert caller.says("да").effects == (Feedback("unpaid_wages", True),)
    caller.says("не платят")
    assert Feedback("unpaid_wages", False) in caller.says("нет").effects


def test_danger_written_where_a_safe_time_was_asked_for_gets_the_card() -> None:
    caller = Caller(DANGER | SOFT)
    caller.presses("time")
    turn = caller.says("убьют")
    assert [effect.urgency for effect in turn.effects if isinstance(effect, OpenCase)] == [Urgency.EMERGENCY]
    assert "112" in caller.heard
    caller.presses("time")
    assert Note("safe_time", "забрали") in caller.says("забрали").effects


def test_a_country_typed_under_the_danger_card_is_taken_and_the_open_question_stays() -> None:
    caller = Caller(DANGER)
    caller.says("убьют")
    caller.says("Россия")
    assert caller.session.stay == "RU"
    assert caller.buttons[:2] == ["safe:yes", "safe:no"]
    caller.says("нет")
    assert caller.session.closed_only


def test_danger_written_where_a_country_was_asked_for_gets_the_card() -> None:
    caller = Caller({"просрочил": match("просрочил", "overstayed"), "Россия убьют": match("Россия убьют", danger=Urgency.EMERGENCY, danger_intent="emergency_now")})
    caller.says("просрочил")
    caller.says("Россия убьют")
    assert caller.session.danger == "emergency"


def test_a_person_is_offered_once() -> None:
    caller = Caller({"x": match("x", "about")}, book=handbook(intent("about", see_also=("talk_to_operator", "overstayed"))))
    caller.says("x")
    assert "i:talk_to_operator" not in caller.buttons
    assert {"operator", "i:overstayed"} <= set(caller.buttons)


def test_words_that_leave() -> None:
    assert leaves("СТОП")
    assert leaves("мандарин", own_word="mandarin")
    assert not leaves("не могу остановиться")
    assert number("3)") == 3
    assert number("2026") == 0


_TEXTS = st.one_of(
    st.sampled_from(["не платят", "убьют", "забрали", "что", "да", "нет", "1", "2", "7", "стоп", "привет", "Россия", ""]),
    st.text(max_size=40),
)
_BUTTONS = st.sampled_from(
    ["menu", "languages", "lang:uz", "lang:xx", "t:work", "t:stay:0", "t:nope", "i:overstayed", "i:emergency_now", "i:nope", "none",
     "stay:RU", "stay:<script>", "cit:KG", "helped:unpaid_wages", "nohelp:x", "operator", "numbers", "danger:yes", "danger:no",
     "safe:yes", "safe:no", "read:yes", "time", "erase:no", "rate:yes", "", ":", "forged:1"]
)  # fmt: skip
_COMMANDS = st.sampled_from(["start", "menu", "language", "operator", "help", "delete", "nonsense"])
_MESSAGES = st.one_of(
    _TEXTS.map(text),
    _BUTTONS.map(press),
    _COMMANDS.map(command),
    st.sampled_from([k for k in Kind if k not in (Kind.TEXT, Kind.CHOICE, Kind.COMMAND)]).map(lambda k: Message(k, NOW)),
)


@given(st.lists(_MESSAGES, max_size=12), st.booleans(), st.booleans())
def test_whatever_is_sent_every_reply_can_be_shown_and_every_state_be_left(
    messages: list[Message], desk_open: bool, backlog: bool
) -> None:
    choices = {"что": match("что", choices=("overstayed", "unpaid_wages")), "привет": match("привет", "greeting")}
    caller = Caller({**WAGES, **DANGER, **SOFT, **choices}, desk=Desk(open=desk_open, speaks=True), backlog=backlog)
    for message in messages:
        turn = caller.send(message)
        for reply in turn.replies:
            assert reply.text.strip()
            assert len(reply.buttons) <= BUTTONS_LIMIT
            assert all(len(b.id.encode()) <= BUTTON_ID_LIMIT and b.title for b in reply.buttons)
            assert len({b.id for b in reply.buttons}) == len(reply.buttons)
        assert Session.load(turn.session.dump()) == turn.session
    caller.backlog = False
    caller.send(command("menu"))
    assert "t:work" in caller.buttons
    assert caller.session.mode in (Mode.OPEN, Mode.CHOOSING)


def test_where_messages_cannot_be_deleted_nothing_is_promised() -> None:
    caller = Caller(can_delete=False)
    caller.presses("lang:ru")
    assert "clear this chat" not in caller.heard
    caller.presses("word:exit")
    assert "cleared" not in caller.heard


def file(seconds: float = 0, kind: Kind = Kind.PHOTO, caption: str = "") -> Message:
    """A file that came so many seconds after NOW."""
    return Message(kind, NOW + timedelta(seconds=seconds), text=caption, media=Media("f"))


def test_an_album_gets_one_answer() -> None:
    caller = Caller()
    caller.presses("lang:ru")
    answers = [caller.send(file()).replies for _ in range(10)]
    assert [len(replies) for replies in answers] == [1] + [0] * 9
    assert caller.session.offered == ("operator", "menu")
    caller.says("1")
    assert "read:yes" in caller.buttons or caller.last.effects


def test_an_album_with_a_caption_is_answered_by_what_the_caption_says() -> None:
    caller = Caller(WAGES)
    caller.presses("lang:ru")
    caller.send(file(caption="не платят"))
    assert "answer to unpaid_wages" in caller.heard
    assert [caller.send(file(1, kind)).replies for kind in (Kind.PHOTO, Kind.VIDEO, Kind.DOCUMENT)] == [(), (), ()]
    caller.send(file(2, caption="не платят"))
    assert "answer to unpaid_wages" in caller.heard


def test_pages_photographed_one_after_another_get_one_answer_and_later_ones_another() -> None:
    caller = Caller()
    caller.presses("lang:ru")
    assert [len(caller.send(file(at)).replies) for at in (0, 40, 80, 300)] == [1, 0, 0, 1]
    caller.says("?")
    assert caller.send(file(301)).replies


def test_each_voice_message_is_answered() -> None:
    caller = Caller()
    caller.presses("lang:ru")
    assert all(caller.send(file(at, Kind.VOICE)).replies for at in (0, 1))


@pytest.mark.parametrize("between", ["news", "menu", "help"])
def test_a_yes_answers_the_question_on_the_screen_and_never_an_older_one_about_erasing(between: str) -> None:
    caller = Caller(can_write_first=True)
    caller.send(command("delete"))
    caller.send(command(between))
    assert not any(isinstance(effect, Erase) for effect in caller.says("да").effects)
    caller.send(command("delete"))
    assert Erase("everything") in caller.says("да").effects
