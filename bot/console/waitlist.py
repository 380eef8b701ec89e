"""The desk: what waits, what one has, and the button that gives the most urgent case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from bot.console.gate import visitor
from bot.console.page import done, go
from bot.console.part import Part
from bot.console.view import CaseView, Words
from bot.dialogue.knowledge import N_
from bot.errors import NotFoundError
from bot.hotline.duty import fresh, routes
from bot.hotline.ledger import Ledger
from bot.hotline.records import Case, CaseState
from bot.hotline.team import Duty, Presence, Role, Staff

DESK_ROLES = (Role.OPERATOR, Role.SUPERVISOR)
Queue = tuple[dict[str, int], datetime | None]  # how many wait by urgency, and since when the first
_ROWS = 20  # of the queue shown; the counts are of all


@dataclass(frozen=True, slots=True)
class Waitlist:
    """The left column."""

    counts: dict[str, int]
    total: int
    longest: timedelta | None
    rows: list[CaseView]
    mine: list[CaseView]
    offer: CaseView | None
    offer_until: datetime | None
    presence: Presence | None
    colleagues: int  # others on duty
    open_hours: bool


class Waiting(Part):
    """The pages and actions of the desk."""

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/desk", self.page, DESK_ROLES)
        add(router, "GET", "/desk/queue", self.queue, DESK_ROLES, passive=True)
        add(router, "POST", "/desk/duty", self.set_duty, DESK_ROLES)
        add(router, "POST", "/desk/next", self.next_case, (Role.OPERATOR,))
        add(router, "POST", "/desk/beat", self.beat, DESK_ROLES, passive=True)
        add(router, "POST", "/cases/{case}/accept", self.accept, (Role.OPERATOR,))
        add(router, "POST", "/cases/{case}/decline", self.decline, (Role.OPERATOR,))
        return router

    async def page(self, request: Request) -> Response:
        """The desk without a talk."""
        return self.pages.page(request, "desk.html", talk=None, list=await self.waitlist(request), case_id="")

    async def queue(self, request: Request, case: str = "") -> Response:
        """The left column anew."""
        return self.pages.page(request, "_queue.html", list=await self.waitlist(request), case_id=case)

    async def waitlist(self, request: Request) -> Waitlist:
        """What the left column shows this person."""
        me, now = visitor(request).staff, self.house.now()
        supervises = me.may(Role.SUPERVISOR)

        languages = () if supervises else routes(me.languages)

        def work(
            ledger: Ledger,
        ) -> tuple[list[Case], list[tuple[Case, bool]], list[Presence], list[Staff], set[str], Queue]:
            waiting = ledger.cases.waiting(now, languages, limit=_ROWS)
            held = ledger.cases.with_operator(me.id)
            mine = []
            for case in held:
                talk = ledger.conversations.get(case.conversation)
                mine.append((case, bool(talk and (talk.last_out is None or talk.last_in > talk.last_out))))
            everyone = ledger.office.presences.all()
            asks = ledger.office.remarks.unanswered([case.id for case in held])
            return waiting, mine, everyone, ledger.office.staff.all(), asks, ledger.office.board.queue(languages)

        waiting, mine, everyone, staff, asks, (counts, since) = await self.house.store.read(work)
        times = self.house.options.times
        words = Words(self.house, me.language, staff)
        offered = next((case for case, _ in mine if case.state is CaseState.OFFERED), None)
        return Waitlist(
            counts=counts,
            total=sum(counts.values()),
            longest=now - since if since else None,
            rows=[words.case(case, now) for case in waiting],
            mine=[
                words.case(c, now, unread=new, asks=c.id in asks) for c, new in mine if c.state is not CaseState.OFFERED
            ],
            offer=words.case(offered, now) if offered else None,
            offer_until=offered.offered_until if offered else None,
            presence=next((p for p in everyone if p.staff == me.id), None),
            colleagues=sum(p.staff != me.id and p.duty is Duty.ON and fresh(p, now, times) for p in everyone),
            open_hours=self.house.options.hours.is_open(now),
        )

    async def set_duty(
        self, request: Request, duty: Annotated[Duty, Form()], minutes: Annotated[int, Form(ge=0, le=60)] = 0
    ) -> Response:
        """Begin or end a shift or a break."""
        await self.house.roster.set_duty(visitor(request).staff, duty, minutes)
        return done("desk", "duty") if "hx-request" in request.headers else go(request, "/console/desk")

    async def next_case(self, request: Request) -> Response:
        """Give the most urgent case and open it."""
        case = await self.house.desk.next_case(visitor(request).staff)
        if case is None:
            raise NotFoundError(N_("Nobody is waiting in your languages just now."))
        return go(request, f"/console/cases/{case.id}")

    async def accept(self, request: Request, case: str) -> Response:
        """Take an offered case and open it."""
        await self.house.desk.accept(case, visitor(request).staff)
        return go(request, f"/console/cases/{case}")

    async def decline(self, request: Request, case: str) -> Response:
        """Not now."""
        await self.house.desk.decline(case, visitor(request).staff)
        return done("desk")

    async def beat(self, request: Request, case: Annotated[str, Form(max_length=32)] = "") -> Response:
        """The page is open and its person is there."""
        await self.house.roster.beat(visitor(request).staff, case)
        return done()
