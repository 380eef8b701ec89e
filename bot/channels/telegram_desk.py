"""The operators' Telegram group: what they write in it, and the loop that keeps their shifts alive.

Topics are a view; the record is the database. Each change goes through the desk's use cases, which check the right to it.
An operator's Telegram account is linked to a console account with `/link name code` (the code of the second factor).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import structlog
from telegram.error import TelegramError

from bot.channels.telegram_mirror import Mirror
from bot.channels.telegram_post import Words
from bot.channels.telegram_topics import LaterError, TopicGoneError, Topics
from bot.dialogue.knowledge import N_
from bot.errors import ConflictError, DeliveryError, ForbiddenError, HotlineError, NotFoundError, StoreAwayError
from bot.hotline import cases, credential
from bot.hotline.announcement import Announcer, locked
from bot.hotline.desk import JOINED, OUTCOMES, OperatorsDesk
from bot.hotline.duty import Roster
from bot.hotline.ledger import Ledger
from bot.hotline.parcel import LIMIT, ParcelPost
from bot.hotline.ports import Clock, Store, wait_for_any
from bot.hotline.records import CaseState
from bot.hotline.team import Duty, RemarkKind, Role, Staff

log = structlog.get_logger(__name__)

_COMMAND = re.compile(r"/([a-z]{1,16})(?:@\w+)?(?:\s+(.*))?", re.DOTALL | re.IGNORECASE)
_BEAT: Final = 30.0  # seconds between heartbeats for those who work here
_ACTIVE: Final = 3600.0  # seconds without a word here, then a shift ends as if its console had been closed
_PASS: Final = 2.0  # seconds at most until a caller's message is seen in its topic
_GATHER: Final = 0.2
_TOPICS: Final = ("desk", "said")  # wake-ups after which there may be something to show
_FILES: Final = ("photo", "voice", "document")
_FETCH: Final = 8.0  # seconds for a file: callers' updates wait behind it
_STRANGE: Final = ("audio", "video", "video_note", "animation", "sticker", "location", "contact", "dice", "poll", "story")
_TRIES: Final = 5  # wrong codes, then each costs time
_LINKED, _UNLINKED, _SHIFT = "telegram linked", "telegram unlinked", "telegram shift"
_HELP = N_(
    "/on /off: your shift · /next: the most urgent case · /take · /back note · /note text · /close outcome · /send text: although the caller is silent"
)
_NOT_LINKED = N_("Link your account first: /link name code (the code of your second factor).")
_WRONG_CODE = N_("Name or code is not right.")
_NO_CASE_HERE = N_("There is no case in this topic.")
_NOTHING_WAITS = N_("Nothing waits in your languages.")
_NOT_SENT = N_("Only text, photos, voice messages and PDF files can be sent to callers.")
_NOT_FETCHED = N_("Telegram does not give this file just now. Please send it once more.")
_YOUR_CASE = N_("Your case: {link}")


@dataclass(frozen=True, slots=True)
class Said:
    """What someone wrote in the group."""

    update: int
    message: int
    thread: int  # 0: the general topic
    person: str  # a hash of the Telegram account
    text: str = field(repr=False)
    file: str = field(default="", repr=False)  # Telegram's id of a photo, voice message or document
    strange: bool = False  # a sticker, a place and the like: nothing that is sent on


def said(raw: Mapping[str, Any]) -> Said | None:
    """Read an update of the group; None for what is no person's message."""
    message = raw.get("message")
    if (
        not isinstance(message, Mapping)
        or not isinstance(message.get("from"), Mapping)
        or message["from"].get("is_bot")
    ):
        return None
    text, caption = message.get("text"), message.get("caption")
    file, strange = _attached(message), any(kind in message for kind in _STRANGE)
    if text is None and not file and not strange:
        return None
    thread = message.get("message_thread_id", 0) if message.get("is_topic_message") else 0
    update, number = raw.get("update_id"), message.get("message_id")
    if not isinstance(update, int) or not isinstance(number, int) or not isinstance(thread, int):
        return None
    person = hashlib.sha256(f"telegram staff {message['from'].get('id')}".encode()).hexdigest()[:32]
    return Said(update, number, thread, person, str(text or caption or ""), file, strange)


