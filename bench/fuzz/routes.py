"""Every route as its OpenAPI describes it, by schemathesis: public ones, and the console's for nobody, an operator and a supervisor."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, seed, settings

from bench.fuzz.door import app_of
from bench.fuzz.hostile import Hostile, check
from bot.channels.webchat import WebChat, WebChatPages
from bot.hotline.ports import Store
from bot.hotline.team import Role

if TYPE_CHECKING:
    from tests.builders.console import Browser, ConsoleHouse

BURST = 5  # requests of one route in a row: hypothesis begins each time with the plainest
_UNASKED = ("stream", "/logout")  # the first never ends, the second would end the session all the others use


class RoutesTarget:
    """Values that fit the description of a route, its path, query, headers and form: no 500, and the gate holds."""

    def __init__(self, house: ConsoleHouse, people: dict[str, Browser], chat: WebChat) -> None:
        self.house = house
        self.people = people
        self.chat = chat
        self.gated = set(house.console.gate.rules)
        self.callers = 0
        for route in _routes(house.app):
            route.include_in_schema = True
        described = schemathesis.openapi.from_dict(house.app.openapi())
        self.operations = [found.ok() for found in described.get_all_operations() if not any(part in found.ok().path for part in _UNASKED)]

    @classmethod
    async def make(cls, store: Store) -> RoutesTarget:
        """A house with all routers in one app, and people."""
        from tests.builders.console import ConsoleHouse

        house = ConsoleHouse(store)
        chat = WebChat(b"k" * 32)
        pages = WebChatPages(chat, store, house.house.inbox.receive, lambda language: {"lang": language}, exit_url="https://e.org/", embed_origins="")
        house.app = app_of(*house.console.routers(), pages.router())
        people = {
            "nobody": house.browser(),
            "operator": await house.enter("Operator"),
            "supervisor": await house.enter("Supervisor", Role.SUPERVISOR, Role.EDITOR, duty=False),
        }
        return cls(house, people, chat)

    async def __call__(self, hostile: Hostile) -> None:
        """One route, five requests."""
        source = hostile.random
        who = source.choice(tuple(self.people))
        person = self.people[who]
        operation = source.choice(self.operations)
        case = await self._case()
        for made in _made(operation, source.randrange(2**32)):
            if "case" in made.path_parameters and source.random() < 0.7:
                made.path_parameters["case"] = case
            if "line" in made.path_parameters and source.random() < 0.7:
                made.path_parameters["line"] = source.randrange(9)
            headers = {"X-CSRF-Token": person.csrf} if source.random() < 0.9 else {}
            if operation.path.startswith("/chat"):
                headers["X-Chat-Pass"] = self.chat.passes.issue()
            asked = made.as_transport_kwargs(base_url="http://desk", headers=headers)
            answer = await person.http.request(**{key: value for key, value in asked.items() if key != "cookies"})
            told = f"{operation.method.upper()} {operation.path} as {who}: {answer.status_code}"
            check(answer.status_code < 500, told)
            if who == "nobody" and (operation.method.upper(), operation.path) in self.gated:
                check(answer.status_code in (303, 404, 405), f"open to nobody: {told}")

    async def _case(self) -> str:
        """A case in the operator's hands; when the last one was handed on or closed, another caller asks."""
        operator = self.people["operator"].staff
        case = await self.house.case_of(f"caller{self.callers}") if self.callers else None
        if case is None:
            self.callers += 1
            case = await self.house.ask("person", sender=f"caller{self.callers}")
        if not case.operator and operator:
            await self.house.desk.next_case(operator)
        return case.id


def _routes(app: Any) -> Iterator[APIRoute]:
    """Those of the app, and those of routers it took in."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            yield route
        elif router := getattr(route, "original_router", None):
            yield from _routes(router)


def _made(operation: Any, number: int) -> list[Any]:
    """Requests for a route, the same for the same number."""
    made: list[Any] = []

    @seed(number)
    @settings(max_examples=BURST, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(operation.as_strategy())
    def collect(case: Any) -> None:
        made.append(case)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        collect()
    return made
