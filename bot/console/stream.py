"""Live: tells a page which of its parts changed; the page fetches them. So after any gap it simply fetches all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request

from bot.console.gate import ANYONE, visitor
from bot.console.page import HEADERS
from bot.console.part import Part
from bot.hotline.duty import routes
from bot.hotline.ledger import Ledger
from bot.hotline.ports import wait_for_any
from bot.hotline.records import CaseState
from bot.hotline.staff import Visitor
from bot.hotline.team import Role, Staff
from bot.live import EventStream
from bot.matching.match import Urgency

_KEEPALIVE = 15.0  # seconds; the session is looked at as often
_STREAM_SECONDS = 900.0  # a stream ends after that and the page opens the next one
_GATHER = 0.1  # seconds in which further wake-ups become one event


class Stream(Part):
    """GET /console/stream."""

    def router(self) -> APIRouter:
        """The route."""
        router = self.gate.router()
        self.gate.add(router, "GET", "/stream", self.stream, ANYONE, passive=True)
        return router

    async def stream(self, request: Request, case: str = "") -> EventStream:
        """Server-sent events: desk, case, lines, alarm, offer, bye."""
        events = self._events(visitor(request), case[:32])
        return EventStream(events, HEADERS)

    async def _topics(self, found: Visitor, case: str) -> dict[str, str]:
        """Topic of the store -> event of the page. A case's only for those who may see it."""
        topics = {"desk": "desk"} if found.staff.may(Role.OPERATOR, Role.SUPERVISOR) else {}
        if not case:
            return topics

        def work(ledger: Ledger) -> str:
            known = self.house.desk.visible(ledger, case, found.staff)
            return known.conversation if known else ""

        if conversation := await self.house.store.read(work):
            topics |= {f"case:{case}": "case", f"conversation:{conversation}": "lines"}
        return topics

    async def _events(self, found: Visitor, case: str) -> AsyncGenerator[str, None]:
        store, loop = self.house.store, asyncio.get_running_loop()
        end = loop.time() + _STREAM_SECONDS
        topics = await self._topics(found, case)
        marks = {topic: store.mark(topic) for topic in topics}
        emergencies = await self._emergencies(found.staff)
        number = 0
        yield f"retry: 1000\nid: {number}\nevent: hello\ndata: -\n\n"
        if await self._offer(found.staff):
            yield "event: offer\ndata: -\n\n"
        while loop.time() < end:
            await self._any(topics, marks)
            changed = [topic for topic in topics if store.mark(topic) != marks[topic]]
            if not changed:
                if await self.house.accounts.visitor(found.token, active=False) is None:
                    yield "event: bye\ndata: -\n\n"
                    return
                yield ": still here\n\n"
                continue
            marks = {topic: store.mark(topic) for topic in topics}
            number += 1
            names = dict.fromkeys(topics[topic] for topic in changed)
            if "desk" in names:
                now_waiting = await self._emergencies(found.staff)
                if now_waiting - emergencies:
                    names["alarm"] = None
                emergencies = now_waiting
                if await self._offer(found.staff):
                    names["offer"] = None
            for name in names:
                yield f"id: {number}\nevent: {name}\ndata: -\n\n"

    async def _any(self, topics: dict[str, str], marks: dict[str, int]) -> None:
        """Wait until one of the topics was woken, and a moment more."""
        if not topics:
            await asyncio.sleep(_KEEPALIVE)
        elif await wait_for_any(self.house.store, marks, _KEEPALIVE):
            await asyncio.sleep(_GATHER)

    async def _emergencies(self, staff: Staff) -> set[str]:
        """Emergencies that wait and that this person should hear of."""
        if not staff.may(Role.OPERATOR, Role.SUPERVISOR):
            return set()
        languages = () if staff.may(Role.SUPERVISOR) else routes(staff.languages)
        now = self.house.now()

        def work(ledger: Ledger) -> set[str]:
            waiting = ledger.cases.waiting(now, languages, limit=20)
            return {case.id for case in waiting if case.urgency is Urgency.EMERGENCY}

        return await self.house.store.read(work)

    async def _offer(self, staff: Staff) -> bool:
        """Offer a waiting emergency to this operator; True when one is on offer now and was not before."""
        if not staff.may(Role.OPERATOR) or not await self._emergencies(staff):
            return False
        offered = await self.house.desk.offer_emergency(staff)
        return offered is not None and offered.state is not CaseState.CLOSED
