"""The supervisors' pages: the live board, waiting times, and who opened what."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from bot.console.deeds import DEEDS
from bot.console.gate import visitor
from bot.console.part import Number, Part
from bot.console.view import Words
from bot.hotline.desk import OUTCOMES
from bot.hotline.duty import fresh
from bot.hotline.ledger import Ledger
from bot.hotline.records import Case, CaseEvent, CaseState
from bot.hotline.silence import alarm
from bot.hotline.team import Presence, Role, Shift, Staff, Wait
from bot.matching.match import Urgency

_SUPERVISORS = (Role.SUPERVISOR,)
_ALERTS = ("expired", "vanished", "declined", "unreachable", "window")
_EMERGENCY_WAIT = timedelta(seconds=60)  # longer is an alert
_AUDIT_PAGE = 100
_DAYS = 7
_ROWS = 50  # of the queue shown


@dataclass(frozen=True, slots=True)
class WaitRow:
    """How long callers of one urgency or language waited."""

    name: str
    count: int
    taken: int
    median: timedelta | None
    slow: timedelta | None  # nine of ten waited no longer


@dataclass(frozen=True, slots=True)
class PersonRow:
    """An operator on the board."""

    person: Staff
    duty: str
    here: bool
    since: datetime | None
    talking: int
    silent: int


class Boards(Part):
    """The pages."""

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/board", self.page, _SUPERVISORS)
        add(router, "GET", "/board/live", self.live, _SUPERVISORS, passive=True)
        add(router, "GET", "/waits", self.waits, _SUPERVISORS)
        add(router, "GET", "/audit", self.audit, _SUPERVISORS)
        return router

    async def page(self, request: Request) -> Response:
        """The board."""
        return self.pages.page(request, "board.html", **await self._board(request))

    async def live(self, request: Request) -> Response:
        """The board's changing part anew."""
        return self.pages.page(request, "_board.html", **await self._board(request))

    async def _board(self, request: Request) -> dict[str, Any]:
        now = self.house.now()

        def work(
            ledger: Ledger,
        ) -> tuple[list[Case], list[Case], list[CaseEvent], list[Staff], list[Presence], set[str], timedelta | None, int]:
            held = ledger.cases.in_state((CaseState.OFFERED, CaseState.OPERATOR, CaseState.SILENT))
            waiting = ledger.cases.waiting(now, limit=500)
            events = ledger.office.board.events(_ALERTS, now - timedelta(hours=2), 30)
            asks = ledger.office.remarks.unanswered([case.id for case in held])
            silence, dead = alarm(ledger, now, self.house.options.silence), ledger.letters.depth(now).dead
            return waiting, held, events, ledger.office.staff.all(), ledger.office.presences.all(), asks, silence, dead

        waiting, held, events, staff, presences, asks, silence, dead = await self.house.store.read(work)
        words = Words(self.house, visitor(request).staff.language, staff)
        open_ids = {case.id for case in (*waiting, *held)}
        late = [
            case for case in waiting if case.urgency is Urgency.EMERGENCY and now - case.waiting_since > _EMERGENCY_WAIT
        ]
        return {
            "words": words,
            "silence": silence,
            "dead": dead,
            "waiting": [words.case(case, now) for case in waiting[:_ROWS]],
            "waiting_total": len(waiting),
            "emergencies": sum(case.urgency is Urgency.EMERGENCY for case in waiting),
            "longest": max((now - case.waiting_since for case in waiting), default=None),
            "held": [words.case(case, now, asks=case.id in asks) for case in held],
            "alerts": [event for event in events if event.case in open_ids],
            "late": [words.case(case, now) for case in late],
            "asking": [words.case(case, now) for case in held if case.id in asks],
            "people": self._people(staff, presences, held, now),
        }

    def _people(
        self, staff: list[Staff], presences: list[Presence], held: list[Case], now: datetime
    ) -> list[PersonRow]:
        known = {presence.staff: presence for presence in presences}
        talking = Counter(case.operator for case in held if case.state is CaseState.OPERATOR)
        silent = Counter(case.operator for case in held if case.state is CaseState.SILENT)
        rows = []
        for person in staff:
            if person.disabled or not person.may(Role.OPERATOR, Role.SUPERVISOR):
                continue
            presence = known.get(person.id)
            here = presence is not None and fresh(presence, now, self.house.options.times)
            duty = presence.duty.value if presence else "off"
            rows.append(
                PersonRow(
                    person, duty, here, presence.since if presence else None, talking[person.id], silent[person.id]
                )
            )
        return sorted(rows, key=lambda row: (row.duty == "off", row.person.name.casefold()))

    async def waits(self, request: Request) -> Response:
        """Waiting times, outcomes and shifts of the last days."""
        now = self.house.now()
        since = now - timedelta(days=_DAYS)

        def work(ledger: Ledger) -> tuple[list[Wait], dict[str, tuple[int, int, int]], list[Shift], list[Staff]]:
            board = ledger.office.board
            return (
                board.waits(since),
                board.outcomes(since),
                ledger.office.presences.shifts(since),
                ledger.office.staff.all(),
            )

        found, outcomes, shifts, staff = await self.house.store.read(work)
        words = Words(self.house, visitor(request).staff.language, staff)
        values: dict[str, Any] = {
            "words": words,
            "days": _DAYS,
            "by_urgency": wait_rows(found, "urgency"),
            "by_language": wait_rows(found, "language"),
            "caller_languages": self.house.mind.edition.handbook.languages(),
            "outcomes": sorted(outcomes.items(), key=lambda item: -item[1][0]),
            "outcome_names": OUTCOMES,
            "shifts": shifts,
        }
        return self.pages.page(request, "waits.html", **values)

    async def audit(self, request: Request, before: Number = 0, case: str = "") -> Response:
        """Who opened and did what, the latest first."""
        target = case.strip()[:8]

        def work(ledger: Ledger) -> Any:
            entries = ledger.office.audit.page(_AUDIT_PAGE, before or None, target)
            return entries, ledger.office.audit.count(), ledger.office.staff.all()

        entries, count, staff = await self.house.store.read(work)
        words = Words(self.house, visitor(request).staff.language, staff)
        more = entries[-1].id if len(entries) == _AUDIT_PAGE else 0
        return self.pages.page(
            request, "audit.html", words=words, entries=entries, count=count, more=more, target=target, deeds=DEEDS
        )


def wait_rows(waits: list[Wait], by: str) -> list[WaitRow]:
    """Median and ninth decile for each urgency or language."""
    groups: dict[str, list[Wait]] = defaultdict(list)
    for wait in waits:
        groups[getattr(wait, by)].append(wait)
    rows = []
    for name, group in sorted(groups.items()):
        seconds = sorted((wait.taken - wait.opened).total_seconds() for wait in group if wait.taken)
        median = timedelta(seconds=statistics.median(seconds)) if seconds else None
        slow = timedelta(seconds=seconds[min(len(seconds) - 1, int(len(seconds) * 0.9))]) if seconds else None
        rows.append(WaitRow(name, len(group), len(seconds), median, slow))
    return rows
