"""The web chat inside an NGO's own page, put there by the one line of README."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.serving import Serving, free_port, serving

pytestmark = pytest.mark.browser


class Site:
    """An NGO's page with a strict policy of its own, on a host that is not ours."""

    def __init__(self) -> None:
        self.port = free_port()
        self.chat = ""

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self) -> http.server.ThreadingHTTPServer:
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f'<!doctype html><title>NGO</title><h1>Our work</h1><script src="{site.chat}/chat/assets/embed.js" async></script>'
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Security-Policy", f"default-src 'none'; script-src {site.chat}; frame-src {site.chat}")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_args: object) -> None:
                """Quiet."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    page = Site()
    server = page.start()
    yield page
    server.shutdown()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Serving]:
    data = tmp_path_factory.mktemp("embed") / "data"
    with serving(data, HOTLINE_EXIT_URL="about:blank", HOTLINE_EMBED_ORIGINS=site.origin) as running:
        site.chat = running.url
        yield running


def open_site(browser: Browser, origin: str, width: int) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    page.goto(origin)
    page.get_by_role("button", name="Chat").click()
    return page


def test_a_talk_inside_the_page_and_exit_leaves_the_whole_page(browser: Browser, service: Serving, site: Site) -> None:
    page = open_site(browser, site.origin, 1280)
    chat = page.frame_locator("iframe")
    chat.locator(".choices:not(.old) button", has_text="Русский").click()
    chat.locator("#text").fill("хозяин не платит зарплату")
    chat.locator("#text").press("Enter")
    expect(chat.locator(".bubble.mine").last).to_contain_text("зарплату")
    chat.locator(".choices:not(.old) button", has_text="Россия").click()
    expect(chat.locator(".bubble em").last).to_contain_text("Источник")
    chat.locator("#exit").click()
    page.wait_for_url("about:blank")


def test_on_a_phone_the_chat_opens_as_a_page_of_its_own(browser: Browser, service: Serving, site: Site) -> None:
    page = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    page.goto(site.origin)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Chat").click()
    expect(opened.value.locator(".choices:not(.old) button")).to_have_count(6)
    assert opened.value.evaluate("window.opener") is None


def test_a_site_that_is_not_listed_gets_no_chat(browser: Browser, service: Serving, site: Site) -> None:
    stranger = site.origin.replace("localhost", "127.0.0.1")
    page = open_site(browser, stranger, 1280)
    expect(page.locator("iframe")).to_be_visible()
    expect(page.frame_locator("iframe").locator("#text")).to_have_count(0)
