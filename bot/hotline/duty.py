"""Who is on duty: shifts, breaks, heartbeats; what happens to cases when nobody looks after them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.dialogue.context import Desk
from bot.dialogue.knowledge import N_
from bot.errors import ForbiddenError
from bot.hotline import cases
from bot.hotline.announcement import HUSH, Announcer, locked
from bot.hotline.hours import Hours
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Clock, Store
from bot.hotline.records import MUTE, Case, CaseState, Conversation
from bot.hotline.team import Duty, Presence, Role, Staff

LEFT = N_("The person had to leave. Someone else will read this chat; you keep your place.")
STILL_WAITING = N_("You are still waiting. Waiting before you: {ahead}.")
_BREAKS = (5, 10, 15, 30)  # minutes
_REMIND = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """Times of the desk, in seconds."""

    offer: float = 60.0  # an offer not taken goes back to the queue
    vanish: float = 90.0  # without a heartbeat an operator is gone
    silent: float = HUSH.total_seconds()  # without a word a caller is silent


def routes(languages: Iterable[str]) -> tuple[str, ...]:
    """The languages of cases an operator can be given: each in any script, and those not known yet."""
    return ("", *(f"{code}{script}" for code in languages for script in ("", "_Cyrl", "_Latn")))


class DutyView:
    """Implements `bot.hotline.ports.DeskView`: promises only what people who are there can keep."""

    def __init__(self, hours: Hours, options: DeskOptions) -> None:
        self._hours = hours
        self._options = options

    def __call__(self, ledger: Ledger, conversation: Conversation, case: Case | None, now: datetime) -> Desk:
        """Within hours, and someone on duty who has the caller's language."""
        language = conversation.language.partition("_")[0]
        everyone = ledger.office.staff.speakers()
        speakers = {staff for staff, spoken in everyone if not language or language in spoken}
        present = self.present(ledger, now)
        waiting = case is not None and case.state in (CaseState.WAITING, CaseState.OFFERED)
        return Desk(
            open=self._hours.is_open(now) and bool(speakers & present),
            speaks=bool(speakers) or not everyone,
            ahead=ledger.cases.ahead(case, now) if case and waiting else self._before_new(ledger, now),
            opens_at=self._hours.opens_at(now),
        )

    def present(self, ledger: Ledger, now: datetime) -> set[str]:
        """Who is on duty, not on a break, and was heard of."""
        return {p.staff for p in ledger.office.presences.all() if p.duty is Duty.ON and fresh(p, now, self._options)}

    @staticmethod
    def _before_new(ledger: Ledger, now: datetime) -> int:
        """How many wait already when this caller is about to ask."""
        return len(ledger.cases.waiting(now))


def fresh(presence: Presence, now: datetime, options: DeskOptions) -> bool:
    """Whether the person's console was heard of lately."""
    return now - presence.seen <= timedelta(seconds=options.vanish)


class Roster:
    """Shifts and breaks as their people set them, and the periodic care for cases."""

    def __init__(self, store: Store, clock: Clock, announcer: Announcer, options: DeskOptions) -> None:
        self._store = store
        self._clock = clock
        self._announcer = announcer
        self.options = options
        self._began = clock.now()  # after an outage the consoles get their time to come back

    async def set_duty(self, staff: Staff, duty: Duty, minutes: int = 0) -> None:
        """Begin or end a shift, take a break. Who ends the shift gives all cases back."""
        if not staff.may(Role.OPERATOR, Role.SUPERVISOR):
            raise ForbiddenError
        now = self._clock.now()
        until = now + timedelta(minutes=minutes if minutes in _BREAKS else 10) if duty is Duty.BREAK else None

        def work(ledger: Ledger) -> None:
            ledger.office.presences.set(staff.id, duty, now, until)
            ledger.office.audit.append(now, staff.id, f"duty {duty.value}", staff.id)
            held = ledger.cases.with_operator(staff.id)
            leaving = held if duty is Duty.OFF else [case for case in held if case.state is CaseState.OFFERED]
            if duty is not Duty.ON:
                self._give_back(ledger, leaving, staff.id, now, "returned")

        await self._store.transact(work)

    async def beat(self, staff: Staff, case: str = "") -> None:
        """An open console was heard of; `case` is what it shows."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            presence = ledger.office.presences.get(staff.id)
            if presence and presence.duty is Duty.BREAK and presence.until and presence.until <= now:
                ledger.office.presences.set(staff.id, Duty.ON, now)
            else:
                ledger.office.presences.beat(staff.id, now)
            if case and ledger.cases.get(case):
                ledger.office.drafts.look(case, staff.id, now)

        await self._store.transact(work)

    async def sweep(self) -> None:
        """The periodic care: offers nobody took, operators who vanished, callers who fell silent, who still waits."""
        now = self._clock.now()
        await self._store.transact(lambda ledger: self._sweep(ledger, now))
        await self._store.transact(lambda ledger: self._hush(ledger, now))
        await self._store.transact(lambda ledger: self._remind(ledger, now))

    def _sweep(self, ledger: Ledger, now: datetime) -> None:
        cases.expire_offers(ledger, now)
        for presence in ledger.office.presences.all():
            waited = now - max(presence.seen, self._began)
            if presence.duty is not Duty.OFF and waited > timedelta(seconds=self.options.vanish):
                ledger.office.presences.set(presence.staff, Duty.OFF, now)
                ledger.office.audit.append(now, "system", "vanished", presence.staff)
                self._give_back(ledger, ledger.cases.with_operator(presence.staff), "bot", now, "vanished")

    def _give_back(self, ledger: Ledger, held: Sequence[Case], who: str, now: datetime, kind: str) -> None:
        for case in held:
            conversation = locked(ledger, case.conversation)
            if conversation and cases.give_back(ledger, case.id, who, now, kind) and case.state in MUTE:
                self._announcer.tell(ledger, conversation, LEFT, now)

    def _hush(self, ledger: Ledger, now: datetime) -> None:
        for case in ledger.cases.in_state((CaseState.OPERATOR,)):
            conversation = ledger.conversations.get(case.conversation)
            if conversation and now - conversation.last_in > timedelta(seconds=self.options.silent):
                cases.fall_silent(ledger, case.id, now)

    def _remind(self, ledger: Ledger, now: datetime) -> None:
        """Callers who wait and are there hear where they stand, every few minutes."""
        for case in ledger.cases.waiting(now, limit=200):
            if now - case.waiting_since < _REMIND:
                continue
            conversation = ledger.conversations.get(case.conversation)
            if conversation is None or now - conversation.last_in > 2 * _REMIND:
                continue
            if now - max(case.waiting_since, conversation.last_out or case.waiting_since) < _REMIND:
                continue
            if conversation := locked(ledger, case.conversation):
                ahead = ledger.cases.ahead(case, now)
                self._announcer.tell(ledger, conversation, STILL_WAITING, now, ahead=ahead)
