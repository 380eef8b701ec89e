"""Accounts and logins: what is slow, what works once, what ends."""

from __future__ import annotations

import math
from pathlib import Path

import pyotp
import pytest

from bot.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError, TooManyRequestsError
from bot.hotline import credential
from bot.hotline.ports import Store
from bot.hotline.staff import Visitor
from bot.hotline.team import Role
from tests.builders.desk import DeskHouse

PASSWORD = "four calm horses run"


@pytest.fixture
def house(sqlite_store: Store) -> DeskHouse:
    return DeskHouse(sqlite_store)


async def member(house: DeskHouse, *roles: Role, name: str = "Dina") -> str:
    staff, token = await house.accounts.add(name, roles or (Role.OPERATOR,), ["ru"])
    await house.accounts.accept(token, PASSWORD)
    return staff.id


async def log_in(house: DeskHouse, name: str = "Dina", password: str = PASSWORD) -> Visitor:
    token = await house.accounts.log_in(name, password, "10.0.0.1")
    found = await house.accounts.visitor(token)
    assert found is not None
    return found


async def test_the_first_admin_is_made_by_a_link_that_works_once(house: DeskHouse) -> None:
    token = await house.accounts.first_link()
    assert token
    again = await house.accounts.first_link()  # a second start: only the newest link is good
    assert again
    with pytest.raises(NotFoundError):
        await house.accounts.accept(token, PASSWORD, "Root")
    admin = await house.accounts.accept(again, PASSWORD, "Root")
    assert admin.roles == {Role.ADMIN}
    with pytest.raises(NotFoundError):
        await house.accounts.accept(again, PASSWORD, "Other")
    assert await house.accounts.first_link() is None


async def test_a_link_is_too_old_after_a_day(house: DeskHouse) -> None:
    _, token = await house.accounts.add("Dina", [Role.OPERATOR], ["ru"])
    house.clock.move(hours=24, seconds=1)
    with pytest.raises(NotFoundError):
        await house.accounts.accept(token, PASSWORD)


@pytest.mark.parametrize(
    "password", ["short", "aaaaaaaaaaaaaaaa", "passwordpassword1", "dina dina dina", "x" * 129, "пароль123456"]
)
async def test_weak_passwords_are_refused(house: DeskHouse, password: str) -> None:
    _, token = await house.accounts.add("Dina", [Role.OPERATOR], ["ru"])
    with pytest.raises(RefusedError):
        await house.accounts.accept(token, password)
    assert await house.accounts.accept(token, PASSWORD)  # the link is still good


@pytest.mark.parametrize("password", ["Qwertyqwerty", "1qaz2wsx3edc", "PolniyPizdec0211", "gfhjkmgfhjkm"])
async def test_a_password_that_many_have_is_refused(house: DeskHouse, password: str) -> None:
    _, token = await house.accounts.add("Dina", [Role.OPERATOR], ["ru"])
    with pytest.raises(RefusedError, match="too easy"):
        await house.accounts.accept(token, password)
    assert await house.accounts.accept(token, password + " and a horse")


def test_the_list_holds_enough_passwords_that_would_otherwise_pass() -> None:
    lines = [line for line in Path(credential.__file__).with_name("common_passwords.txt").read_text("utf-8").splitlines() if line[0] != "#"]
    assert len(set(lines)) >= 3000
    for line in lines:
        assert line == line.casefold()
        assert len(line) >= credential.PASSWORD_MIN
        with pytest.raises(RefusedError):
            credential.check_strength(line, "Dina")


@pytest.mark.parametrize("password", ["dinakarimova2026", "I am DINA-KARIMOVA!", "my.Dina.Karimova.here"])
def test_the_own_name_is_found_however_it_is_written(password: str) -> None:
    with pytest.raises(RefusedError, match="too easy"):
        credential.check_strength(password, "Dina Karimova")
    credential.check_strength(password, "Boris")


async def test_names_are_one_in_any_case(house: DeskHouse) -> None:
    await member(house)
    with pytest.raises(ConflictError):
        await house.accounts.add("DINA", [Role.OPERATOR], [])
    assert (await log_in(house, "dina ")).staff.name == "Dina"


