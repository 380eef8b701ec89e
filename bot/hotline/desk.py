"""What an operator may do with a case; each is one transaction that checks the right to do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Reply
from bot.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError
from bot.hotline import cases, window
from bot.hotline.announcement import Announcer, away, locked
from bot.hotline.duty import LEFT, DeskOptions, fresh, routes
from bot.hotline.ledger import Ledger
from bot.hotline.outbox import enqueue
from bot.hotline.ports import Channel, Clock, Store
from bot.hotline.records import MUTE, Case, CaseEvent, CaseState, Conversation, Direction, Line
from bot.hotline.team import Duty, Remark, RemarkKind, Role, Staff
from bot.matching.match import Urgency

JOINED = N_("A person has joined this chat and will answer you now.")
ENDED = N_("The person has ended this talk. You can write here again at any time. Was it useful?")
OUTCOMES: Mapping[str, str] = {
    "answered": N_("Answered"),
    "referred": N_("Referred to another organisation"),
    "emergency": N_("Passed to emergency services"),
    "no_reply": N_("The caller stopped writing"),
    "out_of_scope": N_("Not for this hotline"),
    "abuse": N_("Abuse or joke"),
    "other": N_("Something else"),
}
AGREED: Mapping[str, str] = {"check_word": "check word", "safe_time": "safe time"}  # fact -> its name in the audit log
FACT_LIMIT = 200  # characters
TEXT_LIMIT = 3500  # characters of an operator's message
_NOT_YOURS = N_("This case is not with you any more.")
_CONFIRM = N_("The caller left or has been silent for long. Confirm first that it is safe to write.")
_REFUSED_AGAIN = timedelta(minutes=5)  # an offer one let expire is not made to the same person before that
Ready = tuple[Case, Conversation, Channel]  # all that is needed to write to a caller
_OPEN_STATES = (CaseState.WAITING, CaseState.OFFERED, CaseState.OPERATOR, CaseState.SILENT)


@dataclass(frozen=True, slots=True)
class Talk:
    """Everything an operator sees of one case."""

    case: Case
    conversation: Conversation
    lines: list[Line]
    remarks: list[Remark]
    events: list[CaseEvent]
    notes: Mapping[str, str]
    earlier: list[Case]
    draft: str
    looking: list[str]  # ids of others who have it open
    ahead: int


class OperatorsDesk:
    """The use cases of console and Telegram desk."""

    def __init__(self, store: Store, clock: Clock, announcer: Announcer, options: DeskOptions) -> None:
        self._store = store
        self._clock = clock
        self._announcer = announcer
        self.options = options

    async def next_case(self, staff: Staff) -> Case | None:
        """Take the most urgent case in one of the operator's languages; None when nothing waits."""
        now = self._clock.now()

        def work(ledger: Ledger) -> Case | None:
            self._check_duty(ledger, staff, now)
            held = ledger.cases.with_operator(staff.id)
            offered = [case for case in held if case.state is CaseState.OFFERED]
            talking = sum(case.state is CaseState.OPERATOR for case in held)
            for case in offered or ledger.cases.waiting(now, routes(staff.languages)):
                room = staff.limit + (case.urgency is Urgency.EMERGENCY)  # one more for an emergency
                if talking >= room:
                    raise ConflictError(N_("You have as many cases as your limit allows. Close one first."))
                if self._take(ledger, case, staff, now):
                    return ledger.cases.get(case.id)
            return None

        return await self._store.transact(work)

    async def offer_emergency(self, staff: Staff) -> Case | None:
        """Offer a waiting emergency to an operator who is free, for a short time."""
        now = self._clock.now()

        def work(ledger: Ledger) -> Case | None:
            presence = ledger.office.presences.get(staff.id)
            if presence is None or presence.duty is not Duty.ON or not fresh(presence, now, self.options):
                return None
            held = ledger.cases.with_operator(staff.id)
            talking = sum(case.state is CaseState.OPERATOR for case in held)
            if talking > staff.limit or any(case.state is CaseState.OFFERED for case in held):
                return None
            for case in ledger.cases.waiting(now, routes(staff.languages), limit=20):
                if case.urgency is not Urgency.EMERGENCY:
                    return None
                if not self._let_expire(ledger, case, staff, now) and self._offer(ledger, case, staff, now):
                    return case
            return None

        return await self._store.transact(work)

    def _offer(self, ledger: Ledger, case: Case, staff: Staff, now: datetime) -> bool:
        until = now + timedelta(seconds=self.options.offer)
        was = (CaseState.WAITING,)
        if not ledger.cases.change(case.id, was, state=CaseState.OFFERED, operator=staff.id, offered_until=until):
            return False
        ledger.cases.record(case.id, now, "offered", staff.id)
        return True

    @staticmethod
    def _let_expire(ledger: Ledger, case: Case, staff: Staff, now: datetime) -> bool:
        kinds = ("expired", "declined")
        events = ledger.cases.events(case.id)
        return any(e.kind in kinds and e.who == staff.id and now - e.at < _REFUSED_AGAIN for e in events)

    async def accept(self, case: str, staff: Staff) -> None:
        """Take an offered case."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            self._check_duty(ledger, staff, now)
            known = ledger.cases.get(case)
            offered = known is not None and known.state is CaseState.OFFERED and known.operator == staff.id
            if known is None or not offered or not self._take(ledger, known, staff, now):
                raise ConflictError(N_("This offer is over; the case went back to the queue."))

        await self._store.transact(work)

    async def decline(self, case: str, staff: Staff) -> None:
        """Not now: someone else is to have it."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            known = ledger.cases.get(case)
            if known and known.state is CaseState.OFFERED and known.operator == staff.id:
                cases.give_back(ledger, case, staff.id, now, "declined")

        await self._store.transact(work)

    def _take(self, ledger: Ledger, case: Case, staff: Staff, now: datetime) -> bool:
        conversation = locked(ledger, case.conversation)
        if conversation is None or not cases.take(ledger, case.id, staff.id, now):
            return False
        self._announcer.tell(ledger, conversation, JOINED, now)
        return True

    def _check_duty(self, ledger: Ledger, staff: Staff, now: datetime) -> None:
        if not staff.may(Role.OPERATOR):
            raise ForbiddenError
        presence = ledger.office.presences.get(staff.id)
        if presence is None or presence.duty is Duty.OFF:
            raise ConflictError(N_("Begin your shift first."))
        if presence.duty is Duty.BREAK:
            raise ConflictError(N_("You are on a break. End it first."))
        ledger.office.presences.beat(staff.id, now)

    async def say(self, case: str, staff: Staff, text: str, client_id: str, *, confirmed: bool = False) -> int | None:
        """Send a message to the caller: its line, or None when this `client_id` was sent before."""
        now, clean = self._clock.now(), text.strip()
        if not clean or len(clean) > TEXT_LIMIT:
            raise RefusedError(N_("A message needs 1 to 3500 characters."))

        def work(ledger: Ledger) -> int | None:
            ready = self.ready(ledger, case, staff, now, confirmed=confirmed)
            line = self.send(ledger, ready, staff, Reply(clean), client_id, now)
            if line is not None:
                ledger.office.drafts.put(ready[1].id, staff.id, "", now)
            return line

        return await self._store.transact(work)

    async def knock(self, case: str, staff: Staff, client_id: str, *, confirmed: bool = False) -> int | None:
        """Send the approved template to a caller whose window is closed; their answer opens it again."""
        now = self._clock.now()

        def work(ledger: Ledger) -> int | None:
            known, conversation = self._held(ledger, case, staff)
            if not confirmed:
                raise ConflictError(_CONFIRM)
            return window.knock(ledger, self._announcer, known, conversation, staff.id, _once(staff, client_id), now)

        return await self._store.transact(work)

    def ready(self, ledger: Ledger, case: str, staff: Staff, now: datetime, *, confirmed: bool) -> Ready:
        """The case this person has, its conversation, locked, and a channel that takes a message now; or a refusal."""
        known, conversation = self._held(ledger, case, staff)
        channel = self._announcer.channels.get(conversation.channel)
        if channel is None:
            raise ConflictError(N_("This channel is off just now."))
        if window.closed(conversation, now):
            raise ConflictError(N_("WhatsApp takes messages only within 24 hours after the caller's last one."))
        if away(conversation, now) and not confirmed:
            raise ConflictError(_CONFIRM)
        return known, conversation, channel

    @staticmethod
    def send(ledger: Ledger, ready: Ready, staff: Staff, reply: Reply, client_id: str, now: datetime) -> int | None:
        """Put a reply on its way in this person's name: its line, or None when this `client_id` was sent before."""
        case, conversation, channel = ready
        line = enqueue(
            ledger, channel, conversation, reply, now,
            direction=Direction.OPERATOR, author=staff.id, client_id=_once(staff, client_id), priority=case.urgency.rank,
        )  # fmt: skip
        if line is not None:
            ledger.conversations.save(conversation.id, conversation.session, conversation.language, conversation.stay, now)
        return line

    @staticmethod
    def _held(ledger: Ledger, case: str, staff: Staff) -> tuple[Case, Conversation]:
        """The case, if this person has it now, with its conversation locked."""
        known = ledger.cases.get(case)
        if known is None:
            raise NotFoundError(N_("This case is gone: the caller erased it."))
        conversation = locked(ledger, known.conversation)
        known = ledger.cases.get(case)
        if conversation is None or known is None:
            raise NotFoundError(N_("This case is gone: the caller erased it."))
        if known.state not in MUTE or known.operator != staff.id:
            raise ConflictError(_NOT_YOURS)
        return known, conversation

    async def keep_draft(self, case: str, staff: Staff, text: str) -> None:
        """Keep what is written and not sent."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            if known := self.visible(ledger, case, staff):
                ledger.office.drafts.put(known.conversation, staff.id, text[:TEXT_LIMIT], now)

        await self._store.transact(work)

    async def remark(self, case: str, staff: Staff, kind: RemarkKind, text: str) -> None:
        """Write a private note, ask a supervisor, or answer as one. Nothing of it is ever sent."""
        now, clean = self._clock.now(), text.strip()[:TEXT_LIMIT]
        if not clean:
            raise RefusedError(N_("Write something first."))
        if kind is RemarkKind.ADVICE and not staff.may(Role.SUPERVISOR):
            raise ForbiddenError

        def work(ledger: Ledger) -> None:
            known = self.visible(ledger, case, staff)
            if known is None:
                raise ForbiddenError
            ledger.office.remarks.add(known.conversation, case, staff.id, kind, text=clean, now=now)

        await self._store.transact(work)

    async def agree(self, case: str, staff: Staff, fact: str, value: str) -> None:
        """Keep what was agreed with the caller, encrypted, as long as the case; "" takes it back."""
        if fact not in AGREED:
            raise RefusedError
        now, clean = self._clock.now(), " ".join(value.split())[:FACT_LIMIT]

        def work(ledger: Ledger) -> None:
            known = self.visible(ledger, case, staff)
            if known is None:
                raise ForbiddenError
            ledger.conversations.put_note(known.conversation, fact, clean, now, case)
            ledger.office.audit.append(now, staff.id, f"{AGREED[fact]} {'set' if clean else 'taken back'}", case[:8])
            ledger.wake(f"case:{case}")

        await self._store.transact(work)

    async def transfer(self, case: str, staff: Staff, to: str, note: str) -> None:
        """To a colleague on duty, with a note; the caller is told nothing and greeted by nobody twice."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            known = ledger.cases.get(case)
            if known is None:
                raise NotFoundError(N_("This case is gone: the caller erased it."))
            if not staff.may(Role.SUPERVISOR) and (known.state not in MUTE or known.operator != staff.id):
                raise ConflictError(_NOT_YOURS)
            other, presence = ledger.office.staff.get(to), ledger.office.presences.get(to)
            on_duty = presence is not None and presence.duty is not Duty.OFF and fresh(presence, now, self.options)
            if other is None or not other.may(Role.OPERATOR, Role.SUPERVISOR) or not on_duty:
                raise ConflictError(N_("This colleague is not on duty."))
            conversation = locked(ledger, known.conversation)
            first = known.state in (CaseState.WAITING, CaseState.OFFERED)
            if conversation is None or not self._hand_to(ledger, known, to, staff, now):
                raise ConflictError(_NOT_YOURS)
            if first:
                self._announcer.tell(ledger, conversation, JOINED, now)
            if note.strip():
                ledger.office.remarks.add(known.conversation, case, staff.id, RemarkKind.TRANSFER, text=note.strip()[:TEXT_LIMIT], now=now)
            ledger.office.audit.append(now, staff.id, "case assigned", case[:8], to)

        await self._store.transact(work)

    @staticmethod
    def _hand_to(ledger: Ledger, case: Case, to: str, staff: Staff, now: datetime) -> bool:
        if case.operator == to and case.state in MUTE:
            return True
        return cases.transfer(ledger, case.id, to, staff.id, now)

    async def give_back(self, case: str, staff: Staff, note: str) -> None:
        """To the queue again; the caller keeps the place and is told."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            known, conversation = self._held(ledger, case, staff)
            cases.give_back(ledger, case, staff.id, now)
            self._announcer.tell(ledger, conversation, LEFT, now)
            if note.strip():
                ledger.office.remarks.add(known.conversation, case, staff.id, RemarkKind.TRANSFER, text=note.strip(), now=now)

        await self._store.transact(work)

    async def close(self, case: str, staff: Staff, outcome: str, note: str = "") -> Case:
        """Done: the caller is told and asked whether it was useful; the bot speaks again."""
        if outcome not in OUTCOMES:
            raise RefusedError(N_("Choose how the case ended."))
        now = self._clock.now()

        def work(ledger: Ledger) -> Case:
            known, conversation = self._held(ledger, case, staff)
            cases.close(ledger, case, outcome, staff.id, now)
            if note.strip():
                ledger.office.remarks.add(known.conversation, case, staff.id, RemarkKind.NOTE, text=note.strip(), now=now)
            ledger.office.drafts.put(conversation.id, staff.id, "", now)
            buttons = (("rate:yes", N_("Yes")), ("rate:no", N_("No")))
            self._announcer.tell(ledger, conversation, ENDED, now, buttons=buttons)
            return known

        return await self._store.transact(work)

    async def judge(self, case: str, staff: Staff, urgency: Urgency) -> None:
        """A person judges the case more or less urgent."""
        now = self._clock.now()

        def work(ledger: Ledger) -> None:
            if self.visible(ledger, case, staff) is None:
                raise ForbiddenError
            cases.set_urgency(ledger, case, urgency, staff.id, now)

        await self._store.transact(work)

    async def open(self, case: str, staff: Staff, *, audited: bool = True) -> Talk:
        """Everything about a case; opening it is written into the audit log."""
        now = self._clock.now()

        def work(ledger: Ledger) -> Talk:
            known = ledger.cases.get(case)
            conversation = ledger.conversations.get(known.conversation) if known else None
            if known is None or conversation is None:
                raise NotFoundError(N_("This case is gone: the caller erased it."))
            if not self.may_see(ledger, known, staff):
                raise ForbiddenError(N_("This case is with someone else."))
            if audited:
                ledger.office.audit.append(now, staff.id, "case opened", case[:8])
                ledger.office.drafts.look(case, staff.id, now)
            return self._talk(ledger, known, conversation, staff, now)

        return await (self._store.transact(work) if audited else self._store.read(work))

    def _talk(self, ledger: Ledger, case: Case, conversation: Conversation, staff: Staff, now: datetime) -> Talk:
        since = now - timedelta(seconds=60)
        return Talk(
            case=case,
            conversation=conversation,
            lines=ledger.lines.tail(conversation.id, 100),
            remarks=ledger.office.remarks.of(conversation.id),
            events=ledger.cases.events(case.id),
            notes=ledger.conversations.notes(conversation.id),
            earlier=[other for other in ledger.office.board.of(conversation.id) if other.id != case.id],
            draft=ledger.office.drafts.get(conversation.id, staff.id),
            looking=[who for who in ledger.office.drafts.looking(case.id, since) if who != staff.id],
            ahead=ledger.cases.ahead(case, now),
        )

    @classmethod
    def visible(cls, ledger: Ledger, case: str, staff: Staff) -> Case | None:
        """The case, if there is one and this person may see it."""
        known = ledger.cases.get(case)
        return known if known and cls.may_see(ledger, known, staff) else None

    @staticmethod
    def may_see(ledger: Ledger, case: Case, staff: Staff) -> bool:
        """Supervisors see every case; operators those they have, are offered, or had before they passed it on."""
        if staff.may(Role.SUPERVISOR):
            return True
        if not staff.may(Role.OPERATOR):
            return False
        if case.operator == staff.id:
            return True
        held = ("taken", "transferred")
        return any(e.kind in held and staff.id in (e.who, e.detail.get("to")) for e in ledger.cases.events(case.id))


def _once(staff: Staff, client_id: str) -> str:
    """By which a message sent twice is known; ids are made in the browser, so each counts for its person only."""
    return f"{staff.id}:{client_id}"[:64]
