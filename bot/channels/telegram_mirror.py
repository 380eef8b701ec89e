"""Shows every open case in a forum topic of its own: new lines merged into few messages, emergencies first."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from telegram.error import BadRequest, TelegramError

from bot.channels.markup import to_plain
from bot.channels.telegram_topics import LaterError, TopicGoneError, Topics
from bot.dialogue.knowledge import N_
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Clock, Store
from bot.hotline.records import Case, CaseEvent, CaseState, Direction, Line
from bot.hotline.worker import process_name
from bot.matching.match import Urgency

log = structlog.get_logger(__name__)

_OPEN = (CaseState.WAITING, CaseState.OFFERED, CaseState.OPERATOR, CaseState.SILENT)
_NOTE: Final = "_desk"  # the conversation's note in which its topic is remembered; it is erased with the conversation
_TOPICS: Final = "telegram desk"  # stands where a conversation would: its notes are all topics and whose they are
_MAP: Final = "https://maps.google.com/?q="
_BEFORE: Final = 20  # lines shown of what was said before the case
_LINES: Final = 100  # looked at in one go
_POST: Final = 3800  # characters of a merged message, of Telegram's 4,096
_LINE: Final = 1500  # characters of one line in it
_BOT_LINE: Final = 300  # the bot's answers are known here
_KEEP: Final = timedelta(hours=24)  # a closed case's topic is deleted after that: Telegram is no archive
_TIDY: Final = 600.0  # seconds
_LEASE: Final = 60.0  # seconds for one pass; a process that dies in it is followed by another after that
_ICONS = {Urgency.EMERGENCY: "🔴", Urgency.URGENT: "🟠", Urgency.NORMAL: "⚪"}
_SIDES = {Direction.IN: "👤", Direction.OUT: "🤖", Direction.OPERATOR: "🎧", Direction.SYSTEM: "·"}
_SHOWN = frozenset({"photo", "voice", "video", "document", "sticker"})
_KINDS = {
    "voice": N_("Voice message"), "photo": N_("Photo"), "video": N_("Video"), "document": N_("Document"),
    "sticker": N_("Sticker"), "location": N_("Location"), "contact": N_("Contact"), "edited": N_("Changed a message"),
    "left": N_("Left the chat"), "choice": N_("Pressed a button"), "command": N_("Command"), "other": N_("Something else"),
}  # fmt: skip
_EVENTS = {
    "opened": N_("opened"), "raised": N_("became more urgent"), "signal": N_("danger was heard again"), "judged": N_("urgency changed"),
    "offered": N_("offered"), "taken": N_("taken"), "returned": N_("given back"), "declined": N_("offer declined"),
    "expired": N_("offer not taken in time"), "vanished": N_("operator vanished"), "silent": N_("caller fell silent"),
    "back": N_("caller is back"), "transferred": N_("handed over"), "closed": N_("closed"), "rated": N_("rated by the caller"),
    "unreachable": N_("caller cannot be reached"),
}  # fmt: skip
_EMERGENCY = N_("Emergency")
_NOT_SHOWN = N_("This file cannot be shown here. Open the case in the console.")


@dataclass(frozen=True, slots=True)
class Words:
    """The group's language."""

    phrase: Callable[..., str]  # (phrase, language, **values)
    title: Callable[[str, str], str]  # (intent, language)
    language: str = "ru"

    def say(self, phrase: str, /, **values: object) -> str:
        """One of the bot's own phrases."""
        return self.phrase(phrase, self.language, **values)

    def html(self, phrase: str, /, **values: object) -> str:
        """The same, safe in Telegram's HTML."""
        return html.escape(self.say(phrase, **values), quote=False)


