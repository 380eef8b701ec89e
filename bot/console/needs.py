"""What people need, as a page with charts and as a file: the figures of the needs map, safe to publish."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from bot.console.gate import visitor
from bot.console.page import HEADERS
from bot.console.part import Number, Part
from bot.console.view import URGENCIES, Words
from bot.dialogue.knowledge import N_
from bot.hotline.team import Role
from bot.reports.needs_map import DIMENSIONS, Cell, K, as_csv, needs, totals

READERS = (Role.SUPERVISOR, Role.ADMIN)
SPANS = (4, 13, 26, 52)  # weeks that may be looked at
_USUAL = 26
_TITLES = {
    "country": N_("Country of stay"), "topic": N_("Topic"), "urgency": N_("Urgency"), "language": N_("Language"), "week": N_("Week"),
}  # fmt: skip
_BAR = 220  # units of the drawing that the longest bar takes
_SHORT = 22  # characters of a name beside a bar; the table has it whole


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a chart and of the table beside it."""

    name: str
    short: str
    count: int
    width: int


@dataclass(frozen=True, slots=True)
class Chart:
    """The sums by one dimension."""

    id: str
    title: str
    bars: tuple[Bar, ...]


class NeedsMap(Part):
    """GET /console/needs and /console/needs.csv."""

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        self.gate.add(router, "GET", "/needs", self.page, READERS)
        self.gate.add(router, "GET", "/needs.csv", self.file, READERS)
        return router

    async def page(self, request: Request, weeks: Number = _USUAL) -> Response:
        """Charts, each with its table."""
        weeks = weeks if weeks in SPANS else _USUAL
        cells = await self._cells(weeks)
        words = Words(self.house, visitor(request).staff.language)
        charts = [chart(cells, dimension, words.say(_TITLES[dimension]), self._namer(dimension, words)) for dimension in DIMENSIONS]
        return self.pages.page(request, "needs.html", charts=charts, weeks=weeks, spans=SPANS, k=K, empty=not cells)

    async def file(self, weeks: Number = _USUAL) -> Response:
        """The same figures, cell by cell, as CSV with HXL tags."""
        text = as_csv(await self._cells(weeks if weeks in SPANS else _USUAL))
        named = {**HEADERS, "Content-Disposition": f'attachment; filename="needs-{self.house.now().date().isoformat()}.csv"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=named)

    async def _cells(self, weeks: int) -> tuple[Cell, ...]:
        today = self.house.now().date()
        first = today - timedelta(weeks=weeks, days=today.weekday())  # a Monday: so many whole weeks
        tallies = await self.house.store.read(
            lambda ledger: ledger.findings.tallies(first.isoformat(), today.isoformat())
        )
        intents = self.house.mind.edition.handbook.content.intents.values()
        return needs(tallies, {intent.id: intent.topic for intent in intents}, first=first, last=today, today=today)

    def _namer(self, dimension: str, words: Words) -> Callable[[str], str]:
        """How a code of this dimension is shown."""
        book, language = self.house.mind.edition.handbook, words.language

        def name(code: str) -> str:
            if code == "unknown":
                return words.say(N_("not known"))
            match dimension:
                case "country":
                    return book.country_title(code, language)
                case "topic":
                    return words.say(N_("Not understood")) if code == "unclear" else book.topic_title(code, language)
                case "urgency":
                    return words.say(URGENCIES.get(code, code))
                case "language":
                    return book.languages().get(code, code)
            return code

        return name


def chart(cells: tuple[Cell, ...], dimension: str, title: str, name: Callable[[str], str]) -> Chart:
    """The sums of the cells shown by one dimension: the largest first, weeks in their order."""
    sums = totals(cells, dimension)
    order = sorted(sums.items(), key=lambda item: (item[0] if dimension == "week" else -item[1], item[0]))
    longest = max(sums.values(), default=0)
    bars = tuple(
        Bar(shown, shown if len(shown) <= _SHORT else shown[: _SHORT - 1] + "…", count, max(2, _BAR * count // longest))
        for shown, count in ((name(code), count) for code, count in order)
    )
    return Chart(dimension, title, bars)
