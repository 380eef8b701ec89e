"""Shows every open case in a forum topic of its own: new lines merged into few messages, emergencies first."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from telegram.error import TelegramError

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
        self._shown: dict[str, tuple[str, int]] = {}  # open cases: conversation and topic
        self._marks: dict[str, tuple[int, int]] = {}  # open cases: the wake-ups up to which all is shown
        self._tidied = 0.0

    async def once(self) -> None:
        """Show what is new; one process at a time. What does not fit this minute's messages comes with a later call."""
        now = self._clock.now()
        if not await self._store.transact(
            lambda ledger: ledger.leases.take("telegram desk", self._owner, now, 0.0, _LEASE)
        ):
            return
        try:
            found = await self._store.read(lambda ledger: ledger.cases.in_state(_OPEN))
            for case in sorted(found, key=lambda known: (-known.urgency.rank, known.waiting_since)):
                await self._show_news(case)
            for gone in self._shown.keys() - {case.id for case in found}:
                await self._end(gone)
            if time.monotonic() - self._tidied > _TIDY or not self._tidied:
                self._tidied = time.monotonic()
                await self._tidy()
        except LaterError:
            pass
        finally:
            await self._store.transact(lambda ledger: ledger.leases.done("telegram desk", self._owner))

    async def case_in(self, thread: int) -> str | None:
        """The open case shown in a topic."""
        if not thread:
            return None

        def work(ledger: Ledger) -> str | None:
            shown = [case for case, (_, topic) in self._shown.items() if topic == thread]
            known = [ledger.cases.get(case) for case in shown] or ledger.cases.in_state(_OPEN)
            for case in known:
                if case and case.state in _OPEN and _place(ledger, case.conversation).thread == thread:
                    return case.id
            return None

        return await self._store.read(work)

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
        view = await self._store.read(lambda ledger: _view(ledger, case.id))
        if view and await self._show_safely(view):
            self._marks[case.id] = marks

    async def _show_safely(self, view: View) -> bool:
        """True when all of it is shown."""
        try:
            await self._show(view)
        except LaterError:
            return False  # its lane is used up for now
        except TopicGoneError:
            first = max(0, view.place.line - _BEFORE)
            await self._keep(
                view.case.conversation, Place(line=first, alarmed=view.place.alarmed)
            )  # made anew next time
            return False
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
        self._shown[case.id] = (case.conversation, place.thread)
        if view.urgent and place.alarmed != case.id:
            alarm = f"🔴 <b>{self._words.html(_EMERGENCY)}</b> {self._topics.link(place.thread)}"
            await self._topics.write(0, alarm, urgent=True, loud=True)
            place = replace(place, alarmed=case.id)
            await self._keep(case.conversation, place)
        for post in self._posts(replace(view, place=place)):
            if post.kind:
                await self._topics.show(place.thread, post.kind, post.text, view.urgent)
            else:
                await self._topics.write(place.thread, post.text, view.urgent, loud=view.urgent)
            place = replace(place, case=case.id, line=post.line, event=post.event, closed="")
            await self._keep(case.conversation, place)

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
        if place := line.detail.get("place"):
            text = f"https://maps.google.com/?q={place[0]},{place[1]}"
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

    async def _end(self, case: str) -> None:
        """A case that was open is not: close its topic, or delete it when the caller erased everything."""
        conversation, thread = self._shown[case]
        view = await self._store.read(lambda ledger: _view(ledger, case))
        try:
            if view is None:
                await self._topics.remove(thread)
            elif view.case.state is CaseState.CLOSED:
                await self._show(view)
                await self._close(conversation, thread)
        except TopicGoneError:
            pass
        self._shown.pop(case, None)
        self._marks.pop(case, None)

    async def _close(self, conversation: str, thread: int) -> None:
        await self._topics.close(thread)
        place = await self._store.read(lambda ledger: _place(ledger, conversation))
        await self._keep(conversation, replace(place, closed=self._clock.now().isoformat()))

    async def _tidy(self) -> None:
        """Close what was closed while nobody looked; delete topics whose case was closed a day ago."""
        now = self._clock.now()

        def work(ledger: Ledger) -> list[tuple[str, Place]]:
            events = ledger.office.board.events(("closed",), now - 2 * _KEEP, 500)
            known = {case.conversation for event in events if (case := ledger.cases.get(event.case))}
            resting = [conversation for conversation in known if not ledger.cases.open_of(conversation)]
            return [(conversation, _place(ledger, conversation)) for conversation in resting]

        for conversation, place in await self._store.read(work):
            try:
                if place.thread and not place.closed:
                    await self._close(conversation, place.thread)
                elif place.thread and now - datetime.fromisoformat(place.closed) > _KEEP:
                    await self._topics.remove(place.thread)
                    await self._keep(conversation, replace(place, thread=0, case=""))
            except TopicGoneError:
                await self._keep(conversation, replace(place, thread=0, case=""))

    async def _keep(self, conversation: str, place: Place) -> None:
        """Remember; not when the conversation was erased in the meantime."""
        now, value = self._clock.now(), json.dumps(asdict(place))

        def work(ledger: Ledger) -> None:
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
    names = {person.id: person.name for person in ledger.office.staff.all()}
    return View(case, place, lines, ledger.cases.events(case.id), names)