@dataclass(frozen=True, slots=True)
class Place:
    """What is remembered of a conversation's topic."""

    thread: int = 0
    case: str = ""  # the case whose head was shown last
    line: int = 0  # shown up to here
    event: int = 0
    alarmed: str = ""  # the case for which the alarm was given
    spot: str = ""  # where the caller's live location was when it was shown last
    closed: str = ""  # ISO time since when the topic is closed; "" while it is open

    @classmethod
    def load(cls, notes: Mapping[str, str]) -> Place:
        """From a conversation's notes."""
        data = json.loads(notes.get(_NOTE, "{}"))
        return cls(**{key: value for key, value in data.items() if key in cls.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class View:
    """A case with what was not shown of it yet."""

    case: Case
    place: Place
    lines: list[Line] = field(repr=False)
    events: list[CaseEvent]
    names: Mapping[str, str] = field(repr=False)
    spot: str = field(default="", repr=False)  # where a live location is now, to about 100 m

    @property
    def urgent(self) -> bool:
        """Whether it may use the emergency lane."""
        return self.case.urgency is Urgency.EMERGENCY


@dataclass(frozen=True, slots=True)
class Post:
    """One message for a topic, and how far the case is shown with it."""

    text: str
    kind: str  # "" or the kind of a file, whose id is in `text`
    line: int
    event: int


class Mirror:
    """The view; all it knows for good lies in the database."""

    def __init__(self, topics: Topics, store: Store, clock: Clock, words: Words) -> None:
        self._topics = topics
        self._store = store
        self._clock = clock
        self._words = words
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
        case, place = view.case, view.place
        if not place.thread:
            thread = await self._topics.make(self._name(case), view.urgent)
            place = replace(place, thread=thread, case="")
            await self._keep(case.conversation, place)
        if view.urgent and place.alarmed != case.id:
            alarm = f"🔴 <b>{self._words.html(_EMERGENCY)}</b> {self._topics.link(place.thread)}"
            await self._topics.write(0, alarm, urgent=True, loud=True)
            place = replace(place, alarmed=case.id)
            await self._keep(case.conversation, place)
        for post in self._posts(replace(view, place=place)):
            await self._send(place.thread, post, view.urgent)
            place = replace(place, case=case.id, line=post.line, event=post.event, spot=view.spot, closed="")
            await self._keep(case.conversation, place)

    async def _send(self, thread: int, post: Post, urgent: bool) -> None:
        """A file that Telegram does not give again is named in words; all else of the case must not wait for it."""
        if not post.kind:
            await self._topics.write(thread, post.text, urgent, loud=urgent)
            return
        try:
            await self._topics.show(thread, post.kind, post.text, urgent)
        except BadRequest as error:
            log.warning("a caller's file could not be shown", error=type(error).__name__)
            await self._topics.write(thread, self._words.html(_NOT_SHOWN), urgent)

    def _posts(self, view: View) -> Iterator[Post]:
        """What is new, as few messages as possible: a head for a new case, words merged, files apart."""
        parts = [self._head(view.case)] if view.place.case != view.case.id else []
        line, event = view.place.line, view.place.event if not parts else 0
        news: list[Line | CaseEvent] = sorted(
            [*view.lines, *(e for e in view.events if e.id > event)],
            key=lambda item: item.created if isinstance(item, Line) else item.at,
        )
        for item in news:
            text = self._line(item, view) if isinstance(item, Line) else self._event(item, view)
            if parts and sum(map(len, parts)) + len(text) > _POST:
                yield Post("\n".join(parts), "", line, event)
                parts = []
            parts += [text] if text else []
            if isinstance(item, CaseEvent):
                event = max(event, item.id)
                continue
            file = item.detail.get("media") if view.case.channel == "telegram" and item.kind in _SHOWN else None
            if file and item.direction is Direction.IN:
                if parts:
                    yield Post("\n".join(parts), "", line, event)
                    parts = []
                yield Post(str(file["reference"]), item.kind, item.id, event)
            line = max(line, item.id)
        if view.spot and view.spot != view.place.spot:
            place = view.spot if not any(item.kind == "location" for item in view.lines) else ""
            parts += [f"{_SIDES[Direction.IN]} [{self._words.html(_KINDS['location'])}] {_MAP}{place}"] if place else []
        if parts:
            yield Post("\n".join(parts), "", line, event)

    def _name(self, case: Case) -> str:
        """The topic's name: nothing of the caller but the language."""
        title = self._words.title(case.intent, self._words.language) if case.intent else ""
        return " · ".join(part for part in (f"{_ICONS[case.urgency]} {case.id[:6]}", case.language, title) if part)

    def _head(self, case: Case) -> str:
        title = self._words.title(case.intent, self._words.language) if case.intent else case.reason
        facts = " · ".join(part for part in (case.id[:6], case.language, case.stay, case.channel) if part)
        why = [self._why(str(signal.get("intent", "")), str(signal.get("rule", ""))) for signal in case.signals[-3:]]
        return "\n".join(
            [
                f"{_ICONS[case.urgency]} <b>{html.escape(title)}</b>",
                *(html.escape(text, quote=False) for text in (facts, *why)),
            ]
        )

    def _why(self, intent: str, rule: str) -> str:
        """Why it is urgent; the caller's own words stand below in the topic."""
        return f"⚠ {self._words.title(intent, self._words.language) if intent else ''} ({rule})"

    def _line(self, line: Line, view: View) -> str:
        """ "👤 text"; what an operator wrote here is not repeated."""
        if line.direction is Direction.OPERATOR and ":tg" in line.client_id:
            return ""
        kind = (
            f"[{self._words.say(_KINDS[line.kind])}] " if line.direction is Direction.IN and line.kind in _KINDS else ""
        )
        text = (line.text if line.direction is Direction.IN else to_plain(line.text)) or str(
            line.detail.get("choice") or line.detail.get("command") or ""
        )
        if file := line.detail.get("file"):
            text = f"[{self._words.say(_KINDS[file['kind']])}]"
        if place := line.detail.get("place"):
            text = f"{_MAP}{place[0]},{place[1]}"
        limit = _BOT_LINE if line.direction is Direction.OUT else _LINE
        shown = text if len(text) <= limit else f"{text[:limit]}…"
        who = f"{view.names.get(line.author, '')}: " if line.direction is Direction.OPERATOR else ""
        return f"{_SIDES[line.direction]} {html.escape(who + kind + shown, quote=False)}"

    def _event(self, event: CaseEvent, view: View) -> str:
        phrase = _EVENTS.get(event.kind)
        if phrase is None:
            return ""
        who = view.names.get(str(event.detail.get("to") or event.who), "")
        return f"— <i>{self._words.html(phrase)}{' · ' + html.escape(who, quote=False) if who else ''}</i>"

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
                ledger.conversations.put_note(conversation, _NOTE, value, now)

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
