"""The needs map in the console: charts with tables beside them, a file, and nothing under k."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from bot.hotline.ports import Store
from bot.hotline.records import Tally
from bot.hotline.team import Role
from bot.reports.needs_map import K
from tests.builders.console import ConsoleHouse, words_of


@pytest.fixture
async def house(sqlite_store: Store) -> ConsoleHouse:
    house = ConsoleHouse(sqlite_store)
    day = (house.clock.now().date() - timedelta(days=7)).isoformat()

    def work(ledger):  # type: ignore[no-untyped-def]
        for n in range(K + 3):
            ledger.findings.count(f"{n:032}", Tally(day, "x", "uz", "RU", "unpaid_wages", "answer", "urgent"), "work")
        for n in range(K - 1):
            ledger.findings.count(f"{n:032}", Tally(day, "x", "tg", "KZ", "unpaid_wages", "answer", "normal"), "work")

    await sqlite_store.transact(work)
    return house


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ADMIN])
async def test_charts_have_tables_and_nothing_under_k_is_shown(house: ConsoleHouse, role: Role) -> None:
    page = await (await house.enter("Member", role)).get("/console/needs")
    assert page.status_code == 200
    assert page.text.count('<svg class="chart" role="img" aria-labelledby=') == 5
    assert page.text.count("<table>") == 5
    said = words_of(page)
    assert f"Urgent {K}" in said
    assert "Kazakhstan" not in said
    assert f"Urgent {K + 3}" not in said
    assert "style=" not in page.text


async def test_the_file_has_hxl_tags_and_the_same_figures(house: ConsoleHouse) -> None:
    answer = await (await house.enter("Member", Role.SUPERVISOR)).get("/console/needs.csv?weeks=4")
    header, tags, *rows = csv.reader(io.StringIO(answer.text))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="needs-2026-')
    assert header[-1] == "people"
    assert all(tag.startswith("#") for tag in tags)
    assert [(row[0], row[2], row[3], row[5]) for row in rows] == [("RU", "urgent", "uz", str(K))]


async def test_an_empty_map_says_so(sqlite_store: Store) -> None:
    page = await (await ConsoleHouse(sqlite_store).enter("Member", Role.SUPERVISOR)).get("/console/needs?weeks=999")
    assert f"No figure has reached {K} people yet." in words_of(page)
    assert "<svg" not in page.text


async def test_a_span_that_is_no_number_is_refused(house: ConsoleHouse) -> None:
    member = await house.enter("Member", Role.SUPERVISOR)
    for weeks in ("x", "-1", str(2**64)):
        assert (await member.get(f"/console/needs?weeks={weeks}")).status_code == 400