def _attached(message: Mapping[str, Any]) -> str:
    """The id of the file in an operator's message; "" when there is none."""
    for kind in _FILES:
        found = message.get(kind)
        if isinstance(found, list):  # a photo in several sizes
            found = found[-1] if found else None
        if isinstance(found, Mapping) and isinstance(found.get("file_id"), str):
            return str(found["file_id"])
    return ""


class TelegramDesk:
    """One group. `take` is given its updates, `run` shows the cases in it."""

    def __init__(
        self,
        topics: Topics,
        store: Store,
        clock: Clock,
        *,
        desk: OperatorsDesk,
        roster: Roster,
        announcer: Announcer,
        words: Words,
        post: ParcelPost,
        fetch: Callable[[str], AsyncIterator[bytes]],
        prepare: Callable[[bytes], Awaitable[tuple[bytes, str]]],
    ) -> None:
        """`words` says phrases in the group's language. An operator's file is had by its id from `fetch`, freed of
        metadata by `prepare`, which tells its type, and sent by `post`.
        """
        self._topics = topics
        self._store = store
        self._clock = clock
        self._desk = desk
        self._roster = roster
        self._announcer = announcer
        self._words = words
        self._post = post
        self._fetch = fetch
        self._prepare = prepare
        self.mirror = Mirror(topics, store, clock, words)
        self._working: dict[str, float] = {}  # staff id: when last heard of here, on their shift

    @property
    def chat(self) -> int:
        """The group's id."""
        return self._topics.chat

    async def take(self, raw: Mapping[str, Any]) -> None:
        """Act on one update. May be called twice for the same. Raises StoreAwayError: it must come again."""
        heard = said(raw)
        if heard is None:
            return
        try:
            await self._act(heard)
        except StoreAwayError:
            raise
        except HotlineError as error:
            await self._reply(heard, str(error))
        except (LaterError, TopicGoneError, TelegramError) as error:
            log.warning("an operator's message could not be answered", error=type(error).__name__)

    async def run(self) -> None:
        """Show cases and keep shifts alive, until cancelled."""
        await self._store_patiently(self._resume)
        beat = 0.0
        while True:
            marks = {topic: self._store.mark(topic) for topic in _TOPICS}
            try:
                if time.monotonic() - beat > _BEAT:
                    beat = time.monotonic()
                    await self._beat()
                await self.mirror.once()
            except StoreAwayError:
                pass  # it is shown when the database is back
            except TelegramError as error:
                log.warning("the group could not be written to for now", error=type(error).__name__)
            except Exception:
                log.exception("the desk's loop failed")
                await asyncio.sleep(_PASS)
            await wait_for_any(self._store, marks, _PASS)
            await asyncio.sleep(_GATHER)  # what comes together is shown in one message

    async def _act(self, heard: Said) -> None:
        found = _COMMAND.fullmatch(heard.text.strip())
        command, rest = (found[1].lower(), (found[2] or "").strip()) if found else ("", heard.text)
        if command == "link":
            await self._link(heard, rest)
            return
        staff = await self._staff(heard.person)
        if staff is None:
            if command or heard.thread:
                await self._reply(heard, _NOT_LINKED)
            return
        if staff.id in self._working:
            self._working[staff.id] = time.monotonic()
        acts: dict[str, Callable[[Said, Staff, str], Awaitable[None]]] = {
            "on": self._begin, "off": self._end, "next": self._next, "take": self._take, "back": self._back,
            "note": self._note, "ask": self._ask, "close": self._close, "send": self._send, "unlink": self._unlink,
        }  # fmt: skip
        if command in acts:
            await acts[command](heard, staff, rest)
        elif command:
            await self._reply(heard, _HELP)
        elif heard.thread:
            await self._speak(heard, staff, heard.text, confirmed=False)

    # Speaking with the caller

    async def _send(self, heard: Said, staff: Staff, text: str) -> None:
        await self._speak(heard, staff, text, confirmed=True)

    async def _speak(self, heard: Said, staff: Staff, text: str, *, confirmed: bool) -> None:
        """To the caller, once: a repeated update has the same client id."""
        if heard.strange:
            raise ConflictError(_NOT_SENT)
        case = await self._case(heard)
        once = f"tg{heard.update}"
        if heard.file:
            data, mime = await self._prepare(await self._fetched(heard.file))
            await self._post.send(case, staff, data, mime, f"{once}f", confirmed=confirmed)
        if text.strip() or not heard.file:
            await self._desk.say(case, staff, text, once, confirmed=confirmed)
        await self._topics.nod(heard.message)

    async def _fetched(self, file: str) -> bytes:
        data = bytearray()
        try:
            async with asyncio.timeout(_FETCH):
                async for piece in self._fetch(file):
                    data += piece
                    if len(data) > LIMIT:
                        break
        except (DeliveryError, TimeoutError):
            raise ConflictError(_NOT_FETCHED) from None
        return bytes(data)

    # Cases

    async def _next(self, heard: Said, staff: Staff, _rest: str) -> None:
        case = await self._desk.next_case(staff)
        if case is None:
            await self._reply(heard, _NOTHING_WAITS)
            return
        thread = await self.mirror.thread_of(case.id)
        await self._topics.nod(heard.message)
        if thread and thread != heard.thread:
            await self._reply(heard, _YOUR_CASE, link=self._topics.link(thread))

    async def _take(self, heard: Said, staff: Staff, _rest: str) -> None:
        """The case of this topic; an offer made to this person is accepted."""
        case, now = await self._case(heard), self._clock.now()

        def work(ledger: Ledger) -> None:
            if not staff.may(Role.OPERATOR):
                raise ForbiddenError
            presence, known = ledger.office.presences.get(staff.id), ledger.cases.get(case)
            if presence is None or presence.duty is not Duty.ON:
                raise ConflictError(N_("Begin your shift first."))
            if known and known.operator == staff.id and known.state in (CaseState.OPERATOR, CaseState.SILENT):
                return
            held = sum(other.state is CaseState.OPERATOR for other in ledger.cases.with_operator(staff.id))
            if held >= staff.limit:
                raise ConflictError(N_("You have as many cases as your limit allows. Close one first."))
            conversation = locked(ledger, known.conversation) if known else None
            if conversation is None or not cases.take(ledger, case, staff.id, now):
                raise ConflictError(N_("This case is with someone else."))
            self._announcer.tell(ledger, conversation, JOINED, now)

        await self._store.transact(work)
        await self._topics.nod(heard.message)

    async def _back(self, heard: Said, staff: Staff, note: str) -> None:
        await self._desk.give_back(await self._case(heard), staff, note)
        await self._topics.nod(heard.message)

    async def _note(self, heard: Said, staff: Staff, text: str) -> None:
        await self._desk.remark(await self._case(heard), staff, RemarkKind.NOTE, text)
        await self._topics.nod(heard.message)

    async def _ask(self, heard: Said, staff: Staff, text: str) -> None:
        await self._desk.remark(await self._case(heard), staff, RemarkKind.ASK, text)
        await self._topics.nod(heard.message)

    async def _close(self, heard: Said, staff: Staff, rest: str) -> None:
        outcome, _, note = rest.partition(" ")
        if outcome not in OUTCOMES:
            listed = "\n".join(f"/close {name} — {self._words.say(text)}" for name, text in OUTCOMES.items())
            await self._reply(heard, listed)
            return
        await self._desk.close(await self._case(heard), staff, outcome, note)
        await self._topics.nod(heard.message)

    async def _case(self, heard: Said) -> str:
        case = await self.mirror.case_in(heard.thread)
        if case is None:
            raise NotFoundError(_NO_CASE_HERE)
        return case

    # Shifts

    async def _begin(self, heard: Said, staff: Staff, _rest: str) -> None:
        await self._roster.set_duty(staff, Duty.ON)
        await self._mark_shift(staff, "on")
        self._working[staff.id] = time.monotonic()
        await self._topics.nod(heard.message)

    async def _end(self, heard: Said, staff: Staff, _rest: str) -> None:
        await self._roster.set_duty(staff, Duty.OFF)
        await self._mark_shift(staff, "off")
        self._working.pop(staff.id, None)
        await self._topics.nod(heard.message)

    async def _mark_shift(self, staff: Staff, detail: str) -> None:
        now = self._clock.now()
        await self._store.transact(
            lambda ledger: ledger.office.audit.append(now, staff.id, _SHIFT, f"tgshift {staff.id}", detail)
        )

    async def _resume(self) -> None:
        """After a restart: whose shifts were begun here."""

        def work(ledger: Ledger) -> list[str]:
            on = [p.staff for p in ledger.office.presences.all() if p.duty is not Duty.OFF]
            last = {staff: ledger.office.audit.page(1, target=f"tgshift {staff}") for staff in on}
            return [staff for staff, entries in last.items() if entries and entries[0].detail == "on"]

        self._working = dict.fromkeys(await self._store.read(work), time.monotonic())

    async def _beat(self) -> None:
        """For each who wrote here lately; who does not for an hour is gone, and the cases go back to the queue."""
        for staff_id, heard in list(self._working.items()):
            staff = await self._store.read(lambda ledger, who=staff_id: ledger.office.staff.get(who))  # type: ignore[misc]
            if staff is None or staff.disabled or time.monotonic() - heard > _ACTIVE:
                del self._working[staff_id]
            else:
                await self._roster.beat(staff)

    # Accounts

    async def _staff(self, person: str) -> Staff | None:
        """The console account of a Telegram account: what the audit log says last."""

        def work(ledger: Ledger) -> Staff | None:
            entries = ledger.office.audit.page(1, target=f"tg {person}")
            staff = ledger.office.staff.get(entries[0].detail) if entries and entries[0].act == _LINKED else None
            return staff if staff and not staff.disabled else None

        return await self._store.read(work)

    async def _link(self, heard: Said, rest: str) -> None:
        """Link with name and second factor; the message goes at once, since others read it. Guessing costs time."""
        await self._topics.wipe(heard.message)
        name, _, code = rest.rpartition(" ")
        now, subject = self._clock.now(), f"tg:{heard.person}"

        def work(ledger: Ledger) -> bool:
            count, until = ledger.office.logins.attempts(subject)
            if until and until > now:
                return False
            staff = ledger.office.staff.named(name.strip())
            step = credential.totp_step(staff.totp, code, now, staff.totp_step) if staff and staff.totp else None
            if staff is None or staff.disabled or step is None:
                wait = min(300.0, 2.0 ** (count + 1 - _TRIES)) if count + 1 >= _TRIES else 0.0
                ledger.office.logins.failed(subject, count + 1, now + timedelta(seconds=wait) if wait else None, now)
                return False
            ledger.office.logins.cleared(subject)
            ledger.office.staff.change(staff.id, totp_step=step)
            ledger.office.audit.append(now, staff.id, _LINKED, f"tg {heard.person}", staff.id)
            return True

        linked = await self._store.transact(work)
        await self._reply(heard, _HELP if linked else _WRONG_CODE)

    async def _unlink(self, heard: Said, staff: Staff, _rest: str) -> None:
        now = self._clock.now()
        await self._store.transact(
            lambda ledger: ledger.office.audit.append(now, staff.id, _UNLINKED, f"tg {heard.person}", staff.id)
        )
        await self._end(heard, staff, "")

    async def _reply(self, heard: Said, phrase: str, **values: object) -> None:
        await self._topics.write(heard.thread, self._words.html(phrase, **values), urgent=True)

    async def _store_patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            with contextlib.suppress(StoreAwayError):
                await work()
                return
            await asyncio.sleep(1)
