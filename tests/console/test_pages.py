"""What pages say and send: headers, cookies, errors, and callers' texts that try to be code."""

from __future__ import annotations

import re

import pyotp
import pytest

from bot.console import page
from bot.console.missed import as_example
from bot.hotline.ports import Store
from bot.hotline.team import Role
from tests.builders.console import ConsoleHouse, words_of
from tests.builders.log import written

PASSWORD = "four calm horses run"
NASTY = '<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) "\'--> {{7*7}}'


@pytest.fixture
def house(sqlite_store: Store) -> ConsoleHouse:
    return ConsoleHouse(sqlite_store)


async def test_strict_headers_on_every_page(house: ConsoleHouse) -> None:
    member = await house.enter("Member", *Role)
    for path in ("/login", "/desk", "/board", "/users", "/content", "/account", "/nothing-here"):
        page = await member.get(f"/console{path}")
        if path == "/nothing-here":
            assert page.status_code == 404
            continue
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "object-src 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|https?://(?!desk)", page.text), path


async def test_who_was_kept_out_is_logged_without_what_was_asked(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    assert member.staff
    with written(page) as lines:
        assert (await member.get("/console/audit?secret=x")).status_code == 403
        member.csrf = "forged"
        assert (await member.post("/console/desk/duty", {"duty": "off"})).status_code == 403
    refused = [line for line in lines if line["event"] == "refused"]
    assert [(line["route"], line["staff"]) for line in refused] == [("/console/audit", member.staff.id), ("/console/desk/duty", member.staff.id)]
    assert "secret" not in str(refused)


async def test_the_cookie_is_strict_and_the_token_only_there(house: ConsoleHouse) -> None:
    _, token = await house.accounts.add("Dina", [Role.OPERATOR], ["ru"])
    browser = house.browser()
    page = await browser.http.post(f"/console/welcome/{token}", data={"password": PASSWORD, "again": PASSWORD})
    cookie = page.headers["set-cookie"].lower()
    assert page.status_code == 303
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "secure" not in cookie  # plain http on a laptop
    desk = await browser.get("/console/desk")
    assert desk.status_code == 200
    assert browser.http.cookies["console"] not in desk.text
    out = await browser.http.post("/console/logout", data={"csrf": re.findall(r'data-csrf="(\w+)"', desk.text)[0]})
    assert out.headers["clear-site-data"] == '"cache", "storage"'
    assert (await browser.get("/console/desk")).status_code == 303


async def test_with_https_the_cookie_is_secure_and_bound_to_the_host(sqlite_store: Store) -> None:
    house = ConsoleHouse(sqlite_store, https=True)
    _, token = await house.accounts.add("Dina", [Role.OPERATOR], ["ru"])
    page = await house.browser().http.post(f"/console/welcome/{token}", data={"password": PASSWORD, "again": PASSWORD})
    assert page.headers["set-cookie"].startswith("__Host-console=")
    assert "Secure" in page.headers["set-cookie"]
    assert "strict-transport-security" in page.headers


async def test_from_invitation_to_second_factor(house: ConsoleHouse) -> None:
    _, token = await house.accounts.add("Boss", [Role.SUPERVISOR], ["ru"], "en")
    browser = house.browser()
    assert "Boss" in (await browser.get(f"/console/welcome/{token}")).text
    differ = await browser.http.post(f"/console/welcome/{token}", data={"password": PASSWORD, "again": PASSWORD + "x"})
    assert "differ" in differ.text
    await browser.http.post(f"/console/welcome/{token}", data={"password": PASSWORD, "again": PASSWORD})
    assert (await browser.get("/console/board")).headers["location"] == "/console/enrol"
    page = (await browser.get("/console/enrol")).text
    secret, csrf = re.findall(r'name="secret" value="(\w+)"', page)[0], re.findall(r'name="csrf" value="(\w+)"', page)[0]
    assert f"secret={secret}" in page  # the otpauth address
    wrong = await browser.http.post("/console/enrol", data={"csrf": csrf, "secret": secret, "code": "000000"})
    assert wrong.status_code == 400
    code = pyotp.TOTP(secret).at(house.clock.now())
    codes = await browser.http.post("/console/enrol", data={"csrf": csrf, "secret": secret, "code": code})
    assert len(re.findall(r"<li><code>[a-z2-9]{6}(?:-[a-z2-9]{6}){3}</code>", codes.text)) == 10
    assert (await browser.get("/console/board")).status_code == 200


async def test_the_first_admin_makes_everybody_else(house: ConsoleHouse) -> None:
    token = await house.accounts.first_link()
    browser = house.browser()
    assert "You are the first" in (await browser.get(f"/console/welcome/{token}", headers={"Accept-Language": "en"})).text
    form = {"name": "Root", "password": PASSWORD, "again": PASSWORD}
    assert (await browser.http.post(f"/console/welcome/{token}", data=form)).status_code == 303
    page = (await browser.get("/console/enrol")).text
    secret, csrf = re.findall(r'name="secret" value="(\w+)"', page)[0], re.findall(r'name="csrf" value="(\w+)"', page)[0]
    await browser.http.post("/console/enrol", data={"csrf": csrf, "secret": secret, "code": pyotp.TOTP(secret).at(house.clock.now())})
    users = await browser.get("/console/users")
    browser.csrf = re.findall(r'data-csrf="(\w+)"', users.text)[0]
    made = await browser.post("/console/users", {"name": "Dina", "roles": ["operator", "editor"], "spoken": ["ru", "uz"]})
    link = re.findall(r"http://desk(/console/welcome/[\w-]+)", made.text)[0]
    other = house.browser()
    assert (await other.http.post(link, data={"password": PASSWORD, "again": PASSWORD})).status_code == 303
    assert (await other.get("/console")).headers["location"] == "/console/desk"
    dina = await house.accounts.named("dina")
    assert dina.roles == {Role.OPERATOR, Role.EDITOR}
    assert dina.languages == ("ru", "uz")
    assert (await browser.post(f"/console/users/{dina.id}/disable", {"disabled": "true"})).status_code == 303
    assert (await other.get("/console/desk")).status_code == 303
    assert (await browser.get(f"/console/welcome/{token}")).status_code == 404  # used up


async def test_a_wrong_login_says_the_same_for_every_reason(house: ConsoleHouse) -> None:
    await house.accounts.add("Dina", [Role.OPERATOR], ["ru"])
    browser = house.browser()
    pages = [await browser.http.post("/console/login", data={"name": name, "password": "wrong wrong wrong"}) for name in ("Dina", "Nobody")]
    assert [page.status_code for page in pages] == [400, 400]
    assert pages[0].text.replace("Dina", "") == pages[1].text.replace("Nobody", "")


async def test_callers_words_are_never_code(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    case = await house.ask("person", NASTY)
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    await member.post(f"/console/cases/{case.id}/remark", {"kind": "note", "text": NASTY})
    await member.post(f"/console/cases/{case.id}/draft", {"text": NASTY + "</textarea><script>"})
    await member.post(f"/console/cases/{case.id}/say", {"text": NASTY, "client_id": "client-0001"})
    for path in ("", "/lines", "/side", "/head", "/replies"):
        page = await member.get(f"/console/cases/{case.id}{path}")
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "<img src=x" not in page.text
        assert "href=\"javascript" not in page.text
        assert "49" not in re.sub(r"[\w-]*\d{3,}\w*", "", words_of(page)).replace(":49", "").replace("49:", "")


async def test_a_refusal_is_a_page_or_a_fragment(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    page = await member.post("/console/desk/next", {})
    assert page.status_code == 404
    assert "<html" in page.text
    piece = await member.post("/console/desk/next", {}, headers={"HX-Request": "true"})
    assert piece.status_code == 404
    assert "<html" not in piece.text
    assert "Nobody is waiting" in piece.text


async def test_forms_that_are_not_well_formed_are_no_fault(house: ConsoleHouse) -> None:
    member = await house.enter("Member", *Role)
    for path, data in (
        ("/desk/duty", {"duty": "dancing"}), ("/desk/duty", {}), ("/users", {"name": ""}), ("/users", {"name": "x" * 500}),
        ("/snippets", {"title": ""}), ("/missed/line", {"question": "x"}), ("/account/language", {"language": "tlh"}),
        ("/cases/0/say", {"text": "x", "client_id": "no spaces allowed"}), ("/try", {"text": "x" * 2000}),
    ):  # fmt: skip
        answer = await member.post(f"/console{path}", data)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)


async def test_the_console_speaks_the_members_language_and_english_needs_no_catalogue(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    assert '<html lang="en">' in (await member.get("/console/desk")).text
    await member.post("/console/account/language", {"language": "ky"})
    assert '<html lang="ky">' in (await member.get("/console/desk")).text


async def test_snippets_are_sent_in_the_callers_language(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    saved = await member.post("/console/snippets", {"title": "Greeting", "text-ru": "Здравствуйте!", "text-uz": "Assalomu alaykum!"})
    assert saved.status_code == 303
    case = await house.ask("person")
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    page = await member.get(f"/console/cases/{case.id}/replies?q=greet")
    assert re.search(r'<pre id="s-\d+" hidden>Здравствуйте!</pre>', page.text)
    stranger = await house.enter("Stranger")
    assert "Здравствуйте" not in (await stranger.get("/console/snippets")).text
    await stranger.post("/console/snippets/1/remove", {})
    assert "Здравствуйте" in (await member.get("/console/snippets")).text


async def test_the_board_and_the_audit_log_show_what_happened(house: ConsoleHouse) -> None:
    boss, member = await house.enter("Boss", Role.SUPERVISOR), await house.enter("Member")
    case = await house.ask("danger")
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    await member.get(f"/console/cases/{case.id}")
    board = words_of(await boss.get("/console/board"))
    assert case.id[:8] in board
    assert "Member" in board
    audit = words_of(await boss.get(f"/console/audit?case={case.id[:8]}"))
    assert "case opened" in audit
    assert "Emergency" in words_of(await boss.get("/console/waits"))


async def test_an_editor_gets_the_yaml_line_for_a_missed_question(house: ConsoleHouse) -> None:
    editor = await house.enter("Editor", Role.EDITOR)
    await house.ask("person")
    conversation = await house.house.conversation()
    await house.store.transact(
        lambda ledger: ledger.findings.add_missed(conversation.id, house.clock.now(), "ru", "fallback", ["unpaid_wages"], "где мои деньги: [name]")
    )
    assert "где мои деньги" in (await editor.get("/console/missed")).text
    page = words_of(await editor.post("/console/missed/line", {"one": "1", "intent-1": "unpaid_wages"}))
    assert "examples: ru: - &#39;где мои деньги:&#39;" in page


async def test_an_editor_settles_several_questions_at_once(house: ConsoleHouse) -> None:
    editor = await house.enter("Editor", Role.EDITOR)
    await house.ask("person")
    conversation, now = await house.house.conversation(), house.clock.now()
    for language, reason, text in (("ru", "fallback", "где деньги"), ("uz_Cyrl", "did_not_help", "пулим қани"), ("ru", "gap", "где деньги"), ("ru", "gap", "другое")):
        await house.store.transact(lambda ledger, a=(language, reason, (), text): ledger.findings.add_missed(conversation.id, now, *a))
    shown = words_of(await editor.get("/console/missed?reason=gap"))
    assert "другое" in shown
    assert "пулим" not in shown
    chosen = {"chosen": ["1", "2", "3"], "intent": "unpaid_wages"}
    page = words_of(await editor.post("/console/missed/line", chosen))
    assert "examples: ru: - где деньги uz: - пулим қани" in page
    assert (await editor.post("/console/missed/line", {"chosen": ["1"], "intent": ""})).status_code == 400
    assert (await editor.post("/console/missed/done", {})).status_code == 404
    assert (await editor.post("/console/missed/done", chosen)).status_code == 303
    left = await house.read(lambda ledger: ledger.findings.missed(done=False))
    assert [question.text for question in left] == ["другое"]
    done = await house.read(lambda ledger: ledger.findings.missed(done=True))
    assert [question.intent for question in done] == ["unpaid_wages"] * 3
    assert "пулим" in words_of(await editor.get("/console/missed?done=1"))
    await editor.post("/console/missed/done", {"one": "2", "done": "1"})
    assert await house.read(lambda ledger: ledger.findings.left()) == {"gap": 1, "did_not_help": 1}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("просто слова", "просто слова"),
        ("a: b", "'a: b'"),
        ("- list", "'- list'"),
        ("it's <x> [y] (z|w)", "it's x y z w"),
        ("yes", "'yes'"),
        ("2024", "'2024'"),
        ("", "''"),
        ("'quoted", "'''quoted'"),
        ("two\nlines  here", "two lines here"),
    ],
)
def test_a_yaml_line_means_the_words_themselves(text: str, line: str) -> None:
    import yaml

    assert as_example(text) == line
    assert yaml.safe_load(f"- {line}") == [" ".join(re.sub(r"[<>\[\]()|{}]", " ", text).split())]


async def test_numbers_that_no_database_counts_to_are_refused(house: ConsoleHouse) -> None:
    everyone = await house.enter("Everyone", *Role)
    for number in (2**63, 10**30, -1, "9" * 5000):
        for path in (f"/audit?before={number}", f"/missed?before={number}", f"/needs?weeks={number}", f"/cases/{'0' * 32}/media/{number}", f"/cases/{'0' * 32}/sent/{number}"):
            assert (await everyone.get(f"/console{path}")).status_code == 400, path
        for path in (f"/snippets/{number}/remove", f"/letters/in/{number}/retry", f"/letters/out/{number}/discard"):
            assert (await everyone.post(f"/console{path}", {})).status_code == 400, path
        assert (await everyone.post(f"/console/cases/{'0' * 32}/gap", {"line": str(number)})).status_code == 400


async def test_a_forged_secret_of_the_second_step_is_not_shown_again(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    for forged in ("ў" * 32, "A" * 200):
        page = await member.post("/console/enrol", {"secret": forged, "code": "000000", "password": PASSWORD})
        assert page.status_code == 400
        assert forged not in page.text