async def test_a_session_idles_out_and_ends_for_good(house: DeskHouse) -> None:
    await member(house)
    visitor = await log_in(house)
    house.clock.move(minutes=29)
    assert await house.accounts.visitor(visitor.token)
    house.clock.move(minutes=29)
    assert await house.accounts.visitor(visitor.token, active=False)  # the page alone keeps nothing awake
    house.clock.move(minutes=2)
    assert await house.accounts.visitor(visitor.token) is None
    visitor = await log_in(house)
    for _ in range(27):
        house.clock.move(minutes=27)
        await house.accounts.visitor(visitor.token)
    assert await house.accounts.visitor(visitor.token) is None  # twelve hours


async def test_the_database_holds_no_token_and_no_password(house: DeskHouse) -> None:
    staff_id = await member(house)
    visitor = await log_in(house)
    staff = await house.read(lambda ledger: ledger.office.staff.get(staff_id))
    assert staff.password.startswith("$argon2id$")
    assert credential.key_of(visitor.token) != visitor.token.encode()
    assert PASSWORD not in repr(staff)
    assert visitor.token not in repr(visitor)


async def test_guessing_gets_slow_and_counts_at_once(house: DeskHouse) -> None:
    await member(house)
    house.clock.stop()
    for _ in range(5):
        with pytest.raises(RefusedError, match="not right"):
            await house.accounts.log_in("Dina", "wrong wrong wrong", "10.0.0.9")
    with pytest.raises(TooManyRequestsError):
        await house.accounts.log_in("Dina", PASSWORD, "10.0.0.9")
    house.clock.move(seconds=2)
    with pytest.raises(RefusedError, match="not right"):
        await house.accounts.log_in("Dina", "wrong wrong wrong", "10.0.0.9")
    with pytest.raises(TooManyRequestsError):
        await house.accounts.log_in("Dina", PASSWORD, "10.0.0.8")  # the account, from anywhere
    house.clock.move(minutes=5)
    assert await house.accounts.log_in("Dina", PASSWORD, "10.0.0.8")


async def test_an_address_that_tries_many_names_gets_slow(house: DeskHouse) -> None:
    await member(house)
    house.clock.stop()
    for number in range(20):
        with pytest.raises(RefusedError):
            await house.accounts.log_in(f"name{number}", "wrong wrong wrong", "10.0.0.9")
    with pytest.raises(TooManyRequestsError):
        await house.accounts.log_in("Dina", PASSWORD, "10.0.0.9")
    assert await house.accounts.log_in("Dina", PASSWORD, "10.0.0.7")


async def test_supervisors_and_admins_need_the_second_factor(house: DeskHouse) -> None:
    for role in (Role.SUPERVISOR, Role.ADMIN):
        await member(house, role, name=role.value.title())
        assert not (await log_in(house, role.value)).login.complete
    await member(house)
    assert (await log_in(house)).login.complete


async def test_a_code_works_once_and_a_recovery_code_once(house: DeskHouse) -> None:
    await member(house, Role.SUPERVISOR)
    visitor = await log_in(house)
    secret = credential.new_totp()
    code = pyotp.TOTP(secret).at(house.clock.now())
    token, recovery = await house.accounts.enrol(visitor, secret, code)
    assert all(len(code.replace("-", "")) * math.log2(31) > 112 for code in recovery)
    assert (await house.accounts.visitor(token)).login.complete  # type: ignore[union-attr]
    assert await house.accounts.visitor(visitor.token) is None  # a fresh token took its place
    half = await log_in(house)
    with pytest.raises(RefusedError):
        await house.accounts.second_factor(half, code)  # used already
    house.clock.move(seconds=60)
    assert await house.accounts.second_factor(half, pyotp.TOTP(secret).at(house.clock.now()))
    half = await log_in(house)
    assert await house.accounts.second_factor(half, recovery[0].upper())
    half = await log_in(house)
    with pytest.raises(RefusedError):
        await house.accounts.second_factor(half, recovery[0])


async def test_a_second_factor_cannot_be_replaced_half_way(house: DeskHouse) -> None:
    await member(house, Role.SUPERVISOR)
    secret = credential.new_totp()
    await house.accounts.enrol(await log_in(house), secret, pyotp.TOTP(secret).at(house.clock.now()))
    half, other = await log_in(house), credential.new_totp()
    with pytest.raises(ForbiddenError):
        await house.accounts.enrol(half, other, pyotp.TOTP(other).at(house.clock.now()))


