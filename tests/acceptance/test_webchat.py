"""A caller in a real browser, in every language; nothing lost over reloads, restarts and broken content."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.serving import ROOT, Serving, serving

pytestmark = pytest.mark.browser
_TALKS = [
    ("Русский", "хозяин не платит зарплату", "Россия", "Источник"),
    ("Қазақша", "начальник жалақымды бермей жатыр", "Ресей", "Дереккөз"),
    ("Кыргызча", "кожоюн айлыгымды бербей жатат", "Россия", "Булак"),
    ("Тоҷикӣ", "хӯҷаин маошамро намедиҳад", "Россия", "Манбаъ"),
    ("O‘zbekcha", "xo'jayin oyligimni bermayapti", "Rossiya", "Manba"),
    ("Ўзбекча", "хўжайин ойлигимни бермаяпти", "Россия", "Манба"),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("web") / "data", HOTLINE_EXIT_URL="about:blank") as running:
        yield running


def open_chat(browser: Browser, service: Serving) -> Page:
    """A new phone."""
    page = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    page.goto(f"{service.url}/chat")
    expect(page.locator(".choices:not(.old) button")).to_have_count(6)
    return page


def say(page: Page, words: str) -> None:
    page.fill("#text", words)
    page.press("#text", "Enter")


def choose(page: Page, title: str) -> None:
    page.locator(".choices:not(.old) button", has_text=title).first.click()


@pytest.mark.parametrize(("language", "question", "country", "source"), _TALKS, ids=[talk[0] for talk in _TALKS])
def test_a_talk_in_each_language(browser: Browser, service: Serving, language: str, question: str, country: str, source: str) -> None:
    page = open_chat(browser, service)
    choose(page, language)
    expect(page.locator(".choices:not(.old) button")).to_have_count(10)
    say(page, question)
    choose(page, country)
    expect(page.locator(".bubble em").last).to_contain_text(source)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


def test_danger_shows_a_number_to_tap_and_exit_clears_the_page(browser: Browser, service: Serving) -> None:
    page = open_chat(browser, service)
    choose(page, "Русский")
    say(page, "помогите меня заперли и не выпускают, забрали паспорт, бьют")
    expect(page.locator('.bubble a[href="tel:112"]').first).to_be_visible()
    page.click("#exit")
    page.wait_for_url("about:blank")
    page.goto(f"{service.url}/chat")
    expect(page.locator(".choices:not(.old) button")).to_have_count(6)
    expect(page.locator(".bubble.mine")).to_have_count(0)


def test_the_talk_survives_a_reload(browser: Browser, service: Serving) -> None:
    page = open_chat(browser, service)
    choose(page, "Русский")
    say(page, "сколько дней можно быть без визы")
    expect(page.locator(".bubble.mine", has_text="без визы")).to_be_visible()
    page.reload()
    expect(page.locator(".bubble.mine", has_text="без визы")).to_be_visible()


def test_the_page_keeps_no_history_and_asks_no_third_party(browser: Browser, service: Serving) -> None:
    page = browser.new_context().new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    response = page.goto(f"{service.url}/chat")
    assert response is not None
    assert response.headers["cache-control"] == "no-store"
    assert "script-src 'self'" in response.headers["content-security-policy"]
    expect(page.locator(".choices:not(.old) button")).to_have_count(6)
    assert hosts == {service.url.removeprefix("http://")}


def test_a_killed_server_loses_nothing_and_the_page_finds_back(browser: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as service:
        page = open_chat(browser, service)
        choose(page, "Русский")
        expect(page.locator(".choices:not(.old) button")).to_have_count(10)
        service.kill()
        say(page, "меня уволили без причины")
        expect(page.locator("#offline")).to_be_visible()
        service.start()
        expect(page.locator(".bubble.mine", has_text="уволили")).to_have_count(1, timeout=30_000)
        expect(page.locator(".choices:not(.old) button").first).to_be_visible(timeout=30_000)


def test_broken_content_changes_nothing_for_callers(browser: Browser, tmp_path: Path) -> None:
    content = tmp_path / "intents"
    shutil.copytree(ROOT / "intents", content)
    with serving(tmp_path / "data", HOTLINE_CONTENT_DIR=str(content)) as service:
        page = open_chat(browser, service)
        (content / "work" / "unpaid_wages.yaml").write_text("title: [broken\n", "utf-8")
        page.wait_for_timeout(4000)
        choose(page, "Русский")
        say(page, "хозяин не платит зарплату")
        choose(page, "Россия")
        expect(page.locator(".bubble em").last).to_contain_text("Источник")
        assert "content not taken" in service.log.read_text()
        assert '"content_problems":1' in page.request.get(f"{service.url}/ready").text()
