"""The round bot → person → bot → person, with real browsers, a real service and the web chat as the caller's phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import Serving
from tests.console.crew import SAY, Crew, hear

JOINED = SAY("A person has joined this chat and will answer you now.", "ru")
ENDED = SAY("The person has ended this talk. You can write here again at any time. Was it useful?", "ru")
pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]  # the first one trains


def waiting_caller(service: Serving, words: str = "у меня отобрали паспорт, хозяин не отдает") -> WebCaller:
    caller = WebCaller(service.url)
    caller.press("lang:ru")
    caller.say(words)
    caller.press("operator")
    return caller


def test_bot_person_bot_person(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina")
    dina.begin_shift()
    caller = waiting_caller(service)
    case = dina.take_next()
    hear(caller, JOINED)
    expect(dina.page.locator("#lines")).to_contain_text("отобрали паспорт")
    dina.send("Здравствуйте, я читаю вас. Вам безопасно писать?")
    assert hear(caller, "Здравствуйте")["person"] is True
    assert caller.post(text="да, безопасно").status_code == 202
    expect(dina.page.locator("#lines .in").last).to_contain_text("да, безопасно", timeout=5000)
    dina.page.get_by_label("Answered").check()
    dina.page.get_by_role("button", name="Close; the bot answers again").click()
    dina.page.wait_for_url(re.compile(rf"/console/cases/{case}/closed"))
    ended = hear(caller, ENDED)
    assert [button["id"] for button in ended["buttons"]] == ["rate:yes", "rate:no"]
    caller.press("rate:yes")
    assert caller.say("хозяин не платит зарплату")  # the bot speaks again
    caller.press("operator")
    again = dina.page
    again.get_by_role("button", name="Next case").click()
    again.wait_for_url(re.compile(r"/console/cases/[0-9a-f]{32}$"))
    assert not again.url.endswith(case)
    hear(caller, JOINED)
    dina.send("Снова здравствуйте.")
    hear(caller, "Снова")
    expect(again.locator("#facts")).to_contain_text("Earlier contacts")
    assert dina.problems == []
