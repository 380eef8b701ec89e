from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.matching.evaluation import ALL, Question, compare, evaluate, read_questions, wilson
from bot.matching.match import Action, Candidate, Danger, Match, Urgency

URGENCIES = {"wages": Urgency.NORMAL, "captive": Urgency.EMERGENCY}


class Oracle:
    """Understands messages of the form "ACTION INTENT DANGER …"."""

    def match(self, text: str) -> Match:
        action, intent, danger, *_ = text.split()
        return Match(
            text=text,
            folded=text,
            language="ru",
            script="Latn",
            language_scores={},
            action=Action(action),
            intent=intent if action == "answer" else None,
            choices=(intent, "other") if action == "choose" else (),
            danger=Danger(Urgency.URGENT, intent) if danger == "!" else Danger(),
            candidates=(Candidate(intent, 0.9),),
        )


def ask(*rows: tuple[str, str, str]) -> dict[str, tuple[int, int]]:
    result = evaluate(Oracle(), [Question("ru", intent, style, text) for intent, style, text in rows], URGENCIES)
    return {
        figure: (s.hits, s.total) for (lang, style, figure), s in result.shares.items() if (lang, style) == (ALL, ALL)
    }


def test_what_each_figure_counts() -> None:
    assert ask(
        ("wages", "plain", "answer wages - x"),
        ("wages", "plain", "answer captive ! x"),
        ("wages", "short", "choose wages -"),
        ("captive", "indirect", "fallback captive ! x"),
        ("captive", "indirect", "choose wages - x"),
        ("out_of_scope", "plain", "answer wages - x"),
        ("out_of_scope", "plain", "fallback wages - x"),
    ) == {
        "right": (3, 5),
        "held": (2, 5),
        "wrong": (1, 5),
        "danger": (1, 2),
        "false_alarm": (1, 3),
        "scope": (1, 2),
        "language": (6, 6),
    }


def test_a_fall_is_named_and_danger_tolerates_none() -> None:
    rows = [Question("ru", "captive", "plain", "answer captive ! x")] * 199
    before = evaluate(Oracle(), [*rows, rows[0]], URGENCIES).baseline()
    now = evaluate(Oracle(), [*rows, Question("ru", "captive", "plain", "answer captive - x")], URGENCIES)
    assert compare(evaluate(Oracle(), rows, URGENCIES), before) == []
    assert {(r.language, r.figure) for r in compare(now, before)} == {("ru", "danger"), (ALL, "danger")}
    assert "danger was 100.0%, is 99.5%" in str(compare(now, before)[0])


def test_questions_are_read() -> None:
    text = "intent\tstyle\ttext\nwages\tplain\tне платят\nbroken line\n\ncaptive\tshort\tзаперли\n"
    assert read_questions(text, "ru") == [
        Question("ru", "wages", "plain", "не платят"),
        Question("ru", "captive", "short", "заперли"),
    ]


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_rate(hits: int, misses: int) -> None:
    low, high = wilson(hits, hits + misses)
    assert 0 <= low <= high <= 1
    if hits + misses:
        assert low - 1e-9 <= hits / (hits + misses) <= high + 1e-9


def test_the_interval_of_a_known_case() -> None:
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe 1998, table I
