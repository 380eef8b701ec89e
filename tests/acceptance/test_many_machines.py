"""Two web processes and two workers on one PostgreSQL: every caller is answered, by whoever is free."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from storage.cipher import new_key
from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import Serving

pytestmark = pytest.mark.postgres


@pytest.fixture
def houses(tmp_path: Path, postgres_database: str) -> Iterator[list[Serving]]:
    shared = {"HOTLINE_DATABASE_URL": postgres_database, "HOTLINE_KEYS": new_key("k1")}
    roles = [("serve", "--no-workers"), ("serve", "--no-workers"), ("worker",), ("worker",)]
    with ExitStack() as stack:
        started = []
        for place, role in enumerate(roles):
            service = Serving(tmp_path / str(place), shared, arguments=role)
            stack.callback(service.kill)
            started.append(service.start())
        yield started


def test_callers_are_answered_over_both_webs_and_a_lost_worker_is_replaced(houses: list[Serving]) -> None:
    callers = [WebCaller(houses[place % 2].url) for place in range(6)]
    for caller in callers:
        caller.press("lang:ru")
    houses[2].kill()
    for place, caller in enumerate(callers):
        caller.http.base_url = houses[(place + 1) % 2].url  # the other web process knows the talk too
        assert "<p>" in caller.say("сколько дней можно жить без регистрации")
    assert houses[3].stop() == 0
