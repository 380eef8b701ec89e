"""What callers hear of the desk, and its hours."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.dialogue.context import Desk
from bot.errors import SettingsError
from bot.hotline.duty import DeskOptions, DutyView, routes
from bot.hotline.hours import Hours
from bot.hotline.ports import Store
from bot.hotline.team import Duty
from tests.builders.desk import DeskHouse

ALWAYS = Hours.parse("Mon-Sun 00:00-24:00", "Asia/Almaty")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_hours_in_their_zone_with_a_break_and_holidays() -> None:
    hours = Hours.parse("Mon-Fri 09:00-13:00,14:00-18:00; Sat 10:00-14:00", "Asia/Almaty", "2026-11-25")
    assert hours.is_open(at("2026-11-24 04:00"))  # Tuesday 9:00 in Almaty, five hours ahead of UTC
    assert not hours.is_open(at("2026-11-24 08:30"))  # 13:30
    assert hours.opens_at(at("2026-11-24 08:30")) == at("2026-11-24 09:00")
    assert not hours.is_open(at("2026-11-25 06:00"))  # a holiday
    assert hours.opens_at(at("2026-11-24 14:00")) == at("2026-11-26 04:00")  # over the holiday
    assert hours.is_open(at("2026-11-28 06:00"))  # Saturday
    assert hours.opens_at(at("2026-11-28 06:00")) is None


def test_days_may_run_over_the_weekend() -> None:
    hours = Hours.parse("Sat-Mon 10:00-12:00", "UTC")
    assert [hours.is_open(at(f"2026-11-{day} 11:00")) for day in (27, 28, 29, 30)] == [False, True, True, True]
    assert hours.opens_at(at("2026-11-24 11:00")) == at("2026-11-28 10:00")


@pytest.mark.parametrize("text", ["Mon 9-18", "Foo 09:00-18:00", "Mon 18:00-09:00", "Mon 09:00-25:00", "09:00-18:00"])
def test_wrong_hours_are_named(text: str) -> None:
    with pytest.raises(SettingsError, match="DESK_HOURS"):
        Hours.parse(text, "UTC")


@pytest.mark.parametrize(("zone", "holidays", "named"), [("Nowhere/Here", "", "DESK_ZONE"), ("UTC", "31.12.2026", "DESK_HOLIDAYS")])
def test_wrong_zone_or_holiday_is_named(zone: str, holidays: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        Hours.parse("Mon 09:00-18:00", zone, holidays)


def test_an_operator_of_uzbek_is_given_both_scripts_and_unknown_languages() -> None:
    assert {"uz", "uz_Cyrl", ""} <= set(routes(("uz",)))
    assert "ru" not in routes(("uz",))


async def view(house: DeskHouse, hours: Hours = ALWAYS) -> Desk:
    conversation = await house.house.conversation()
    case = await house.case_of()
    seen = DutyView(hours, DeskOptions())
    desk: Desk = await house.read(lambda ledger: seen(ledger, conversation, case, house.clock.now()))
    return desk


@pytest.fixture
def house(sqlite_store: Store) -> DeskHouse:
    return DeskHouse(sqlite_store)


async def test_without_any_operator_the_desk_is_shut_but_no_language_is_blamed(house: DeskHouse) -> None:
    await house.ask("person")
    assert (await view(house)).open is False
    assert (await view(house)).speaks is True


async def test_open_only_with_someone_there_who_has_the_language(house: DeskHouse) -> None:
    await house.ask("person")
    tajik = await house.staff("Tojik", languages=("tg",))
    assert (await view(house)) == Desk(open=False, speaks=False, ahead=0, opens_at=None)
    russian = await house.staff("Rus", languages=("ru",), duty=False)
    assert (await view(house)).speaks is True
    assert (await view(house)).open is False
    await house.roster.set_duty(russian, Duty.ON)
    assert (await view(house)).open is True
    await house.roster.set_duty(russian, Duty.BREAK, 10)
    assert (await view(house)).open is False
    await house.roster.set_duty(russian, Duty.ON)
    house.clock.move(seconds=91)
    assert (await view(house)).open is False  # not heard of
    await house.roster.beat(russian)
    assert (await view(house)).open is True
    await house.accounts.disable(russian.id, True)
    assert (await view(house)).open is False
    assert tajik.languages == ("tg",)


async def test_outside_the_hours_it_says_when_it_opens(house: DeskHouse) -> None:
    await house.ask("person")
    await house.staff("Rus", languages=("ru",))
    shut = Hours.parse("Sat 10:00-12:00", "UTC")
    desk = await view(house, shut)
    assert desk.open is False
    assert desk.opens_at == at("2026-11-28 10:00")


async def test_how_many_are_ahead(house: DeskHouse) -> None:
    await house.ask("person", sender="first")
    await house.ask("danger", sender="second")
    await house.ask("person")
    assert (await view(house)).ahead == 2
