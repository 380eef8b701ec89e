"""What caller and operator agree on, gaps that operators report, and notifications that give nothing away."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import Serving
from tests.console.crew import SAY, Crew, hear
from tests.console.test_flows import EMERGENCY, LIVE, caller_who_asks, live

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]  # the first one trains
WORD = "верблюжонок"
# The real Notification is made; what it was told is kept. The page is hidden, as behind another window.
WATCH = """
window.told = [];
const Real = window.Notification;
window.Notification = class extends Real { constructor(title, options) { super(title, options); window.told.push([title, options]); } };
Object.defineProperty(document, "hidden", { get: () => true });
"""


def test_a_check_word_and_a_safe_time_stand_at_the_top_and_go_with_the_case(service: Serving, crew: Crew) -> None:
    dina, aziz = crew.join("Dina"), crew.join("Aziz")
    dina.begin_shift()
    aziz.begin_shift()
    caller = caller_who_asks(service)
    case = dina.take_next()
    page = dina.page
    live(dina)
    page.get_by_role("button", name="Propose a word").click()
    assert "о слове" in page.locator("#text").input_value()  # in the caller's language
    page.keyboard.press("Control+Enter")
    hear(caller, "Давайте договоримся о слове")
    caller.post(text=WORD)
    expect(page.locator("#lines .in").last).to_contain_text(WORD, timeout=5000)
    page.get_by_label("Check word", exact=True).fill(WORD)
    page.locator("#agreed form", has=page.get_by_label("Check word", exact=True)).get_by_role("button", name="Keep").click()
    expect(page.locator("#head .agreed")).to_contain_text(f"Check word: {WORD}", timeout=LIVE)
    page.get_by_label("Safe time to write").fill("после 20:00")
    page.locator("#agreed form", has=page.get_by_label("Safe time to write")).get_by_role("button", name="Keep").click()
    expect(page.locator("#head .agreed")).to_contain_text("Safe time to write: после 20:00", timeout=LIVE)
    page.get_by_role("button", name="Ask for the word").click()
    page.keyboard.press("Control+Enter")
    hear(caller, "напишите, пожалуйста, слово")

    page.locator("summary", has_text="Hand over to a colleague").click()
    page.get_by_role("button", name="Hand over", exact=True).click()
    aziz.page.goto(f"/console/cases/{case}")
    expect(aziz.page.locator("#head .agreed")).to_contain_text(WORD)
    aziz.page.get_by_label("Check word", exact=True).fill("")
    aziz.page.locator("#agreed form", has=aziz.page.get_by_label("Check word", exact=True)).get_by_role("button", name="Keep").click()
    expect(aziz.page.locator("#head .agreed")).not_to_contain_text(WORD, timeout=LIVE)
    assert WORD.encode() not in b"".join(path.read_bytes() for path in service.data.rglob("*.db*"))
    assert dina.problems + aziz.problems == []


def test_a_gap_reported_in_a_talk_reaches_the_editors_redacted(service: Serving, crew: Crew) -> None:
    dina, editor = crew.join("Dina"), crew.join("Editor", "editor")
    dina.begin_shift()
    caller = caller_who_asks(service)
    dina.take_next()
    live(dina)
    caller.post(text="меня зовут Алишер, где купить зимнюю резину? +7 701 123 45 67")
    line = dina.page.locator("#lines .in", has_text="зимнюю резину")
    line.get_by_role("button", name="Report a gap").click(timeout=5000)
    expect(dina.page.locator("#notice")).to_contain_text("The editors will see this message")
    line.get_by_role("button", name="Report a gap").dispatch_event("click")
    dina.page.reload()
    line.get_by_role("button", name="Report a gap").click()
    expect(dina.page.locator("#notice")).to_contain_text("already")

    page = editor.page
    page.goto("/console/missed")
    page.get_by_role("link", name="Reported by an operator").click()
    card = page.locator("article.card", has_text="зимнюю резину")
    expect(card).to_have_count(1)
    expect(card).not_to_contain_text("Алишер")
    expect(card).not_to_contain_text("701")
    page.get_by_label("Tick all on this page").check()
    page.get_by_label("Which should these be?").select_option("documents_taken")
    page.get_by_role("button", name="Make the lines").click()
    expect(page.locator(".bulk pre")).to_contain_text("зимнюю резину")
    expect(page.locator(".bulk")).to_contain_text("danger/documents_taken.yaml")
    page.get_by_label("Tick all on this page").check()
    page.get_by_role("button", name="Mark as done").click()
    expect(page.locator("article.card")).to_have_count(0)
    page.get_by_role("link", name="Done", exact=True).click()
    expect(page.locator("article.card")).to_contain_text("зимнюю резину")
    assert dina.problems + editor.problems == []


def test_an_emergency_notifies_without_a_word_of_the_caller(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina")
    dina.context.grant_permissions(["notifications"], origin=service.url)
    dina.context.add_init_script(WATCH)
    dina.page.goto("/console/account")
    dina.page.get_by_role("button", name="Allow notifications").click()
    expect(dina.page.locator("#notify-state")).to_have_text("Notifications are allowed.")
    dina.begin_shift()
    dina.page.reload()
    live(dina)
    caller = WebCaller(service.url)
    caller.press("lang:ru")
    caller.post(text=EMERGENCY)
    expect(dina.page.locator(".offer")).to_be_visible(timeout=10_000)
    told = dina.page.evaluate("window.told")
    assert {title for title, _ in told} <= {"Emergency is waiting", "A case is offered to you"}
    assert told
    assert all(set(options) <= {"tag"} and options["tag"] == title for title, options in told)
    assert not any(word in str(told) for word in EMERGENCY.replace(",", "").split())
    expect(dina.page.locator("html")).to_have_attribute("data-rang", "alarm")
    assert SAY("Emergency is waiting", "ru") != "Emergency is waiting"


def test_the_second_step_shows_a_picture_beside_the_key(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina")
    dina.page.goto("/console/enrol")
    picture = dina.page.locator(".scan svg")
    box = picture.bounding_box()
    assert box
    assert box["width"] > 150
    assert box["height"] == box["width"]
    expect(dina.page.locator("code.secret")).to_be_visible()
    assert dina.problems == []
