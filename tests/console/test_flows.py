"""Two operators and a supervisor in real browsers: what one does shows at the others within a second."""

from __future__ import annotations

import time

import pyotp
import pytest
from playwright.sync_api import expect

from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import Serving
from tests.console.crew import PASSWORD, SAY, Crew, Member, hear

pytestmark = [pytest.mark.browser, pytest.mark.timeout(480)]  # the first one trains
LIVE = 1000  # milliseconds: the promise of the issue
LEFT = SAY("The person had to leave. Someone else will read this chat; you keep your place.", "ru")
EMERGENCY = "меня заперли в подвале и бьют, помогите, убивают"


def caller_who_asks(service: Serving, words: str = "хочу поговорить с человеком") -> WebCaller:
    caller = WebCaller(service.url)
    caller.press("lang:ru")
    caller.post(text=words)
    caller.wait()
    caller.press("operator")
    return caller


def live(member: Member) -> None:
    """Wait until the page's stream is open."""
    expect(member.page.locator("html")).to_have_attribute("data-live", "1")


def test_two_consoles_are_live_and_a_handover_shows_at_once(service: Serving, crew: Crew) -> None:
    dina, aziz = crew.join("Dina"), crew.join("Aziz")
    boss = crew.join("Boss", "supervisor")
    dina.begin_shift()
    aziz.begin_shift()
    boss.page.goto("/console/board")
    live(aziz)
    caller = caller_who_asks(service)
    expect(aziz.page.locator(".counts .level-normal dd")).to_have_text("1", timeout=LIVE)
    case = dina.take_next()
    expect(aziz.page.locator(".counts .level-normal dd")).to_have_text("0", timeout=LIVE)
    live(dina)
    caller.post(text="вы здесь?")
    expect(dina.page.locator("#lines .in").last).to_contain_text("вы здесь?", timeout=5000)

    # two on one case are warned
    boss.page.goto(f"/console/cases/{case}")
    expect(dina.page.locator("#head")).to_contain_text("Also looking at this case: Boss", timeout=LIVE)
    expect(boss.page.locator("#head")).to_contain_text("Also looking at this case: Dina", timeout=LIVE)
    expect(boss.page.locator("#composer")).to_have_count(0)

    # the side channel: asked, seen on the board's list, answered; never sent
    dina.page.locator("#note").fill("May I give the shelter's address?")
    dina.page.get_by_role("button", name="Ask a supervisor").click()
    expect(boss.page.locator(".remarks .ask")).to_contain_text("shelter's address", timeout=LIVE)
    boss.page.locator("#note").fill("Yes, after the check word.")
    boss.page.get_by_role("button", name="Advise the operator").click()
    expect(dina.page.locator(".remarks .advice")).to_contain_text("check word", timeout=LIVE)

    # transfer with a note
    dina.page.locator("summary", has_text="Hand over to a colleague").click()
    dina.page.locator("#to").select_option(label="Aziz (ru, uz, kk, ky, tg)")
    dina.page.locator("#handnote").fill("She speaks Uzbek better.")
    dina.page.get_by_role("button", name="Hand over", exact=True).click()
    dina.page.wait_for_url("**/console/desk")
    expect(aziz.page.locator(f'a.case[href="/console/cases/{case}"]')).to_be_visible(timeout=LIVE)
    aziz.page.locator(f'a.case[href="/console/cases/{case}"]').click()
    expect(aziz.page.locator(".remarks .transfer")).to_contain_text("Uzbek better")
    aziz.send("Теперь с вами я.")
    hear(caller, "Теперь с вами я.")
    heard = " ".join(str(line.get("html", "")) for line in caller.lines)
    assert "shelter" not in heard
    assert "check word" not in heard
    assert "Uzbek" not in heard
    assert dina.problems + aziz.problems + boss.problems == []


