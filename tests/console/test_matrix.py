"""Who may pass which door: every route of the console for every role, "nobody" and "half-way" included."""

from __future__ import annotations

import re

import pytest
from fastapi.routing import APIRoute

from bot.hotline.ports import Store
from bot.hotline.team import Role
from tests.builders.console import Browser, ConsoleHouse

OPEN = {  # doors that need no session: the entrance itself
    ("GET", "/console/static/{name}"), ("GET", "/console/login"), ("POST", "/console/login"),
    ("GET", "/console/welcome/{token}"), ("POST", "/console/welcome/{token}"),
}  # fmt: skip
HALFWAY = {("GET", "/console/login/code"), ("POST", "/console/login/code"), ("GET", "/console/enrol"), ("POST", "/console/enrol")}
DESK = frozenset({Role.OPERATOR, Role.SUPERVISOR})
READERS = frozenset({Role.EDITOR, Role.SUPERVISOR})
NEWS = frozenset({Role.SUPERVISOR, Role.ADMIN})
OPERATORS, SUPERVISORS, ADMINS = frozenset({Role.OPERATOR}), frozenset({Role.SUPERVISOR}), frozenset({Role.ADMIN})
# Written down a second time on purpose: a change of the gate must be meant.
EXPECTED = {
    "": frozenset(Role), "/logout": frozenset(Role), "/account": frozenset(Role), "/account/language": frozenset(Role),
    "/account/password": frozenset(Role), "/account/browsers": frozenset(Role), "/stream": frozenset(Role),
    "/desk": DESK, "/desk/queue": DESK, "/desk/duty": DESK, "/desk/beat": DESK, "/desk/next": OPERATORS,
    "/cases/{case}": DESK, "/cases/{case}/lines": DESK, "/cases/{case}/head": DESK, "/cases/{case}/side": DESK,
    "/cases/{case}/say": DESK, "/cases/{case}/knock": DESK, "/cases/{case}/draft": DESK, "/cases/{case}/remark": DESK, "/cases/{case}/transfer": DESK,
    "/cases/{case}/return": DESK, "/cases/{case}/urgency": DESK, "/cases/{case}/close": DESK, "/cases/{case}/closed": DESK,
    "/cases/{case}/replies": DESK, "/cases/{case}/media/{line}": DESK,
    "/cases/{case}/accept": OPERATORS, "/cases/{case}/decline": OPERATORS,
    "/snippets": OPERATORS, "/snippets/{snippet}/remove": OPERATORS,
    "/board": SUPERVISORS, "/board/live": SUPERVISORS, "/waits": SUPERVISORS, "/audit": SUPERVISORS,
    "/content": READERS, "/content/{intent}": READERS, "/try": READERS, "/missed": READERS, "/missed/line": READERS,
    "/broadcasts": NEWS, "/broadcasts/{broadcast}/send": NEWS, "/broadcasts/{broadcast}/pause": NEWS, "/broadcasts/{broadcast}/cancel": NEWS,
    "/missed/done": READERS, "/content-problems": READERS, "/cases/{case}/agree": DESK, "/cases/{case}/gap": DESK, "/cases/{case}/file": DESK,
    "/cases/{case}/sent/{line}": DESK,
    "/letters": NEWS, "/letters/{direction}/{letter}/retry": NEWS, "/letters/{direction}/{letter}/discard": NEWS,
    "/needs": SUPERVISORS | ADMINS, "/needs.csv": SUPERVISORS | ADMINS, "/users": ADMINS, "/users/{user}": ADMINS, "/users/{user}/reset": ADMINS, "/users/{user}/disable": ADMINS,
}  # fmt: skip


@pytest.fixture
def house(sqlite_store: Store) -> ConsoleHouse:
    return ConsoleHouse(sqlite_store)


def routes(house: ConsoleHouse) -> list[tuple[str, str]]:
    every = [route for router in house.console.routers() for route in router.routes]
    assert all(isinstance(route, APIRoute) for route in every)
    found = [(method, route.path) for route in every if isinstance(route, APIRoute) for method in route.methods]
    assert len(found) > 45
    return found


def filled(path: str) -> str:
    values = {"case": "0" * 32, "line": "1", "user": "nobody", "intent": "unpaid_wages", "snippet": "1", "broadcast": "0" * 32, "direction": "out", "letter": "1", "name": "console.css", "token": "x"}
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], path)


async def knock(browser: Browser, method: str, path: str) -> int:
    if path == "/console/stream":  # it never ends; the gate is the same
        return 0
    answer = await (browser.get(filled(path)) if method == "GET" else browser.post(filled(path), {}))
    return answer.status_code


def test_every_route_is_behind_the_gate_or_known_to_be_open(house: ConsoleHouse) -> None:
    gated = house.console.gate.rules
    for method, path in routes(house):
        door = (method, path)
        assert door in gated or door in OPEN or door in HALFWAY, door
    assert {path.removeprefix("/console"): frozenset(roles) for (_, path), roles in gated.items()} == EXPECTED


async def test_nobody_passes_anywhere(house: ConsoleHouse) -> None:
    nobody = house.browser()
    for method, path in routes(house):
        if (method, path) in OPEN or path == "/console/stream":
            continue
        answer = await (nobody.get(filled(path)) if method == "GET" else nobody.post(filled(path), {"code": "000000", "secret": "x"}))
        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"] == "/console/login"


async def test_half_way_is_not_in(house: ConsoleHouse) -> None:
    half = await house.enter("Half", Role.ADMIN, Role.SUPERVISOR, Role.OPERATOR, complete=False)
    for method, path in routes(house):
        if (method, path) in OPEN | HALFWAY or path == "/console/stream":
            continue
        answer = await (half.get(filled(path)) if method == "GET" else half.post(filled(path), {}))
        assert answer.status_code == 303, (method, path)
        assert answer.headers["location"] == "/console/enrol"


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_passes_its_doors_only(house: ConsoleHouse, role: Role) -> None:
    member = await house.enter("Member", role)
    seen = 0
    for method, path in sorted(routes(house), key=lambda door: "logout" in door[1]):
        if (method, path) in OPEN | HALFWAY:
            continue
        status = await knock(member, method, path)
        allowed = role in EXPECTED[path.removeprefix("/console")]
        if not allowed and path != "/console/stream":
            assert status == 403, (role, method, path, status)
            seen += 1
        elif path.startswith("/console/cases/") and not path.endswith("closed"):
            assert status in (204, 403, 404, 409, 422, 400), (method, path, status)  # no such case
        else:
            assert status != 403, (role, method, path)
            assert status < 500
    assert seen > 5


async def test_a_disabled_account_is_out_at_once(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    assert (await member.get("/console/desk")).status_code == 200
    assert member.staff
    await house.accounts.disable(member.staff.id, True)
    assert (await member.get("/console/desk")).status_code == 303


async def test_no_change_without_the_sessions_word(house: ConsoleHouse) -> None:
    member = await house.enter("Member")
    other = await house.enter("Other")
    for word in ("", "wrong", other.csrf):
        answer = await member.http.post("/console/desk/duty", data={"duty": "off", "csrf": word})
        assert answer.status_code == 403
    assert (await member.http.post("/console/desk/duty", data={"duty": "off", "csrf": member.csrf})).status_code == 303
    crossing = {"X-CSRF-Token": member.csrf, "Sec-Fetch-Site": "cross-site"}
    assert (await member.http.post("/console/desk/duty", data={"duty": "on"}, headers=crossing)).status_code == 403
