from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.matching.lesson import IntentLesson, Lesson
from bot.matching.match import Action, Urgency
from bot.matching.matcher import Matcher
from tests.matching.lessons import FakeEncoder, small_lesson


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher.train(small_lesson(), semantic=False)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("начальник зарплату не платит", "unpaid_wages"),
        ("pasportimni xo'jayin olib qo'ydi", "documents_taken"),
        ("паспортимни хужайин олиб куйди", "documents_taken"),
        ("xozyain pasport zabral", "documents_taken"),
        ("сколька стоит потент", "work_permit"),
        ("eshikni qulflab meni qamab qo'yishdi", "held_captive"),
    ],
)
def test_every_spelling_finds_its_intent(matcher: Matcher, text: str, intent: str) -> None:
    assert matcher.match(text).candidates[0].intent == intent


def test_an_example_word_for_word_is_answered(matcher: Matcher) -> None:
    match = matcher.match("Как получить патент?")
    assert (match.action, match.intent, match.reason) == (Action.ANSWER, "work_permit", "exact")
    assert match.candidates[0].nearest == "как получить патент"
    assert match.candidates[0].nearest_language == match.language == "ru"


def test_five_candidates_whose_scores_fall(matcher: Matcher) -> None:
    scores = [candidate.score for candidate in matcher.match("паспорт").candidates]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    assert 0 <= sum(scores) <= 1.001


def test_danger_is_seen_with_the_callers_own_words(matcher: Matcher) -> None:
    danger = matcher.match("хозяин забрал паспорт").danger
    assert danger
    assert (danger.intent, danger.level) == ("documents_taken", Urgency.URGENT)
    assert danger.signals
    assert not matcher.match("какие документы для патента").danger


def test_two_questions_in_one_message(matcher: Matcher) -> None:
    match = matcher.match("Хозяин забрал паспорт и не отдает. Сколько стоит патент на работу?")
    assert {match.candidates[0].intent, *match.also} == {"documents_taken", "work_permit"}


def test_the_previous_intent_decides_a_short_question(matcher: Matcher) -> None:
    alone = matcher.match("а сколько")
    after = matcher.match("а сколько", previous="work_permit")
    scores = [{c.intent: c.score for c in match.candidates}["work_permit"] for match in (alone, after)]
    assert scores[1] >= scores[0]


def test_the_chosen_language_decides_where_the_text_does_not(matcher: Matcher) -> None:
    assert matcher.match("112", language_hint="tg").language == "tg"
    assert matcher.match("как получить патент на работу", language_hint="tg").language == "ru"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00",
        "\ud800\udfff",
        "\u202e\u2066abc",
        "\u200b" * 99,
        "😭" * 3000,
        "а" * 100_000,
        "паспорт " * 12_500,
        "p\u0430sp\u043ert",
        "()[]<>|",
        "\n\n",
    ],
)
def test_any_string_is_matched_quickly(matcher: Matcher, text: str) -> None:
    start = time.perf_counter()
    match = matcher.match(text)
    matcher.explain(match)
    assert time.perf_counter() - start < 1.5
    assert match.text == text


@settings(max_examples=150, deadline=None)
@given(st.text(), st.one_of(st.none(), st.text()), st.text(max_size=3))
def test_any_string_is_matched(matcher: Matcher, text: str, previous: str | None, hint: str) -> None:
    match = matcher.match(text, previous=previous, language_hint=hint)
    assert (match.intent is not None) == (match.action is Action.ANSWER)
    assert len(match.choices) in ((2, 3, 4) if match.action is Action.CHOOSE else (0,))


def test_nothing_said_falls_back(matcher: Matcher) -> None:
    assert matcher.match(" 😭 ").action is Action.FALLBACK


