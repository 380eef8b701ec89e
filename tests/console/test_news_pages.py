"""The pages of news and of dead letters, spoken to without a network: four eyes, figures, trying once more."""

from __future__ import annotations

import re

import pytest

from bot.hotline.ports import Store
from bot.hotline.team import Role
from tests.builders.console import ConsoleHouse
from tests.builders.delivery import envelope


@pytest.fixture
def house(sqlite_store: Store) -> ConsoleHouse:
    return ConsoleHouse(sqlite_store)


async def test_one_writes_and_another_confirms(house: ConsoleHouse) -> None:
    anna, bolat = await house.enter("Anna", Role.SUPERVISOR), await house.enter("Bolat", Role.ADMIN)
    form = {"title": "law", "text-ru": "Новый **закон**", "text-kk": "", "countries": "RU"}
    assert (await anna.post("/console/broadcasts", form)).status_code in (200, 303)
    page = (await anna.get("/console/broadcasts")).text
    found = re.search(r'data-broadcast="([0-9a-f]{32})" data-state="draft"', page)
    assert found
    path = f"/console/broadcasts/{found[1]}"
    assert f"{path}/send" not in page  # no button for the author
    assert (await anna.post(f"{path}/send")).status_code == 403
    assert f"{path}/send" in (await bolat.get("/console/broadcasts")).text
    assert (await bolat.post(f"{path}/send")).status_code in (200, 303)
    assert 'data-state="running"' in (await bolat.get("/console/broadcasts")).text
    assert (await anna.post(f"{path}/pause")).status_code in (200, 303)
    assert (await anna.post(f"{path}/cancel")).status_code in (200, 303)
    page = (await anna.get("/console/broadcasts")).text
    assert 'data-state="cancelled"' in page
    assert "<strong>закон</strong>" in page or "<b>закон</b>" in page


async def test_a_message_the_bot_failed_on_is_seen_and_tried_once_more(house: ConsoleHouse) -> None:
    admin = await house.enter("Bolat", Role.ADMIN)
    await house.house.inbox.receive([envelope("fail secret words", at=house.clock.now())])
    await house.house.quiet(seconds=20)
    page = (await admin.get("/console/letters")).text
    assert "ValueError" in page
    assert "secret words" not in page
    found = re.search(r"/console/letters/in/(\d+)/retry", page)
    assert found
    assert (await admin.post(found[0])).status_code in (200, 303)
    assert (await admin.post(found[0])).status_code == 404
    assert "ValueError" not in (await admin.get("/console/letters")).text
    assert (await admin.post("/console/letters/sideways/1/discard")).status_code == 404
