"""News for many: planned, confirmed by a second person, and sent slowly, by day, to those who asked for it.

The first message is a preview that names no subject; the text follows a tap. A recipient's preview is put into the outbox
in the transaction that ticks the recipient off, so a killed process goes on where it was and nobody is written to twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.content.placeholder import transliterated
from bot.dialogue.knowledge import N_
from bot.dialogue.news import PREVIEW, preview_buttons
from bot.dialogue.reply import Reply
from bot.dialogue.session import Mode
from bot.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError
from bot.hotline import window
from bot.hotline.announcement import HUSH, Say, language_of, locked
from bot.hotline.ledger import Ledger
from bot.hotline.newsletter import Broadcast, BroadcastState, Crowd, Reached
from bot.hotline.outbox import enqueue
from bot.hotline.ports import Channel, Clock, Store
from bot.hotline.quiet import next_day_time
from bot.hotline.records import Conversation
from bot.hotline.team import Role, Staff
from bot.language.uzbek import to_cyrillic
from bot.matching.match import Urgency

SENDERS = (Role.SUPERVISOR, Role.ADMIN)
TEXT_LIMIT = 3500  # characters of a text
_PAGE = 500  # recipients planned in one transaction
_CHUNK = 20  # recipients written to in one transaction: each locks a conversation
_LOWEST = -1  # priority: any answer goes first
_BUSY = timedelta(hours=1)  # a caller in the middle of a talk is written to later
_GONE = N_("There is no such broadcast.")
_OPEN = (BroadcastState.DRAFT, BroadcastState.RUNNING, BroadcastState.PAUSED)


@dataclass(frozen=True, slots=True)
class BroadcastOptions:
    """How news goes out."""

    rate: float = 10.0  # previews a second, for each channel; must stay below the platform's own limit
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Almaty"))  # for callers whose country is unknown


@dataclass(frozen=True, slots=True)
class Shown:
    """A broadcast with its figures."""

    broadcast: Broadcast
    crowd: Crowd
    audience: Mapping[tuple[str, str], int]  # (language, stay) -> who wants news now; only of a draft


class Newsroom:
    """The use cases of console and command line, and the periodic job that sends."""

    def __init__(
        self, store: Store, clock: Clock, channels: Mapping[str, Channel], say: Say, options: BroadcastOptions,
        reached: Callable[[str], None] = lambda _step: None,
    ) -> None:  # fmt: skip
        """`reached` is told each named step."""
        self._store = store
        self._clock = clock
        self._channels = channels
        self._say = say
        self._options = options
        self._reached = reached

    async def draft(self, staff: Staff, title: str, texts: Mapping[str, str], countries: Sequence[str]) -> Broadcast:
        """Write a broadcast down. Raises RefusedError when it has no title or no text, or one is too long."""
        _check(staff)
        written = {code: text.strip() for code, text in texts.items() if text.strip()}
        if not title.strip() or not written:
            raise RefusedError(N_("A broadcast needs a name and at least one text."))
        if any(len(text) > TEXT_LIMIT for text in written.values()):
            raise RefusedError(N_("A message needs 1 to 3500 characters."))
        if "uz" in written:
            written.setdefault("uz_Cyrl", transliterated(written["uz"], to_cyrillic))
        now = self._clock.now()
        places = tuple(dict.fromkeys(code.strip().upper()[:8] for code in countries if code.strip()))
        new = Broadcast(uuid.uuid4().hex, title.strip()[:64], written, places, BroadcastState.DRAFT, staff.id, now)

        def work(ledger: Ledger) -> None:
            ledger.office.broadcasts.add(new)
            ledger.office.audit.append(now, staff.id, "broadcast drafted", new.id[:8])

        await self._store.transact(work)
        return new

    async def confirm(self, broadcast: str, staff: Staff) -> None:
        """Send it, or go on after a pause. A draft needs someone else than its author."""
        _check(staff)

        def work(ledger: Ledger) -> None:
            known = ledger.office.broadcasts.lock(broadcast)
            if known is None:
                raise NotFoundError(_GONE)
            if known.state is BroadcastState.DRAFT and known.author == staff.id:
                raise ForbiddenError(N_("Someone else must confirm what you wrote."))
            by = staff.id if known.state is BroadcastState.DRAFT else known.confirmed_by
            was = (BroadcastState.DRAFT, BroadcastState.PAUSED)
            self._move(ledger, broadcast, was, staff, "sent", state=BroadcastState.RUNNING, confirmed_by=by)

        await self._store.transact(work)

    async def pause(self, broadcast: str, staff: Staff) -> None:
        """Stop for now: nobody else is written to until it goes on."""
        _check(staff)
        was = (BroadcastState.RUNNING,)
        await self._store.transact(
            lambda ledger: self._move(ledger, broadcast, was, staff, "paused", state=BroadcastState.PAUSED)
        )

    async def cancel(self, broadcast: str, staff: Staff) -> None:
        """Stop for good."""
        _check(staff)
        end = {"state": BroadcastState.CANCELLED, "finished": self._clock.now()}
        await self._store.transact(lambda ledger: self._move(ledger, broadcast, _OPEN, staff, "cancelled", **end))

    def _move(
        self, ledger: Ledger, broadcast: str, was: Sequence[BroadcastState], staff: Staff, act: str, **fields: object
    ) -> None:
        if not ledger.office.broadcasts.change(broadcast, was, **fields):
            raise ConflictError(N_("Someone else has changed this broadcast. Look at it again."))
        ledger.office.audit.append(self._clock.now(), staff.id, f"broadcast {act}", broadcast[:8])

    async def look(self, broadcast: str = "") -> list[Shown]:
        """One broadcast (by the beginning of its id), or all, with their figures."""

        def work(ledger: Ledger) -> list[Shown]:
            rows = ledger.office.broadcasts
            found = rows.named(broadcast) if broadcast else rows.all()
            drafts = {item.id for item in found if item.state is BroadcastState.DRAFT}
            return [
                Shown(item, rows.crowd(item.id), rows.audience(list(item.texts), item.countries) if item.id in drafts else {})
                for item in found
            ]

        return await self._store.read(work)

    async def feed(self) -> None:
        """Plan and send what is due now; called about once a second by whoever holds the lease."""
        now = self._clock.now()
        for broadcast in await self._store.read(lambda ledger: ledger.office.broadcasts.running()):
            while not await self._store.transact(lambda ledger, b=broadcast: self._plan(ledger, b)):  # type: ignore[misc]
                self._reached("recipients planned")
            for channel in list(self._channels.values()):
                await self._send(broadcast, channel, now)
            await self._store.transact(lambda ledger, b=broadcast: self._finish(ledger, b, now))  # type: ignore[misc]

    def _plan(self, ledger: Ledger, broadcast: str) -> bool:
        """Write the next recipients down; True when all are."""
        rows = ledger.office.broadcasts
        known = rows.lock(broadcast)
        if known is None or known.planned or known.state is not BroadcastState.RUNNING:
            return True
        found = rows.candidates(list(known.texts), known.countries, known.cursor, _PAGE)
        now = self._clock.now()
        zone = self._options.zone
        rows.plan(broadcast, [(one, next_day_time(now, one.stay, zone)) for one in found])
        done = len(found) < _PAGE
        cursor = found[-1].conversation if found else known.cursor
        rows.change(broadcast, (BroadcastState.RUNNING,), cursor=cursor, planned=done)
        return done

    async def _send(self, broadcast: str, channel: Channel, now: datetime) -> None:
        """Fill up what waits in the outbox to one second's worth: never more, so that any answer finds room."""
        if not channel.can_write_first:
            return
        unsent = await self._store.read(lambda ledger: ledger.office.broadcasts.unsent(channel.name))
        room = int(self._options.rate) - unsent
        while room > 0:
            limit = min(room, _CHUNK)
            taken = await self._store.transact(lambda ledger: self._hand_over(ledger, broadcast, channel, now, limit))  # noqa: B023
            if not taken:
                return
            self._reached("previews handed over")
            room -= taken

    def _hand_over(self, ledger: Ledger, broadcast: str, channel: Channel, now: datetime, limit: int) -> int:
        rows = ledger.office.broadcasts
        known = rows.lock(broadcast)
        if known is None or known.state is not BroadcastState.RUNNING:
            return 0
        due = rows.due(broadcast, channel.name, now, limit)
        for conversation in sorted(due):
            self._write_to(ledger, known, conversation, channel, now)
        return len(due)

    def _write_to(self, ledger: Ledger, broadcast: Broadcast, recipient: str, channel: Channel, now: datetime) -> None:
        rows = ledger.office.broadcasts
        conversation = locked(ledger, recipient)
        if conversation is None:
            return  # erased, and with it this row
        if reason := self._unfit(ledger, broadcast, conversation):
            rows.reach(broadcast.id, recipient, Reached.SKIPPED, reason)
            return
        day = next_day_time(now, conversation.session.stay or conversation.stay, self._options.zone)
        if day > now or now - conversation.last_in < HUSH:
            rows.defer(broadcast.id, recipient, max(day, now + _BUSY))
            return
        language = language_of(conversation)
        buttons = preview_buttons(broadcast.id, self._say(N_("Yes"), language), self._say(N_("No"), language))
        preview = Reply(self._say(PREVIEW, language), buttons, columns=2)
        payloads = None
        if window.closed(conversation, now):
            template = window.template(channel, conversation)
            if template is None:
                rows.reach(broadcast.id, recipient, Reached.SKIPPED, "window")
                return
            payloads = (template,)
        enqueue(ledger, channel, conversation, preview, now, priority=_LOWEST, kind="news", payloads=payloads)
        offered = tuple(button.id for button in buttons)
        session = conversation.session.change(offered=offered, mode=Mode.OPEN, pending="")
        ledger.conversations.save(recipient, session, conversation.language, conversation.stay, now)
        rows.reach(broadcast.id, recipient, Reached.HANDED_OVER)

    @staticmethod
    def _unfit(ledger: Ledger, broadcast: Broadcast, conversation: Conversation) -> str:
        """Why this caller is not written to, or ""; looked at again in the moment of sending."""
        session = conversation.session
        last = ledger.cases.last_of(conversation.id)
        if not ledger.office.broadcasts.is_subscribed(conversation.id) or session.news != "yes":
            return "left"
        if session.mode is Mode.EXITED:
            return "exited"
        if session.danger or session.closed_only or ledger.conversations.notes(conversation.id).get("safe_to_write") == "no":
            return "unsafe"
        if ledger.cases.open_of(conversation.id) is not None:
            return "case"
        if last is not None and any(c.urgency is not Urgency.NORMAL for c in ledger.office.board.of(conversation.id)):
            return "unsafe"
        if conversation.unreachable is not None:
            return "unreachable"
        return "" if language_of(conversation) in broadcast.texts else "language"

    def _finish(self, ledger: Ledger, broadcast: str, now: datetime) -> None:
        rows = ledger.office.broadcasts
        known = rows.lock(broadcast)
        if known and known.planned and not rows.is_left(broadcast):
            rows.change(broadcast, (BroadcastState.RUNNING,), state=BroadcastState.DONE, finished=now)


def _check(staff: Staff) -> None:
    if not staff.may(*SENDERS):
        raise ForbiddenError