def test_the_explanation_adds_up_and_can_be_replayed(matcher: Matcher) -> None:
    text = "хозяин не отдает мой паспорт"
    match = matcher.match(text)
    explanation = matcher.explain(match)
    assert explanation.folded == match.folded
    assert [c.intent for c in explanation.candidates] == [c.intent for c in match.candidates]
    for candidate in explanation.candidates:
        total = candidate.bias + sum(part.weight for part in candidate.contributions)
        assert total == pytest.approx(candidate.linear, abs=1e-3)
        if candidate.nearest:
            assert matcher.replay(text, candidate.nearest) == pytest.approx(candidate.likeness)
    assert "passport" in explanation.concepts


def test_learning_is_kept_and_depends_on_nothing_but_the_lesson(tmp_path: Path) -> None:
    trained = Matcher.train(small_lesson(), cache=tmp_path, semantic=False)
    (file,) = tmp_path.glob("matcher-*.npz")
    before = file.stat().st_mtime_ns
    loaded = Matcher.train(small_lesson(), cache=tmp_path, semantic=False)
    assert file.stat().st_mtime_ns == before
    for text in ("паспорт отобрали", "salom", "qamab qo'ydi"):
        assert loaded.match(text) == trained.match(text)
    assert Matcher.train(small_lesson(), semantic=False).match("паспорт") == trained.match("паспорт")


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 nonsense", b"\x00" * 1000])
def test_a_damaged_file_is_learnt_anew(tmp_path: Path, damage: bytes) -> None:
    Matcher.train(small_lesson(), cache=tmp_path, semantic=False)
    (file,) = tmp_path.glob("matcher-*.npz")
    whole = file.read_bytes()
    file.write_bytes(damage or whole[: len(whole) // 2])
    assert Matcher.train(small_lesson(), cache=tmp_path, semantic=False).match("привет").intent == "greeting"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_another_lesson_has_another_file(tmp_path: Path) -> None:
    lesson = small_lesson()
    Matcher.train(lesson, cache=tmp_path, semantic=False)
    Matcher.train(replace(lesson, intents=lesson.intents[:4]), cache=tmp_path, semantic=False)
    assert len(list(tmp_path.glob("matcher-*.npz"))) == 2


def test_only_what_is_new_is_encoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    monkeypatch.setattr("bot.matching.matcher.load_encoder", lambda _tuning: encoder)
    lesson = small_lesson()
    Matcher.train(lesson, cache=tmp_path)
    assert len(encoder.encoded) > 40
    encoder.encoded.clear()
    greeting = replace(lesson.intents[-1], examples={"ru": (*lesson.intents[-1].examples["ru"], "доброе утро вам")})
    matcher = Matcher.train(replace(lesson, intents=(*lesson.intents[:-1], greeting)), cache=tmp_path)
    assert encoder.encoded == ["доброе утро вам"]
    match = matcher.match("что с бумагами")
    assert "meaning" in match.candidates[0].parts
    assert matcher.explain(match).candidates[0].meaning is not None


def test_cached_meaning_only_encodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = FakeEncoder()
    monkeypatch.setattr("bot.matching.matcher.load_encoder", lambda _tuning: encoder)
    matcher = Matcher.train(small_lesson(), cache=tmp_path, semantic="cached")
    assert not encoder.encoded
    assert matcher.match("привет").intent == "greeting"


@pytest.mark.parametrize("languages", [("xx",), ("en", "tk")])
def test_foreign_content_without_words_or_out_of_scope(languages: tuple[str, ...]) -> None:
    def examples(word: str) -> dict[str, tuple[str, ...]]:
        return {lang: tuple(f"{word} {lang} sentence number {n} about {word}" for n in range(6)) for lang in languages}

    lesson = Lesson(tuple(IntentLesson(w, "t", Urgency.NORMAL, examples(w)) for w in ("apple", "river", "window")))
    match = Matcher.train(lesson, semantic=False).match("tell me about the river")
    assert match.candidates[0].intent == "river"
    assert len(match.candidates) == 3
    assert not match.danger


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_smallest_lessons_train(count: int) -> None:
    lesson = Lesson(small_lesson().intents[:count])
    match = Matcher.train(lesson, semantic=False).match("хозяин забрал паспорт")
    assert len(match.candidates) == count
