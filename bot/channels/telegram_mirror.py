"""Shows every open case in a forum topic of its own: new lines merged into few messages, emergencies first."""

from __future__ import annotations

import json
import time
from collections.abc import Set
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.channels.telegram_post import NOTE, Place, Post, Scribe, View, Words
from bot.channels.telegram_topics import LaterError, Title, TopicGoneError, Topics
from bot.dialogue.knowledge import N_
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Clock, Store
from bot.hotline.records import Case, CaseState
from bot.hotline.worker import process_name

log = structlog.get_logger(__name__)

_OPEN = (CaseState.WAITING, CaseState.OFFERED, CaseState.OPERATOR, CaseState.SILENT)
_TOPICS: Final = "telegram desk"  # stands where a conversation would: its notes are all topics and whose they are
_BEFORE: Final = 20  # lines shown of what was said before the case
_LINES: Final = 100  # looked at in one go
_KEEP: Final = timedelta(hours=24)  # a closed case's topic is deleted after that: Telegram is no archive
_TIDY: Final = 600.0  # seconds
_LEASE: Final = 60.0  # seconds for one pass; a process that dies in it is followed by another after that
_EMERGENCY = N_("Emergency")
_NOT_SHOWN = N_("This file cannot be shown here. Open the case in the console.")


class Mirror:
    """The view; all it knows for good lies in the database."""

    def __init__(self, topics: Topics, store: Store, clock: Clock, words: Words) -> None:
        self._topics = topics
        self._store = store
        self._clock = clock
        self._words = words
        self._scribe = Scribe(words)
        self._owner = process_name()
        self._marks: dict[str, tuple[int, int]] = {}  # open cases: the wake-ups up to which all is shown
        self._parted = -1  # the wake-up of the desk after which all topics without a case were seen to
        self._tidied = 0.0

    async def once(self) -> None:
        """Show what is new; one process at a time. What does not fit this minute's messages comes with a later call."""
        now = self._clock.now()
        if not await self._store.transact(
            lambda ledger: ledger.leases.take("telegram desk", self._owner, now, 0.0, _LEASE)
        ):
            return
        try:
            mark = self._store.mark("desk")
            found = await self._store.read(lambda ledger: ledger.cases.in_state(_OPEN))
            for case in sorted(found, key=lambda known: (-known.urgency.rank, known.waiting_since)):
                await self._show_news(case)
            if mark != self._parted or time.monotonic() - self._tidied > _TIDY:
                await self._part({case.conversation for case in found})
                self._parted, self._tidied = mark, time.monotonic()
            self._marks = {case.id: self._marks[case.id] for case in found if case.id in self._marks}
        except LaterError:
            pass
        finally:
            await self._store.transact(lambda ledger: ledger.leases.done("telegram desk", self._owner))

    async def case_in(self, thread: int) -> str | None:
        """The open case shown in a topic."""

        def work(ledger: Ledger) -> str | None:
            conversation = ledger.conversations.notes(_TOPICS).get(str(thread), "")
            case = ledger.cases.open_of(conversation) if conversation else None
            return case.id if case and _place(ledger, case.conversation).thread == thread else None

        return await self._store.read(work) if thread else None

    async def thread_of(self, case: str) -> int:
        """The topic of a case; 0: none yet."""

        def work(ledger: Ledger) -> int:
            known = ledger.cases.get(case)
            return _place(ledger, known.conversation).thread if known else 0

        return await self._store.read(work)

    async def _show_news(self, case: Case) -> None:
        """Look only where something happened since all was shown."""
        marks = self._store.mark(f"conversation:{case.conversation}"), self._store.mark(f"case:{case.id}")
        if self._marks.get(case.id) == marks:
            return
        try:
            shown = await self._show_safely(case.id)
        except TopicGoneError:  # made anew, with the latest of what was said
            shown = await self._show_safely(case.id)
        if shown:
            self._marks[case.id] = marks

    async def _show_safely(self, case: str) -> bool:
        """True when all of it is shown. Raises TopicGoneError when someone deleted the topic; that is noted."""
        view = await self._store.read(lambda ledger: _view(ledger, case))
        if view is None:
            return False
        try:
            await self._show(view)
        except LaterError:
            return False  # its lane is used up for now
        except TopicGoneError:
            await self._forget(view.case.conversation, view.place)
            raise
        except TelegramError as error:
            log.warning("a case could not be shown for now", error=type(error).__name__)
            return False
        return len(view.lines) < _LINES

    async def _show(self, view: View) -> None:
        case, place, title = view.case, view.place, self._scribe.title(view.case)
        if not place.thread:
            thread = await self._topics.make(title, view.urgent)
            place = replace(place, thread=thread, case="", title=title.name)
            await self._keep(case.conversation, place)
        if view.urgent and place.alarmed != case.id:
            alarm = f"🔴 <b>{self._words.html(_EMERGENCY)}</b> {self._topics.link(place.thread)}"
            await self._topics.write(0, alarm, urgent=True, loud=True)
            place = replace(place, alarmed=case.id)
            await self._keep(case.conversation, place)
        for post in self._scribe.posts(replace(view, place=place)):
            await self._send(place.thread, post, view.urgent)
            place = replace(place, case=case.id, line=post.line, event=post.event, spot=view.spot, closed="")
            await self._keep(case.conversation, place)
        if place.title != title.name and await self._rename(place.thread, title, view.urgent):
            await self._keep(case.conversation, replace(place, title=title.name))

    async def _rename(self, thread: int, title: Title, urgent: bool) -> bool:
        """More urgent, or another case. True when that is settled: refused it is not tried again, else with the next news.

        All that is said stands in the topic already, so nothing waits for a name.
        """
        try:
            await self._topics.rename(thread, title, urgent)
        except TelegramError as error:
            log.warning("a topic could not be renamed", error=type(error).__name__)
            return isinstance(error, BadRequest | Forbidden)
        return True

    async def _send(self, thread: int, post: Post, urgent: bool) -> None:
        """A file that Telegram does not give again is named in words; all else of the case must not wait for it."""
        if not post.kind:
            await self._topics.write(thread, post.text, urgent, loud=urgent)
            return
        try:
            await self._topics.show(thread, post.kind, post.file, urgent, post.text)
        except BadRequest as error:
            log.warning("a caller's file could not be shown", error=type(error).__name__)
            words = "\n".join(part for part in (post.text, self._words.html(_NOT_SHOWN)) if part)
            await self._topics.write(thread, words, urgent, loud=urgent)

    async def _part(self, talking: Set[str]) -> None:
        """Topics without an open case are closed, deleted a day later, and at once when the caller erased everything."""
        now = self._clock.now()

        def work(ledger: Ledger) -> list[tuple[int, str]]:
            topics = ((int(thread), whose) for thread, whose in ledger.conversations.notes(_TOPICS).items())
            return [(thread, whose) for thread, whose in topics if whose not in talking and not rests(ledger, thread, whose)]

        def rests(ledger: Ledger, thread: int, whose: str) -> bool:
            place = _place(ledger, whose)
            return place.thread == thread and bool(place.closed) and now - datetime.fromisoformat(place.closed) <= _KEEP

        for thread, conversation in await self._store.read(work):
            try:
                await self._part_with(thread, conversation)
            except TopicGoneError:
                await self._drop(thread, conversation)

    async def _part_with(self, thread: int, conversation: str) -> None:
        def work(ledger: Ledger) -> tuple[bool, Place, View | None]:
            last = ledger.cases.last_of(conversation)
            known = ledger.conversations.get(conversation) is not None
            return known, _place(ledger, conversation), _view(ledger, last.id) if last else None

        known, place, view = await self._store.read(work)
        if known and place.thread == thread and not place.closed:
            if view:
                await self._show(view)
            await self._topics.close(thread)
            place = await self._store.read(lambda ledger: _place(ledger, conversation))
            await self._keep(conversation, replace(place, closed=self._clock.now().isoformat()))
        else:
            await self._topics.remove(thread)
            await self._drop(thread, conversation)

    async def _drop(self, thread: int, conversation: str) -> None:
        """The topic is no more."""
        place = await self._store.read(lambda ledger: _place(ledger, conversation))
        if place.thread == thread:
            await self._forget(conversation, place)
        await self._unlist(thread)

    async def _forget(self, conversation: str, place: Place) -> None:
        """The next case has another topic, which begins with the latest of what was said."""
        await self._unlist(place.thread)
        await self._keep(conversation, Place(line=max(0, place.line - _BEFORE), alarmed=place.alarmed))

    async def _unlist(self, thread: int) -> None:
        now = self._clock.now()
        await self._store.transact(lambda ledger: ledger.conversations.put_note(_TOPICS, str(thread), "", now))

    async def _keep(self, conversation: str, place: Place) -> None:
        """Remember; of a conversation that was erased in the meantime only that its topic must go."""
        now, value = self._clock.now(), json.dumps(asdict(place))

        def work(ledger: Ledger) -> None:
            if place.thread:
                ledger.conversations.put_note(_TOPICS, str(place.thread), conversation, now)
            if ledger.conversations.lock(conversation):
                ledger.conversations.put_note(conversation, NOTE, value, now)

        await self._store.transact(work)


def _place(ledger: Ledger, conversation: str) -> Place:
    return Place.load(ledger.conversations.notes(conversation))


def _view(ledger: Ledger, case_id: str) -> View | None:
    case = ledger.cases.get(case_id)
    if case is None:
        return None
    place = _place(ledger, case.conversation)
    after = place.line
    if not after and (tail := ledger.lines.tail(case.conversation, _BEFORE)):
        after = tail[0].id - 1
    lines = ledger.lines.of(case.conversation, after=after, limit=_LINES)
    spots = [line for line in ledger.lines.tail(case.conversation, _BEFORE) if line.detail.get("moved")]
    spot = ",".join(f"{degrees:.3f}" for degrees in spots[-1].detail["place"]) if spots else ""
    names = {person.id: person.name for person in ledger.office.staff.all()}
    return View(case, place, lines, ledger.cases.events(case.id), names, spot)
