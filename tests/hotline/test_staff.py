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
