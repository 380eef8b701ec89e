"""The real content: complete, checked, and with a number for everyone."""

from __future__ import annotations

import ast
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest

from bot.channels.markup import to_plain
from bot.content.catalogue import lesson
from bot.content.handbook import Handbook
from bot.content.inspection import PREVIEW, REVEALING, inspect
from bot.content.phrasebook import Phrasebook
from bot.content.schema import LANGUAGES, Content
from bot.dialogue.question import STAY_COUNTRIES
from bot.errors import Problem
from bot.matching import template
from bot.matching.match import Urgency

ROOT = Path(__file__).parents[2]
# Said below the neutral line of a yes-or-no question (tests/dialogue/test_turn.py), never first.
BELOW = {"Do you want the police to come?"}
WRITTEN = ("ru", "kk", "ky", "tg", "uz")
STAYS = (*[code for code in STAY_COUNTRIES if code != "other"], "DE", "GB", "TM", "other", "")


@cache
def real() -> tuple[Content, tuple[Problem, ...]]:
    content, problems = inspect(ROOT / "intents", datetime.now(UTC).date())
    assert content is not None
    return content, problems


@cache
def handbook() -> Handbook:
    return Handbook(real()[0], Phrasebook.load(ROOT / "locales", LANGUAGES), lambda: date(2026, 11, 24))


def test_the_content_has_no_errors() -> None:
    assert [str(problem) for problem in real()[1] if problem.severity == "error"] == []


def test_all_81_intents_are_there() -> None:
    content = real()[0]
    assert len(content.intents) == 81
    assert len(content.topics) == 10
    assert len(content.words) >= 250


def test_every_intent_has_enough_examples_in_every_language() -> None:
    few = []
    for intent in real()[0].intents.values():
        wanted = 50 if intent.topic == "danger" or intent.id == "detained" else 30
        few += [(intent.id, language) for language in WRITTEN if len(intent.examples.get(language, ())) < wanted]
    assert not few


def test_templates_are_small_enough_to_learn_from() -> None:
    learned = lesson(real()[0])
    counts = [template.count(t, learned.words, lang) for i in learned.intents for lang, ts in i.examples.items() for t in ts]
    assert len(counts) > 12_000
    assert max(counts) <= 2000


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_every_answer_can_be_given_everywhere(language: str) -> None:
    book = handbook()
    for intent in sorted(book.intents()):
        for stay in STAYS:
            for citizenship in ("KG", "UZ", ""):
                found = book.answer(intent, language, stay, citizenship)
                assert len(found.text) > 20, (intent, language, stay)
                assert "{" not in found.text
                assert "TODO" not in found.text
                assert len(found.text) + len(found.small_print) < 4000, (intent, language)


@pytest.mark.parametrize("stay", STAYS)
@pytest.mark.parametrize("urgency", list(Urgency))
def test_every_country_and_urgency_has_a_number_that_works_there(stay: str, urgency: Urgency) -> None:
    content = real()[0]
    listed = content.by_country[stay or "other"][urgency.value]
    works = [name for name in listed if content.contacts[name].dialled_from(stay or "other") or "*" in content.contacts[name].dial_from]
    assert works or (urgency is Urgency.EMERGENCY and (stay or "other") == "other")
    assert "tel:" in handbook().numbers("ru", stay, urgency)


@pytest.mark.parametrize("language", list(LANGUAGES))
@pytest.mark.parametrize("stay", STAYS)
def test_a_locked_phone_shows_nothing_of_the_danger_card(language: str, stay: str) -> None:
    for urgency in (Urgency.URGENT, Urgency.EMERGENCY):
        shown = to_plain(handbook().numbers(language, stay, urgency))[:PREVIEW]
        assert not REVEALING.search(shown), shown


def _spoken_by_the_bot() -> set[str]:
    """Every phrase marked in what speaks to callers: dialogue, delivery, desk and channels, not the console's pages."""
    marked: set[str] = set()
    for folder in ("dialogue", "hotline", "channels"):
        for path in (ROOT / "bot" / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_":
                    marked |= {part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return marked


@pytest.mark.parametrize("language", ["ru", "kk", "ky", "tg", "uz", "uz_Cyrl"])
def test_a_locked_phone_shows_nothing_of_a_phrase(language: str) -> None:
    """Any phrase may be the first of a message."""
    phrases = _spoken_by_the_bot()
    book = Phrasebook.load(ROOT / "locales", [language])
    assert len(phrases) > 120
    assert phrases >= BELOW
    bad = {found for phrase in phrases - BELOW if REVEALING.search(found := to_plain(book.say(phrase, language))[:PREVIEW])}
    assert not bad


def test_the_given_hotlines_and_missions_are_there() -> None:
    contacts = real()[0].contacts
    phones = {contact.phone for contact in contacts.values()}
    assert {"11616", "1899", "+992900800800"} <= phones
    emails = {contact.email for contact in contacts.values()}
    assert {"iomastana@iom.int", "iomalmaty@iom.int", "iomkyrgyzstan@iom.int", "dushanbe@iom.int", "iomashgabat@iom.int", "iomuz@iom.int"} <= emails


def test_no_answer_and_no_contact_names_a_number_marked_unverified() -> None:
    content = real()[0]
    said = [text for i in content.intents.values() for texts in (i.answer, *(v.text for v in i.when)) for text in texts.values()]
    said += [contact.phone for contact in content.contacts.values()]
    assert len(said) > 900
    for number in ("1148", "1282", "8-800-7000-600", "74959679844", "8-495-051"):
        assert not [text for text in said if number in text]


def test_the_menu_shows_nine_topics() -> None:
    assert len(handbook().topics()) == 9
