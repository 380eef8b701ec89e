"""The needs map may be published: no figure, no difference and no total tells of a single caller."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bot.cli import app
from bot.hotline.records import Tally, iso_week
from bot.reports.needs_map import DIMENSIONS, Cell, K, as_csv, needs, safe, totals, whole_weeks

TODAY = date(2026, 11, 24)  # a Tuesday
FIRST = date(2026, 10, 26)  # a Monday
TOPICS = {"unpaid_wages": "work", "overstayed": "stay", "injury": "work"}


def tally(day: date, count: int = 1, stay: str = "RU", intent: str = "unpaid_wages", language: str = "uz", urgency: str = "normal") -> Tally:
    return Tally(day.isoformat(), "telegram", language, stay, intent, "answer", urgency, people=count)


days = st.integers(0, 40).map(lambda n: FIRST + timedelta(days=n))
some = st.builds(
    tally, days, st.integers(1, 25), st.sampled_from(["RU", "KZ", ""]), st.sampled_from([*TOPICS, "", "gone"]),
    st.sampled_from(["ru", "uz"]), st.sampled_from(["normal", "urgent"]),
)  # fmt: skip
many = st.lists(some, max_size=60)


def release(tallies: list[Tally], first: date = FIRST, last: date = TODAY, today: date = TODAY, k: int = K) -> tuple[Cell, ...]:
    return needs(tallies, TOPICS, first=first, last=last, today=today, k=k)


def truth(tallies: list[Tally]) -> Counter[tuple[str, ...]]:
    """The real counts, written down independently."""
    counts: Counter[tuple[str, ...]] = Counter()
    for t in tallies:
        counts[t.stay or "unknown", TOPICS.get(t.intent, "unclear"), t.urgency, t.language, iso_week(date.fromisoformat(t.day))] += t.people
    return counts


def key(cell: Cell) -> tuple[str, ...]:
    return dataclasses.astuple(cell)[:-1]


def test_an_example() -> None:
    week = date(2026, 11, 16)
    asked = [tally(week, 13), tally(week, 9, stay="KZ"), tally(week, 8), tally(date(2026, 11, 23), 50)]
    assert release(asked) == (Cell("RU", "work", "normal", "uz", "2026-W47", 20),)


@given(many, st.integers(2, 12))
def test_nothing_small_is_shown_and_counts_are_rounded_down(tallies: list[Tally], k: int) -> None:
    real = truth(tallies)
    shown = release(tallies, k=k)
    assert len({key(cell) for cell in shown}) == len(shown)
    assert all(k <= cell.count <= real[key(cell)] < cell.count + k and cell.count % k == 0 for cell in shown)
    weeks = whole_weeks(FIRST, TODAY, TODAY)
    assert {key(cell) for cell in shown} == {name for name, count in real.items() if count >= k and name[-1] in weeks}


@given(many)
def test_a_release_depends_on_nothing_but_the_rounded_counts(tallies: list[Tally]) -> None:
    """So each figure stands for k possible counts, and what is left out for 0 to k - 1: an observer cannot tell which."""
    real = truth(tallies)
    for offset in (0, K - 1):
        padded = []
        for t in tallies:
            name = t.stay or "unknown", TOPICS.get(t.intent, "unclear"), t.urgency, t.language, iso_week(date.fromisoformat(t.day))
            if name in real:
                count = real.pop(name)
                padded.append(dataclasses.replace(t, people=count - count % K + offset))
        real = truth(tallies)
        assert release(padded) == release(tallies)


@given(many, some)
def test_one_caller_more_changes_at_most_one_cell_by_one_step(tallies: list[Tally], one: Tally) -> None:
    one = dataclasses.replace(one, people=1)
    before, after = ({key(c): c.count for c in release(asked)} for asked in (tallies, [*tallies, one]))
    changed = {name: after.get(name, 0) - before.get(name, 0) for name in before | after if after.get(name) != before.get(name)}
    assert all(name in after for name in before)
    assert len(changed) <= 1
    assert set(changed.values()) <= {K}


@given(many, many, st.integers(0, 30))
def test_a_later_release_says_nothing_new_of_weeks_released_before(tallies: list[Tally], later: list[Tally], wait: int) -> None:
    """Whatever comes in after a release is counted into days that it did not show."""
    afterwards = TODAY + timedelta(days=wait)
    new = [dataclasses.replace(t, day=max(t.day, TODAY.isoformat())) for t in later]
    shown = whole_weeks(FIRST, TODAY, TODAY)
    second = release([*tallies, *new], last=afterwards, today=afterwards)
    assert [cell for cell in second if cell.week in shown] == list(release(tallies))


@given(many, days, days, days, days)
def test_releases_over_other_days_show_the_same_figures(tallies: list[Tally], a: date, b: date, c: date, d: date) -> None:
    one, two = release(tallies, a, b), release(tallies, c, d)
    both = set(whole_weeks(a, b, TODAY)) & set(whole_weeks(c, d, TODAY))
    assert [cell for cell in one if cell.week in both] == [cell for cell in two if cell.week in both]


@given(many, st.sampled_from(DIMENSIONS))
def test_totals_are_those_of_the_cells_shown(tallies: list[Tally], dimension: str) -> None:
    shown = release(tallies)
    assert sum(totals(shown, dimension).values()) == sum(cell.count for cell in shown)
    hidden = {name for name, count in truth(tallies).items() if count < K}
    assert release([t for t in tallies if (t.stay or "unknown", TOPICS.get(t.intent, "unclear"), t.urgency, t.language, iso_week(date.fromisoformat(t.day))) not in hidden]) == shown


def test_only_whole_weeks_that_are_over() -> None:
    assert whole_weeks(date(2026, 11, 10), TODAY, TODAY) == ["2026-W47"]
    assert whole_weeks(date(2026, 11, 9), date(2026, 11, 22), TODAY) == ["2026-W46", "2026-W47"]
    assert whole_weeks(date(2026, 11, 16), date(2026, 11, 22), date(2026, 11, 22)) == []
    assert iso_week(date(2027, 1, 1)) == "2026-W53"


@pytest.mark.parametrize("k", [1, 0, -10])
def test_k_of_one_is_refused(k: int) -> None:
    with pytest.raises(ValueError):
        release([], k=k)


def test_buttons_and_pictures_are_no_questions() -> None:
    week = date(2026, 11, 16)
    assert release([dataclasses.replace(tally(week, 30), intent="", action="")]) == ()
    assert [c.topic for c in release([dataclasses.replace(tally(week, 30), intent="", action="fallback")])] == ["unclear"]


def test_csv_has_hxl_tags() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(release([tally(date(2026, 11, 16), 29)])))))
    assert rows[0] == ["country", "topic", "urgency", "language", "week", "people"]
    assert all(tag.startswith("#") for tag in rows[1])
    assert rows[1][0] == "#country+code"
    assert rows[2] == ["RU", "work", "normal", "uz", "2026-W47", "20"]


@given(st.text())
def test_no_cell_is_a_formula(value: str) -> None:
    (row,) = csv.reader(io.StringIO(as_csv([Cell(value, value, value, value, value, 10)]).split("\r\n", 2)[2]))
    assert len(row) == 6
    assert not row[0].strip().startswith(("=", "+", "-", "@", "\t", "\r", "|", "%"))
    assert safe(value).isprintable()


@pytest.mark.parametrize("value", ["=1+1", "+7", "-1", "@SUM(A1)", "\t=1", " =1", "＝1", "\u200b=1", "\n=1"])
def test_known_formulas(value: str) -> None:
    assert safe(value).startswith("'")


def test_what_is_no_code_is_not_published() -> None:
    cells = release([tally(date(2026, 11, 16), 10, stay="=cmd|' /C calc'!A0", language="<b>ru</b>")])
    assert (cells[0].country, cells[0].language) == ("other", "other")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_DATA_DIR", str(tmp_path))
    run = CliRunner()
    assert run.invoke(app, ["migrate"]).exit_code == 0
    done = run.invoke(app, ["needs-map", "--from", "2026-10-26", "--to", "2026-11-22"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[:2] == as_csv([]).splitlines()
    assert run.invoke(app, ["needs-map", "--from", "yesterday"]).exit_code == 2