def test_a_double_click_sends_once_and_an_unsent_draft_stays(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina")
    dina.begin_shift()
    caller = caller_who_asks(service)
    case = dina.take_next()
    dina.page.locator("#text").fill("один раз")
    dina.page.get_by_role("button", name="Send", exact=True).dblclick()
    expect(dina.page.locator("#lines .person")).to_have_count(1)
    dina.page.locator("#text").fill("два")
    dina.page.evaluate("() => { const f = document.querySelector('#composer'); f.requestSubmit(); f.requestSubmit(); }")
    expect(dina.page.locator("#lines .person")).to_have_count(2)
    # the same client id straight to the server, as a lost answer would make the page do
    token = dina.page.locator("body").get_attribute("data-csrf") or ""
    for _ in range(2):
        answer = dina.context.request.post(
            f"/console/cases/{case}/say", form={"text": "три", "client_id": "same-client-id"}, headers={"X-CSRF-Token": token}
        )
        assert answer.ok
    hear(caller, "три")
    time.sleep(0.5)
    with caller.http.stream("GET", "/chat/stream", params={"after": 0}, headers=caller.headers) as stream:
        text = ""
        for row in stream.iter_lines():
            text += row
            if "три" in row:
                break
    assert [text.count(words) for words in ("один раз", "<p>два", "<p>три")] == [1, 1, 1]

    dina.page.locator("#text").fill("ещё не отправлено")
    expect(dina.page.locator("#saved")).to_have_text("Draft is kept")
    service.kill()  # -9 in the middle of a talk
    expect(dina.page.locator("#offline")).to_be_visible(timeout=10_000)
    service.start()
    expect(dina.page.locator("#offline")).to_be_hidden(timeout=10_000)  # back by itself, without a reload
    caller.post(text="я тут")
    expect(dina.page.locator("#lines .in").last).to_contain_text("я тут", timeout=10_000)
    dina.page.goto(f"/console/cases/{case}")
    expect(dina.page.locator("#text")).to_have_value("ещё не отправлено")
    expect(dina.page.locator("#lines .person")).to_have_count(3)
    dina.page.get_by_role("button", name="Send", exact=True).click()
    hear(caller, "ещё не отправлено")


@pytest.mark.parametrize("service", [{"HOTLINE_DESK_OFFER_SECONDS": "4"}], indirect=True)
def test_an_emergency_is_offered_rings_and_returns_when_not_taken(service: Serving, crew: Crew) -> None:
    dina, boss = crew.join("Dina"), crew.join("Boss", "supervisor")
    dina.begin_shift()
    boss.page.goto("/console/board")
    live(dina)
    caller = WebCaller(service.url)
    caller.press("lang:ru")
    caller.post(text=EMERGENCY)
    caller.wait()
    expect(dina.page.locator(".offer")).to_be_visible(timeout=5000)
    expect(dina.page.locator(".offer")).to_contain_text("Emergency")
    expect(dina.page.locator("html")).to_have_attribute("data-rang", "alarm")
    expect(dina.page.locator(".offer")).to_have_count(0, timeout=20_000)
    expect(dina.page.locator(".counts .level-emergency dd")).to_have_text("1")
    expect(boss.page.locator(".alerts")).to_contain_text("not taken in time", timeout=5000)
    aziz = crew.join("Aziz")
    aziz.begin_shift()
    live(aziz)
    expect(aziz.page.locator(".offer")).to_be_visible(timeout=5000)
    aziz.page.get_by_role("button", name="Take it").click()
    expect(aziz.page.locator("#text")).to_be_visible()
    aziz.send("Я с вами. Вам безопасно писать?")
    hear(caller, "Я с вами")
    expect(aziz.page.locator("#protocol details[open]")).to_have_count(1)
    aziz.page.get_by_label("Passed to emergency services").check()
    aziz.page.get_by_role("button", name="Close; the bot answers again").click()
    aziz.page.get_by_role("button", name="Pause 10 minutes").click()  # offered after a heavy one
    expect(aziz.page.get_by_text("You are on a break.")).to_be_visible()


@pytest.mark.parametrize("service", [{"HOTLINE_DESK_VANISH_SECONDS": "25"}], indirect=True)
def test_a_vanished_operator_gives_the_case_back(service: Serving, crew: Crew) -> None:
    dina, boss = crew.join("Dina"), crew.join("Boss", "supervisor")
    dina.begin_shift()
    caller = caller_who_asks(service)
    case = dina.take_next()
    boss.page.goto("/console/board")
    live(boss)
    dina.context.close()  # the laptop's lid
    hear(caller, LEFT, seconds=60)
    expect(boss.page.locator(".alerts")).to_contain_text("vanished", timeout=5000)
    aziz = crew.join("Aziz")
    aziz.begin_shift()
    assert aziz.take_next() == case
    expect(aziz.page.locator("#side")).to_contain_text("operator vanished")


def test_ready_replies_are_sent_in_the_callers_language(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina")
    dina.begin_shift()
    caller = WebCaller(service.url)
    caller.press("lang:uz")
    caller.post(text="odam bilan gaplashmoqchiman")
    caller.wait()
    caller.press("operator")
    dina.take_next()
    dina.page.keyboard.press("Escape")
    dina.page.locator("#search").fill("не платят зарплату")
    found = dina.page.locator("#found .reply").first
    expect(found).to_contain_text("зарплат")  # read in Russian, since there is no English content
    expect(found.locator("summary")).to_have_text("In the caller's language")
    found.get_by_role("button", name="Put into the message").click()
    sent = dina.page.locator("#text").input_value()
    assert sent
    dina.page.keyboard.press("Control+Enter")
    expect(dina.page.locator("#lines .person")).to_have_count(1)
    assert hear(caller, "<p>")["mine"] is False


def test_erasing_ends_the_talk_with_a_neutral_word(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina")
    dina.begin_shift()
    caller = caller_who_asks(service)
    case = dina.take_next()
    live(dina)
    caller.post(command="delete")
    caller.wait()
    caller.post(choice="erase:yes")
    expect(dina.page.locator("#notice")).to_contain_text("the caller erased it", timeout=10_000)
    expect(dina.page.locator(f'a.case[href="/console/cases/{case}"]')).to_have_count(0)


def test_another_browser_is_logged_out_and_the_factor_changed_for_the_password_only(service: Serving, crew: Crew) -> None:
    dina = crew.join("Dina")
    elsewhere = crew.browser.new_context(base_url=service.url, locale="en-GB").new_page()
    elsewhere.goto("/console/login")
    elsewhere.get_by_label("Name").fill("Dina")
    elsewhere.get_by_label("Password").fill(PASSWORD)
    elsewhere.get_by_role("button", name="Log in").click()
    elsewhere.wait_for_url("**/console/desk")
    page = dina.page
    page.goto("/console/account")
    page.get_by_label("One browser").check()
    page.get_by_label("Your password").fill("wrong wrong wrong")
    page.get_by_role("button", name="Log out there").click()
    expect(page.get_by_role("alert")).to_have_text("The password or the code is not right.")
    elsewhere.goto("/console/desk")
    expect(elsewhere).to_have_url(f"{service.url}/console/desk")
    page.get_by_label("All other browsers").check()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Log out there").click()
    expect(page.get_by_text("You are logged in nowhere else.")).to_be_visible()
    elsewhere.goto("/console/desk")
    expect(elsewhere).to_have_url(f"{service.url}/console/login")
    elsewhere.context.close()

    page.get_by_role("link", name="Set up the second step").click()
    secret = page.locator("code.secret").inner_text()
    page.get_by_label("Six digits").fill(pyotp.TOTP(secret).at(time.time()))
    page.get_by_label("Your password").fill("wrong wrong wrong")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_have_text("The password or the code is not right.")
    assert page.locator("code.secret").inner_text() == secret  # the app need not be set up once more
    page.get_by_label("Six digits").fill(pyotp.TOTP(secret).at(time.time()))
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("link", name="I wrote them down").click()
    page.goto("/console/account")
    expect(page.get_by_label("Six digits from your authenticator app, or a recovery code")).to_be_visible()
    assert [problem for problem in dina.problems if "400" not in problem] == []