async def test_codes_cannot_be_guessed_fast(house: DeskHouse) -> None:
    await member(house, Role.SUPERVISOR)
    secret = credential.new_totp()
    await house.accounts.enrol(await log_in(house), secret, pyotp.TOTP(secret).at(house.clock.now()))
    half = await log_in(house)
    for _ in range(5):
        with pytest.raises(RefusedError, match="not right"):
            await house.accounts.second_factor(half, "000000")
    house.clock.move(milliseconds=100)
    with pytest.raises(TooManyRequestsError):
        await house.accounts.second_factor(half, "000000")


async def test_disabling_and_resetting_log_out_everywhere(house: DeskHouse) -> None:
    staff_id = await member(house)
    visitor = await log_in(house)
    await house.accounts.disable(staff_id, True)
    assert await house.accounts.visitor(visitor.token) is None
    with pytest.raises(RefusedError, match="not right"):
        await log_in(house)
    await house.accounts.disable(staff_id, False)
    visitor = await log_in(house)
    token = await house.accounts.reset(staff_id)
    assert await house.accounts.visitor(visitor.token) is None
    with pytest.raises(RefusedError):
        await log_in(house)
    await house.accounts.accept(token, "another calm horse")
    assert await log_in(house, password="another calm horse")


async def test_a_new_password_ends_the_other_sessions(house: DeskHouse) -> None:
    await member(house)
    here, there = await log_in(house), await log_in(house)
    with pytest.raises(RefusedError):
        await house.accounts.change_password(here, "wrong", "another calm horse")
    fresh = await house.accounts.change_password(here, PASSWORD, "another calm horse")
    assert await house.accounts.visitor(fresh)
    assert await house.accounts.visitor(there.token) is None


async def test_the_last_admin_stays(house: DeskHouse) -> None:
    first = await member(house, Role.ADMIN, name="Root")
    with pytest.raises(ConflictError):
        await house.accounts.disable(first, True)
    with pytest.raises(ConflictError):
        await house.accounts.change(first, [Role.OPERATOR], ["ru"], 4, "system")
    await member(house, Role.ADMIN, name="Second")
    await house.accounts.disable(first, True)


async def test_what_is_over_is_forgotten(house: DeskHouse) -> None:
    await member(house)
    visitor = await log_in(house)
    house.clock.move(hours=13)
    await house.accounts.forget()
    key = credential.key_of(visitor.token)
    assert await house.read(lambda ledger: ledger.office.logins.get(key)) is None


async def with_factor(house: DeskHouse, *roles: Role) -> tuple[Visitor, str, list[str]]:
    """Somebody with a second factor: a complete session, the secret, the recovery codes."""
    await member(house, *(roles or (Role.SUPERVISOR,)))
    house.clock.stop()
    secret = credential.new_totp()
    token, recovery = await house.accounts.enrol(await log_in(house), secret, now_of(house, secret))
    found = await house.accounts.visitor(token)
    assert found
    return found, secret, recovery


def now_of(house: DeskHouse, secret: str) -> str:
    return pyotp.TOTP(secret).at(house.clock.now())


async def audited(house: DeskHouse) -> list[str]:
    return [entry.act for entry in await house.read(lambda ledger: ledger.office.audit.page(50))]


async def test_a_session_alone_cannot_replace_the_second_factor(house: DeskHouse) -> None:
    visitor, secret, recovery = await with_factor(house)
    thief = credential.new_totp()
    house.clock.move(seconds=60)
    for password, current in (("", ""), (PASSWORD, ""), (PASSWORD, "000000"), ("wrong wrong wrong", now_of(house, secret))):
        with pytest.raises(RefusedError, match="The password or the code is not right"):
            await house.accounts.enrol(visitor, thief, now_of(house, thief), password, current)
        house.clock.move(minutes=6)
    half = await log_in(house)
    assert await house.accounts.second_factor(half, recovery[1])  # nothing was changed
    token, _ = await house.accounts.enrol(visitor, thief, now_of(house, thief), PASSWORD, now_of(house, secret))
    assert await house.accounts.visitor(visitor.token) is None
    assert await house.accounts.visitor(token)
    assert (await audited(house)).count("second factor set") == 2


