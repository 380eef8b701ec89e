"""What a topic of the operators' group shows of a case: its name and icon, and the posts that tell what is new."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from bot.channels.markup import to_plain
from bot.channels.telegram_topics import Title
from bot.hotline.labels import EVENTS, KINDS
from bot.hotline.records import Case, CaseEvent, Direction, Line
from bot.matching.match import Urgency

NOTE: Final = "_desk"  # the conversation's note in which its topic is remembered; it is erased with the conversation
_MAP: Final = "https://maps.google.com/?q="
_POST: Final = 3800  # characters of a merged message, of Telegram's 4,096
_LINE: Final = 1500  # characters of one line in it
_BOT_LINE: Final = 300  # the bot's answers are known here
_CAPTION: Final = 1000  # characters of what stands under a file, of Telegram's 1,024
_ICONS = {Urgency.EMERGENCY: "🔴", Urgency.URGENT: "🟠", Urgency.NORMAL: "⚪"}
_TOPIC_ICONS = {Urgency.EMERGENCY: "‼️", Urgency.URGENT: "❗️", Urgency.NORMAL: "💬"}  # of those that Telegram has for topics
_SIDES = {Direction.IN: "👤", Direction.OUT: "🤖", Direction.OPERATOR: "🎧", Direction.SYSTEM: "·"}
_WORDED = frozenset({"photo", "voice", "video", "document"})  # files under which words can stand
_SHOWN = _WORDED | {"sticker"}


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
    title: str = ""  # what the topic is called
    spot: str = ""  # where the caller's live location was when it was shown last
    closed: str = ""  # ISO time since when the topic is closed; "" while it is open

    @classmethod
    def load(cls, notes: Mapping[str, str]) -> Place:
        """From a conversation's notes."""
        data = json.loads(notes.get(NOTE, "{}"))
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

    text: str = field(repr=False)
    kind: str  # "" or the kind of a file, whose caption `text` is
    file: str  # its id at Telegram
    line: int
    event: int


class Scribe:
    """Puts cases into words."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def posts(self, view: View) -> Iterator[Post]:
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
                yield Post("\n".join(parts), "", "", line, event)
                parts = []
            parts += [text] if text else []
            if isinstance(item, CaseEvent):
                event = max(event, item.id)
                continue
            file = item.detail.get("media") if view.case.channel == "telegram" and item.kind in _SHOWN else None
            if file and item.direction is Direction.IN:
                if item.kind not in _WORDED or sum(map(len, parts)) + len(parts) > _CAPTION:
                    yield Post("\n".join(parts), "", "", line, event)
                    parts = []
                yield Post("\n".join(parts), item.kind, str(file["reference"]), item.id, event)
                parts = []
            line = max(line, item.id)
        if view.spot and view.spot != view.place.spot:
            place = view.spot if not any(item.kind == "location" for item in view.lines) else ""
            parts += [f"{_SIDES[Direction.IN]} [{self._words.html(KINDS['location'])}] {_MAP}{place}"] if place else []
        if parts:
            yield Post("\n".join(parts), "", "", line, event)

    def title(self, case: Case) -> Title:
        """The topic's name: nothing of the caller but the language. It and the icon tell how urgent the case is."""
        meant = self._words.title(case.intent, self._words.language) if case.intent else ""
        name = " · ".join(part for part in (f"{_ICONS[case.urgency]} {case.id[:6]}", case.language, meant) if part)
        return Title(name, _TOPIC_ICONS[case.urgency])

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
            f"[{self._words.say(KINDS[line.kind])}] " if line.direction is Direction.IN and line.kind in KINDS else ""
        )
        text = (line.text if line.direction is Direction.IN else to_plain(line.text)) or str(
            line.detail.get("choice") or line.detail.get("command") or ""
        )
        if file := line.detail.get("file"):
            text = f"[{self._words.say(KINDS[file['kind']])}]"
        if place := line.detail.get("place"):
            text = f"{_MAP}{place[0]},{place[1]}"
        limit = _BOT_LINE if line.direction is Direction.OUT else _LINE
        shown = text if len(text) <= limit else f"{text[:limit]}…"
        who = f"{view.names.get(line.author, '')}: " if line.direction is Direction.OPERATOR else ""
        return f"{_SIDES[line.direction]} {html.escape(who + kind + shown, quote=False)}"

    def _event(self, event: CaseEvent, view: View) -> str:
        phrase = EVENTS.get(event.kind)
        if phrase is None:
            return ""
        who = view.names.get(str(event.detail.get("to") or event.who), "")
        return f"— <i>{self._words.html(phrase)}{' · ' + html.escape(who, quote=False) if who else ''}</i>"
