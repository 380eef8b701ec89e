"""A conversation with a caller: the page, its live parts and what can be done there."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from bot.console.gate import Gate, visitor
from bot.console.page import done, go
from bot.console.part import Number, Part
from bot.console.view import EVENTS, Words, window_left
from bot.console.waitlist import DESK_ROLES, Waiting
from bot.dialogue.knowledge import N_
from bot.hotline.announcement import away, language_of
from bot.hotline.desk import AGREED, FACT_LIMIT, OUTCOMES, TEXT_LIMIT, Talk
from bot.hotline.duty import fresh
from bot.hotline.gap import report_gap
from bot.hotline.ledger import Ledger
from bot.hotline.records import MUTE
from bot.hotline.team import Duty, RemarkKind, Role, Staff
from bot.hotline.window import template
from bot.matching.match import Urgency

Note = Annotated[str, Form(max_length=TEXT_LIMIT)]
_SELF_HARM = ("suicidal_distress",)
_CHILD = ("child_exploitation",)
PROPOSE = N_(
    "Let us agree on a word, so that you know it is us and we know it is you. Choose any word, not your name, and write it here."
)
VERIFY = N_("Before we go on, please write the word that we agreed on.")


class Talks(Part):
    """The pages under /console/cases/<id>."""

    def __init__(self, gate: Gate, waiting: Waiting) -> None:
        super().__init__(gate)
        self.desk = gate.house.desk
        self.waiting = waiting

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/cases/{case}", self.page, DESK_ROLES)
        add(router, "GET", "/cases/{case}/lines", self.lines, DESK_ROLES, passive=True)
        add(router, "GET", "/cases/{case}/side", self.side, DESK_ROLES, passive=True)
        add(router, "GET", "/cases/{case}/head", self.head, DESK_ROLES, passive=True)
        add(router, "POST", "/cases/{case}/say", self.say, DESK_ROLES)
        add(router, "POST", "/cases/{case}/knock", self.knock, DESK_ROLES)
        add(router, "POST", "/cases/{case}/draft", self.draft, DESK_ROLES)
        add(router, "POST", "/cases/{case}/remark", self.remark, DESK_ROLES)
        add(router, "POST", "/cases/{case}/agree", self.agree, DESK_ROLES)
        add(router, "POST", "/cases/{case}/gap", self.report_gap, DESK_ROLES)
        add(router, "POST", "/cases/{case}/transfer", self.transfer, DESK_ROLES)
        add(router, "POST", "/cases/{case}/return", self.give_back, DESK_ROLES)
        add(router, "POST", "/cases/{case}/urgency", self.judge, DESK_ROLES)
        add(router, "POST", "/cases/{case}/close", self.close, DESK_ROLES)
        add(router, "GET", "/cases/{case}/closed", self.closed, DESK_ROLES)
        return router

    async def page(self, request: Request, case: str) -> Response:
        """The whole screen; the opening is audited."""
        talk = await self.desk.open(case, visitor(request).staff)
        listed = await self.waiting.waitlist(request)
        return self.pages.page(request, "desk.html", list=listed, **await self._values(request, talk))

    async def lines(self, request: Request, case: str) -> Response:
        """The transcript anew; the page keeps what it has and takes what differs."""
        talk = await self.desk.open(case, visitor(request).staff, audited=False)
        return self.pages.page(request, "_lines.html", **await self._values(request, talk))

    async def head(self, request: Request, case: str) -> Response:
        """The head with state, warnings and actions anew."""
        talk = await self.desk.open(case, visitor(request).staff, audited=False)
        return self.pages.page(request, "_head.html", **await self._values(request, talk))

    async def side(self, request: Request, case: str) -> Response:
        """The right column's facts, notes and side channel anew."""
        talk = await self.desk.open(case, visitor(request).staff, audited=False)
        return self.pages.page(request, "_side.html", **await self._values(request, talk))

    async def _values(self, request: Request, talk: Talk) -> dict[str, Any]:
        me, now = visitor(request).staff, self.house.now()

        def work(ledger: Ledger) -> tuple[list[Staff], list[str]]:
            presences = ledger.office.presences.all()
            times = self.house.options.times
            there = [p.staff for p in presences if p.duty is not Duty.OFF and fresh(p, now, times)]
            return ledger.office.staff.all(), there

        staff, there = await self.house.store.read(work)
        words = Words(self.house, me.language, staff)
        case, conversation = talk.case, talk.conversation
        intents = {str(signal.get("intent", "")) for signal in case.signals} | {case.intent}
        left = window_left(conversation, now)
        channel = self.house.channels.get(conversation.channel)
        return {
            "talk": talk,
            "case_id": case.id,
            "view": words.case(case, now),
            "words": words,
            "lines": [
                words.line(line) for line in talk.lines if line.created >= (conversation.cleared or line.created)
            ],
            "cleared": conversation.cleared,
            "mine": case.state in MUTE and case.operator == me.id,
            "notes": words.notes({key: value for key, value in talk.notes.items() if key not in AGREED}),
            "agreed": {fact: talk.notes.get(fact, "") for fact in AGREED},
            "propose": self.house.say(PROPOSE, language_of(conversation)),
            "verify": self.house.say(VERIFY, language_of(conversation)),
            "fact_limit": FACT_LIMIT,
            "looking": [words.names.get(who, "") for who in talk.looking],
            "colleagues": [s for s in staff if s.id in there and s.id != me.id and s.may(*DESK_ROLES)],
            "outcomes": OUTCOMES,
            "urgencies": list(Urgency),
            "events": EVENTS,
            "away": away(conversation, now),
            "silence": now - conversation.last_in,
            "window": left,
            "can_knock": template(channel, conversation) is not None,
            "caller_language": language_of(conversation),
            "emergency": case.urgency is Urgency.EMERGENCY,
            "self_harm": bool(intents & set(_SELF_HARM)),
            "child": bool(intents & set(_CHILD)),
            "emergency_number": self.house.mind.edition.handbook.emergency(conversation.stay),
            "limit": TEXT_LIMIT,
            "takes_files": channel is not None and channel.can_send_files,
        }

    async def say(
        self,
        request: Request,
        case: str,
        text: Note,
        client_id: Annotated[str, Form(min_length=8, max_length=40, pattern=r"^[A-Za-z0-9-]+$")],
        confirmed: Annotated[str, Form(max_length=8)] = "",
    ) -> Response:
        """Send to the caller; the same `client_id` is sent once."""
        await self.desk.say(case, visitor(request).staff, text, client_id, confirmed=bool(confirmed))
        return done("lines") if "hx-request" in request.headers else go(request, f"/console/cases/{case}")

    async def knock(
        self, request: Request, case: str, client_id: Annotated[str, Form(min_length=8, max_length=40)], confirmed: Annotated[str, Form(max_length=8)] = ""
    ) -> Response:
        """Send the platform's approved template."""
        await self.desk.knock(case, visitor(request).staff, client_id, confirmed=bool(confirmed))
        return go(request, f"/console/cases/{case}")

    async def draft(self, request: Request, case: str, text: Note = "") -> Response:
        """Keep what is being written."""
        await self.desk.keep_draft(case, visitor(request).staff, text)
        return done()

    async def remark(self, request: Request, case: str, kind: Annotated[RemarkKind, Form()], text: Note) -> Response:
        """A private note, a question to the supervisors, or their advice."""
        await self.desk.remark(case, visitor(request).staff, kind, text)
        return done("case", "wrote") if "hx-request" in request.headers else go(request, f"/console/cases/{case}")

    async def agree(
        self,
        request: Request,
        case: str,
        fact: Annotated[str, Form(max_length=32)],
        value: Annotated[str, Form(max_length=FACT_LIMIT)] = "",
    ) -> Response:
        """Keep the check word or the safe time; nothing typed takes it back."""
        await self.desk.agree(case, visitor(request).staff, fact, value)
        return done("case") if "hx-request" in request.headers else go(request, f"/console/cases/{case}")

    async def report_gap(self, request: Request, case: str, line: Annotated[Number, Form(ge=1)]) -> Response:
        """The bot should have known this: to the editors' list, redacted."""
        me, now = visitor(request).staff, self.house.now()
        fresh_one = await self.house.store.transact(lambda ledger: report_gap(ledger, case, me, line, now))
        told = (
            N_("The editors will see this message, without numbers and names.")
            if fresh_one
            else N_("This message is in the editors' list already.")
        )
        return self.pages.page(
            request, "_notice.html", reason=self.house.say(told, visitor(request).staff.language), look="good"
        )

    async def transfer(
        self, request: Request, case: str, to: Annotated[str, Form(max_length=32)], note: Note = ""
    ) -> Response:
        """To a colleague, or by a supervisor to anyone on duty, oneself included."""
        me = visitor(request).staff
        await self.desk.transfer(case, me, to, note)
        return go(request, f"/console/cases/{case}" if to == me.id else _home(me))

    async def give_back(self, request: Request, case: str, note: Note = "") -> Response:
        """To the queue."""
        me = visitor(request).staff
        await self.desk.give_back(case, me, note)
        return go(request, _home(me))

    async def judge(self, request: Request, case: str, urgency: Annotated[Urgency, Form()]) -> Response:
        """More or less urgent."""
        await self.desk.judge(case, visitor(request).staff, urgency)
        return done("case")

    async def close(
        self, request: Request, case: str, outcome: Annotated[str, Form(max_length=32)], note: Note = ""
    ) -> Response:
        """Done."""
        closed = await self.desk.close(case, visitor(request).staff, outcome, note)
        heavy = "?heavy=1" if closed.urgency is Urgency.EMERGENCY else ""
        return go(request, f"/console/cases/{case}/closed{heavy}")

    async def closed(self, request: Request, case: str, heavy: Number = 0) -> Response:
        """What now: the next one, or a pause after a heavy talk."""
        listed = await self.waiting.waitlist(request)
        return self.pages.page(request, "closed.html", list=listed, case_id="", heavy=bool(heavy), short=case[:8])


def _home(staff: Staff) -> str:
    return "/console/desk" if staff.may(Role.OPERATOR) else "/console/board"
