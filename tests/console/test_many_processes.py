"""Two processes on one PostgreSQL: what happens at one shows at the console of the other within a second."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from storage.cipher import new_key
from tests.acceptance.serving import Serving
from tests.console.crew import Crew, hear
from tests.console.test_flows import EMERGENCY, LIVE, caller_who_asks, live
from tests.postgres import Postgres

pytestmark = [pytest.mark.browser, pytest.mark.postgres, pytest.mark.timeout(480)]


@pytest.fixture
def houses(tmp_path: Path, settings: dict[str, str], postgres_server: Postgres) -> Iterator[list[Serving]]:
    """Two whole services, each with a folder of its own, on one database."""
    shared = {key: value for key, value in settings.items() if key.startswith("HOTLINE_")}
    name = f"console_{os.getpid()}_{tmp_path.name}"[:60]
    with ExitStack() as stack:
        aside = stack.enter_context(ThreadPoolExecutor(1))  # the browser has an event loop in this thread
        shared |= {"HOTLINE_DATABASE_URL": aside.submit(postgres_server.create, name).result(), "HOTLINE_KEYS": new_key("k1")}
        stack.callback(lambda: aside.submit(postgres_server.drop, name).result())
        started = []
        for place in ("one", "two"):
            data = tmp_path / place
            data.mkdir()
            shutil.copytree(settings["models"], data / "models", copy_function=os.link)
            service = Serving(data, shared)
            stack.callback(service.kill)
            started.append(service.start())
        yield started


@pytest.fixture
def crews(houses: list[Serving], chromium: Browser) -> Iterator[list[Crew]]:
    made = [Crew(house, chromium) for house in houses]
    yield made
    for crew in made:
        crew.leave()


def test_a_talk_over_two_processes(houses: list[Serving], crews: list[Crew]) -> None:
    dina, aziz = crews[0].join("Dina"), crews[1].join("Aziz")
    dina.begin_shift()
    aziz.begin_shift()
    live(dina)
    live(aziz)
    caller = caller_who_asks(houses[1])
    expect(dina.page.locator(".counts .level-normal dd")).to_have_text("1", timeout=LIVE)
    case = dina.take_next()
    expect(aziz.page.locator(".counts .level-normal dd")).to_have_text("0", timeout=LIVE)
    live(dina)
    caller.post(text="вы здесь?")  # to the other process
    expect(dina.page.locator("#lines .in").last).to_contain_text("вы здесь?", timeout=5 * LIVE)
    dina.send("Да, я слушаю")
    hear(caller, "Да, я слушаю")

    # a colleague at the other process gets the case, with its word and its notes, and the first one sees it go
    dina.page.get_by_label("Check word", exact=True).fill("верблюжонок")
    dina.page.locator("#agreed form").first.get_by_role("button", name="Keep").click()
    expect(dina.page.locator("#head .agreed")).to_contain_text("верблюжонок", timeout=LIVE)
    dina.page.locator("summary", has_text="Hand over to a colleague").click()
    dina.page.locator("#to").select_option(label="Aziz (ru, uz, kk, ky, tg)")
    dina.page.get_by_role("button", name="Hand over", exact=True).click()
    expect(aziz.page.locator(f'a.case[href="/console/cases/{case}"]')).to_be_visible(timeout=2 * LIVE)
    aziz.page.locator(f'a.case[href="/console/cases/{case}"]').click()
    expect(aziz.page.locator("#head .agreed")).to_contain_text("верблюжонок")
    dina.page.goto(f"/console/cases/{case}")
    expect(aziz.page.locator("#head")).to_contain_text("Also looking at this case: Dina", timeout=LIVE)
    aziz.send("Теперь с вами я.")
    expect(dina.page.locator("#lines .person").last).to_contain_text("Теперь с вами я.", timeout=LIVE)
    assert dina.problems + aziz.problems == []


def test_an_emergency_heard_by_one_process_rings_at_the_other_and_outlives_it(houses: list[Serving], crews: list[Crew]) -> None:
    dina = crews[0].join("Dina")
    dina.begin_shift()
    live(dina)
    caller = caller_who_asks(houses[1], EMERGENCY)
    expect(dina.page.locator(".offer")).to_be_visible(timeout=5 * LIVE)
    houses[1].kill()  # the process that heard it
    dina.page.get_by_role("button", name="Take it").click()
    expect(dina.page.locator("#lines .in", has_text="меня заперли")).to_have_count(1)
    caller.http.base_url = houses[0].url
    dina.send("Я с вами. Вам безопасно писать?")
    hear(caller, "Я с вами")
