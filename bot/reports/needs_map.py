"""What people need, where, in which language, week by week, coarsened for publishing.

How it keeps single callers out:
- Only whole ISO weeks that are over are released. Nothing is counted into a past day, so a week's figures never change:
  a later release, or one over other days, shows the same figures for it, and subtracting two releases gives nothing.
- A cell (country of stay, topic, urgency, language, week) under `K` is left out; others are rounded down to a multiple
  of `K`, so that each figure stands for `K` possible counts.
- Totals are added up from the cells shown. There is no other total to compute a cell from that is left out.

- People are counted, not messages: a caller counts once for a week, country, topic, urgency and language, however often
  they write (`storage.finding`). One caller therefore moves a figure by one step of `K` at most.

What it cannot do: a caller who asks about two topics counts in both, so sums of cells are needs, not people; one who
had their data deleted, or writes by two messengers, is counted anew; and a forged crowd can fill a cell.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from typing import Final

from bot.hotline.records import Tally, iso_week

K: Final = 10  # the fewest that are shown
DIMENSIONS: Final = ("country", "topic", "urgency", "language", "week")
_HEADER = (*DIMENSIONS, "people")
# Hashtags of hxlstandard.org; HXL has none for a language, which describes the report (#meta).
_TAGS = ("#country+code", "#sector+topic+code", "#severity+code", "#meta+language+code", "#date+week", "#affected+num")
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_FORMULA = tuple("=+-@\t\r\n|%＝＋－＠")  # what spreadsheets take for the begin of a formula, wide forms too
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """One line of the map; `count` is a multiple of `k`."""

    country: str
    topic: str
    urgency: str
    language: str
    week: str
    count: int


def needs(
    tallies: Iterable[Tally], topics: Mapping[str, str], *, first: date, last: date, today: date, k: int = K
) -> tuple[Cell, ...]:
    """The cells of all whole weeks within `first` to `last` that were over before `today`.

    `topics` maps an intent to its topic; what was asked but not understood counts as "unclear". What is no question
    (a button pressed, a picture) is not counted.
    """
    if k < 2:
        raise ValueError("k is at least 2")
    weeks = set(whole_weeks(first, last, today))
    counts: Counter[tuple[str, str, str, str, str]] = Counter()
    for tally in tallies:
        week = tally.week
        if week in weeks and (tally.intent or tally.action) and tally.people > 0:
            topic = topics.get(tally.intent, "unclear")
            counts[_code(tally.stay), _code(topic), _code(tally.urgency), _code(tally.language), week] += tally.people
    return tuple(sorted(Cell(*key, count=count - count % k) for key, count in counts.items() if count >= k))


def totals(cells: Iterable[Cell], dimension: str) -> dict[str, int]:
    """Sums of the cells shown by one dimension, for charts; never of what is left out."""
    if dimension not in DIMENSIONS:
        raise ValueError(f"no such dimension: {dimension}")
    sums: Counter[str] = Counter()
    for cell in cells:
        sums[getattr(cell, dimension)] += cell.count
    return dict(sorted(sums.items()))


def as_csv(cells: Sequence[Cell]) -> str:
    """The cells as CSV with a row of HXL tags under the header."""
    made = io.StringIO(newline="")
    writer = csv.writer(made, lineterminator="\r\n")
    writer.writerows((_HEADER, _TAGS))
    writer.writerows([*(safe(value) for value in astuple(cell)[:-1]), cell.count] for cell in cells)
    return made.getvalue()


def safe(value: str) -> str:
    """A text that no spreadsheet takes for a formula, on one line and without control characters."""
    shown = "".join(c if c.isprintable() else " " for c in value).encode("utf-8", "replace").decode("utf-8")
    return f"'{shown}" if value.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA) else shown


def whole_weeks(first: date, last: date, today: date) -> list[str]:
    """The ISO weeks of which every day lies within `first` to `last` and before `today`."""
    last = min(last, today - timedelta(days=1))
    monday = first + timedelta(days=-first.weekday() % 7)
    weeks: list[str] = []
    while monday + timedelta(days=6) <= last:
        weeks.append(iso_week(monday))
        monday += _WEEK
    return weeks


def _code(value: str) -> str:
    """A code as the program makes them; anything else could only be an accident, and is not published."""
    if not value:
        return "unknown"
    return value if _CODE.fullmatch(value) else "other"
