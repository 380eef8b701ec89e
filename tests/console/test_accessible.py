"""axe finds nothing on any page, on a desktop and on a phone; nothing is wider than the phone; keys are enough."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import Serving
from tests.console.crew import DESKTOP, PHONE, Crew

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]  # the first one trains
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}
PAGES = (
    "desk", "board", "waits", "audit", "needs", "broadcasts", "letters", "content", "content/documents_taken", "try", "missed", "users", "snippets", "account", "enrol",
)  # fmt: skip

_WIDE = """[...document.querySelectorAll('body *')].filter(e => !e.closest('.bar nav') && e.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 5).map(e => e.outerHTML.slice(0, 120))"""


def check(page: Page, name: str) -> None:
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        results = Axe().run(page, options=RULES).response
        found = [(v["id"], [node["html"][:160] for node in v["nodes"]][:3]) for v in results["violations"]]
        assert len(results["passes"]) > 10
        assert found == [], f"{name} at {size['width']}"
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], f"{name} at {size['width']}: {page.evaluate(_WIDE)}"
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def test_every_page(service: Serving, crew: Crew) -> None:
    path = crew.invite("Guest", "operator")
    guest = crew.browser.new_context(base_url=service.url, locale="en-GB").new_page()
    for place in ("/console/login", path, "/console/welcome/nothing"):
        guest.goto(place)
        check(guest, place)
    guest.context.close()

    dina = crew.join("Dina", "operator", "supervisor", "editor", "admin")
    page = dina.page
    page.goto("/console/desk")
    check(page, "off duty")
    dina.begin_shift()
    for words in ("меня заперли, бьют, помогите", "хочу поговорить с человеком", "шурум бурум тыква кхм", "асдф йцук зщшг"):
        caller = WebCaller(service.url)
        caller.press("lang:ru")
        caller.post(text=words)
        caller.wait()
        caller.press("operator")
    expect(page.locator(".offer")).to_be_visible()
    check(page, "an offer")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#found .reply").first).to_be_visible()
    dina.send("Здравствуйте")
    page.locator("#note").fill("a note")
    page.get_by_role("button", name="Keep as a note").click()
    expect(page.locator(".remarks .note")).to_be_visible()
    check(page, "a talk")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.get_by_role("button", name="Facts and replies").click()
    expect(page.locator("#search")).to_be_visible()
    results = Axe().run(page, options=RULES).response
    assert [v["id"] for v in results["violations"]] == []
    page.get_by_role("button", name="Close", exact=True).click()
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
    for name in PAGES:
        page.goto(f"/console/{name}")
        if name == "try":
            page.locator("#text").fill("паспортимни олиб қўйди")
            page.get_by_role("button", name="How is it understood?").click()
            expect(page.locator("dl.facts")).to_be_visible()
        check(page, name)
    page.goto("/console/missed")
    page.get_by_role("button", name="Make the line", exact=True).first.click()
    expect(page.locator("pre")).to_contain_text("examples:")


def test_a_talk_with_the_keyboard_alone(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina")
    dina.begin_shift()
    caller = WebCaller(service.url)
    caller.press("lang:ru")
    caller.press("operator")
    page = dina.page
    page.reload()
    page.keyboard.press("n")
    expect(page.locator("#text")).to_be_visible()
    page.locator("#text").focus()
    page.keyboard.type("Здравствуйте")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#lines .person")).to_have_count(1)
    page.locator("#lines").focus()
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    seen = set()
    page.locator("body").press("Tab")
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 30)"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none" or page.evaluate("document.activeElement === document.body")
    assert len(seen) > 15


def test_a_phone_shows_queue_and_talk_as_two_screens(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina", phone=True)
    dina.begin_shift()
    caller = WebCaller(service.url)
    caller.press("lang:ru")
    caller.press("operator")
    page = dina.page
    expect(page.locator("#queue")).to_be_visible()
    dina.take_next()
    expect(page.locator("#queue")).to_be_hidden()
    expect(page.locator(".side")).to_be_hidden()
    box = page.get_by_role("button", name="Send", exact=True).bounding_box()
    assert box
    assert box["height"] >= 44
    assert box["y"] + box["height"] <= PHONE["height"]
    page.get_by_role("link", name="← Queue").click()
    expect(page.locator("#queue")).to_be_visible()