async def test_an_operators_first_second_factor_needs_the_password(house: DeskHouse) -> None:
    await member(house)
    here, there = await log_in(house), await log_in(house)
    secret = credential.new_totp()
    with pytest.raises(RefusedError, match="The password or the code"):
        await house.accounts.enrol(here, secret, now_of(house, secret))
    token, _ = await house.accounts.enrol(here, secret, now_of(house, secret), PASSWORD)
    assert await house.accounts.visitor(token)
    assert await house.accounts.visitor(there.token) is None  # it knew no second factor


@pytest.mark.parametrize("secret", ["", "x", "A" * 31, "a" * 32, "A" * 31 + "1", "A" * 33, "А" * 32])
async def test_a_secret_that_is_none_of_ours_is_refused(house: DeskHouse, secret: str) -> None:
    await member(house, Role.SUPERVISOR)
    with pytest.raises(RefusedError, match="code is not right"):
        await house.accounts.enrol(await log_in(house), secret, "000000")


async def test_a_new_password_needs_the_code_too(house: DeskHouse) -> None:
    visitor, _, recovery = await with_factor(house)
    for code in ("", "000000", recovery[0] + "x"):
        with pytest.raises(RefusedError, match="The password or the code"):
            await house.accounts.change_password(visitor, PASSWORD, "another calm horse", code)
    assert await house.accounts.visitor(visitor.token)
    fresh = await house.accounts.change_password(visitor, PASSWORD, "another calm horse", recovery[0])
    again = await house.accounts.visitor(fresh)
    assert again
    with pytest.raises(RefusedError):  # a recovery code works once here, too
        await house.accounts.change_password(again, "another calm horse", PASSWORD, recovery[0])


async def test_proofs_cannot_be_guessed_fast(house: DeskHouse) -> None:
    visitor, secret, _ = await with_factor(house)
    for _ in range(5):
        with pytest.raises(RefusedError, match="not right"):
            await house.accounts.change_password(visitor, PASSWORD, "another calm horse", "000000")
    house.clock.move(milliseconds=100)
    for attempt in (
        house.accounts.change_password(visitor, PASSWORD, "another calm horse", now_of(house, secret)),
        house.accounts.enrol(visitor, secret, "000000", PASSWORD, ""),
        house.browsers.end(visitor, PASSWORD),
    ):
        with pytest.raises(TooManyRequestsError):
            await attempt


async def test_own_browsers_are_listed_and_logged_out(house: DeskHouse) -> None:
    await member(house)
    await member(house, name="Aziz")
    stranger = await log_in(house, "Aziz")
    here = await log_in(house)
    house.clock.move(minutes=2)
    one = await log_in(house)
    house.clock.move(minutes=2)
    two = await log_in(house)
    browsers = await house.browsers.of(here)
    assert [browser.here for browser in browsers] == [True, False, False]
    assert browsers[1].seen > browsers[2].seen
    assert not any(here.token in repr(browser) or credential.key_of(here.token).hex().startswith(browser.mark) for browser in browsers)
    with pytest.raises(RefusedError):
        await house.browsers.end(here, "wrong wrong wrong")
    (foreign,) = await house.browsers.of(stranger)
    await house.browsers.end(here, PASSWORD, foreign.mark)
    assert len(await house.browsers.of(here)) == 3
    assert await house.accounts.visitor(stranger.token)
    await house.browsers.end(here, PASSWORD, browsers[1].mark)
    assert await house.accounts.visitor(two.token) is None
    assert await house.accounts.visitor(one.token)
    await house.browsers.end(here, PASSWORD, browsers[0].mark)  # this one has a button of its own
    await house.browsers.end(here, PASSWORD)
    assert await house.accounts.visitor(one.token) is None
    assert [browser.here for browser in await house.browsers.of(here)] == [True]
    assert {"session ended", "other sessions ended"} <= set(await audited(house))


async def test_a_browser_that_idled_out_or_is_half_way_is_not_listed(house: DeskHouse) -> None:
    visitor, _, recovery = await with_factor(house)
    await log_in(house)  # half-way
    assert len(await house.browsers.of(visitor)) == 1
    await house.accounts.second_factor(await log_in(house), recovery[0])
    assert len(await house.browsers.of(visitor)) == 2
    house.clock.move(minutes=20)
    await house.accounts.visitor(visitor.token)
    house.clock.move(minutes=20)
    assert len(await house.browsers.of(visitor)) == 1
