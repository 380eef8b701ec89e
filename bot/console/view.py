"""Cases, lines and people in words, as the templates show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.console.house import House
from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Attachment
from bot.hotline import labels
from bot.hotline.labels import KINDS
from bot.hotline.parcel import attached
from bot.hotline.records import Case, CaseState, Conversation, Direction, Line, Status
from bot.hotline.team import Staff
from bot.hotline.window import WINDOWS

URGENCIES = {"emergency": N_("Emergency"), "urgent": N_("Urgent"), "normal": N_("Normal")}
REASONS = {
    "asked": N_("Asked for a person"),
    "danger": N_("Danger was heard"),
    "missed_twice": N_("Not understood twice"),
    "did_not_help": N_("The answer did not help"),
    "media": N_("Sent a voice message or a file"),
    "failed": N_("The bot failed on a message"),
}
STATES = {
    "waiting": N_("Waiting"),
    "offered": N_("Offered"),
    "operator": N_("With a person"),
    "silent": N_("Caller is silent"),
    "closed": N_("Closed"),
}
STATUSES = {
    Status.QUEUED: ("◷", N_("Being sent")),
    Status.SENT: ("✓", N_("Sent")),
    Status.FAILED: ("⚠", N_("Not delivered")),
    Status.DELIVERED: ("✓✓", N_("Delivered")),
    Status.READ: ("✓✓", N_("Read")),
}
NOTES = {
    "safe_time": N_("Safe time to write"),
    "safe_to_write": N_("Safe to write now"),
    "wants_person": N_("Wants a person"),
    "stay": N_("Country"),
    "check_word": N_("Check word"),
    "hurt": N_("Hurt or ill"),
    "can_leave": N_("Can leave alone"),
    "child": N_("A child is there"),
    "has_papers": N_("Has the passport"),
    "knows_place": N_("Knows the address"),
    "wants_police": N_("Wants the police"),
}
EVENTS = {**labels.EVENTS, "window": N_("a message was refused: WhatsApp's 24 hours were over")}
CHOICES = {
    "operator": N_("A person"), "menu": N_("Topics"), "languages": N_("Language"), "none": N_("None of these"),
    "show": N_("News"), "news": N_("News"), "numbers": N_("Numbers"), "time": N_("A safe time"), "exit": N_("Leave quickly"), "start": N_("Begins anew"), "delete": N_("Delete my data"),
}  # fmt: skip
_MODEL = "model"  # the name of the rule when no rule but likeness spoke
_PHRASE = 120  # characters of a signal's words that are shown
_CHANNELS = {"telegram": "Telegram", "whatsapp": "WhatsApp", "webchat": "Web"}
_PLAYED = ("voice", "video")
_WRITTEN = ("text", "edited")


@dataclass(frozen=True, slots=True)
class CaseView:
    """A case as a row of a list or the head of a talk."""

    case: Case
    id: str
    short: str
    urgency: str
    level: str
    state: str
    language: str
    country: str
    channel: str
    reason: str
    topic: str
    because: tuple[str, ...]
    waited: timedelta
    operator: str = ""
    unread: bool = False
    asks: bool = False  # a question to the supervisors stands


@dataclass(frozen=True, slots=True)
class LineView:
    """One line of the transcript."""

    id: int
    side: str  # "in", "bot", "person", "system"
    kind: str
    text: str
    html: str
    at: datetime
    author: str
    tick: str
    status: str
    failed: bool
    buttons: tuple[str, ...]
    understood: str
    danger: str
    media: Mapping[str, Any] = field(default_factory=dict)
    place: tuple[float, float] | None = None
    file: Attachment | None = None  # sent by an operator
    reportable: bool = False  # words of the caller's own that the bot might have known


class Words:
    """Makes views in one reader's language."""

    def __init__(self, house: House, language: str, staff: Sequence[Staff] = ()) -> None:
        self.house = house
        self.language = language
        self.names = {person.id: person.name for person in staff}

    def say(self, phrase: str, /, **values: object) -> str:
        """A phrase."""
        return self.house.say(phrase, self.language, **values)

    def case(self, case: Case, now: datetime, *, unread: bool = False, asks: bool = False) -> CaseView:
        """A case in words."""
        handbook = self.house.mind.edition.handbook
        return CaseView(
            case=case,
            id=case.id,
            short=case.id[:8],
            urgency=self.say(URGENCIES[case.urgency.value]),
            level=case.urgency.value,
            state=self.say(STATES[case.state.value]),
            language=handbook.languages().get(case.language, "?"),
            country=handbook.country_title(case.stay, self.language) if case.stay else "",
            channel=channel_name(case.channel),
            reason=self.say(REASONS.get(case.reason, REASONS["asked"])),
            topic=self.topic(case.intent),
            because=tuple(self.because(case)),
            waited=now - case.waiting_since,
            operator=self.names.get(case.operator, "") if case.state is not CaseState.WAITING else "",
            unread=unread,
            asks=asks,
        )

    def topic(self, intent: str) -> str:
        """An intent's title in a language the reader knows."""
        return self.house.mind.edition.handbook.title(intent, self.language) if intent else ""

    def because(self, case: Case) -> list[str]:
        """The caller's own words that set off the alarm, with the rule: "Passport taken: “…”, rule documents_taken"."""
        found: dict[str, None] = {}
        spoken = [signal for signal in case.signals if signal.get("phrase")]
        rules = [signal for signal in spoken if signal.get("rule") != _MODEL]
        for signal in rules or spoken:
            title = self.topic(str(signal.get("intent", "")))
            words, rule = str(signal["phrase"])[:_PHRASE], str(signal.get("rule", ""))
            if rules:
                found[self.say(N_("{title}: “{phrase}”, rule {rule}"), title=title, phrase=words, rule=rule)] = None
            else:
                found[self.say(N_("{title}: “{phrase}”, like known examples"), title=title, phrase=words)] = None
        return list(found)[-2:]

    def line(self, line: Line) -> LineView:
        """A line of the transcript."""
        incoming = line.direction is Direction.IN
        sides = {Direction.IN: "in", Direction.OUT: "bot", Direction.OPERATOR: "person", Direction.SYSTEM: "system"}
        tick, status = STATUSES[line.status]
        place = line.detail.get("place")
        return LineView(
            id=line.id,
            side=sides[line.direction],
            kind=self.say(KINDS[line.kind]) if line.kind in KINDS else "",
            text=line.text or (self.choice(line) if incoming else ""),
            html="" if incoming else self.house.show(line.text),
            at=line.created,
            author=self.names.get(line.author, "") if line.author else "",
            tick="" if incoming else tick,
            status="" if incoming else self.say(status),
            failed=not incoming and line.status is Status.FAILED,
            buttons=tuple(str(button.get("title", "")) for button in line.detail.get("buttons", ())),
            understood=self.understood(line) if incoming else "",
            danger=str(line.understood.get("danger", "")) if incoming else "",
            media={**line.detail["media"], "kind": line.kind} if incoming and line.detail.get("media") else {},
            place=(place[0], place[1]) if place else None,
            file=attached(line),
            reportable=incoming and line.kind in _WRITTEN and bool(line.text.strip()),
        )

    def choice(self, line: Line) -> str:
        """What a pressed button or a command said."""
        value = str(line.detail.get("choice") or line.detail.get("command") or "")
        kind, _, rest = value.partition(":")
        handbook = self.house.mind.edition.handbook
        if kind in CHOICES:
            return self.say(CHOICES[kind])
        if kind == "i":
            return self.topic(rest)
        if kind in ("helped", "nohelp"):
            return f"{self.say(N_('It helped') if kind == 'helped' else N_('It did not help'))}: {self.topic(rest)}"
        if kind == "t":
            return handbook.topic_title(rest.partition(":")[0], self.language)
        if kind == "lang":
            return handbook.languages().get(rest, rest)
        if kind in ("stay", "cit"):
            return handbook.country_title(rest, self.language)
        if rest in ("yes", "no"):
            return self.say(N_("Yes") if rest == "yes" else N_("No"))
        return value

    def understood(self, line: Line) -> str:
        """What the bot took the line for."""
        data = line.understood
        if not data:
            return ""
        intent = str(data.get("danger_intent") or data.get("intent") or "")
        if intent:
            return self.say(N_("Understood: {topic}"), topic=self.topic(intent))
        if choices := data.get("choices"):
            return self.say(N_("Unsure between: {topics}"), topics=", ".join(self.topic(choice) for choice in choices))
        return self.say(N_("Not understood")) if data.get("action") == "fallback" else ""

    def notes(self, notes: Mapping[str, str]) -> list[tuple[str, str]]:
        """What the caller noted for the operator."""
        return [
            (self.say(NOTES[key]) if key in NOTES else key, self._noted(key, value))
            for key, value in notes.items()
            if not key.startswith("_")  # a channel's own bookkeeping
        ]

    def _noted(self, key: str, value: str) -> str:
        if key == "stay":
            return self.house.mind.edition.handbook.country_title(value, self.language)
        if value in ("yes", "no"):
            return self.say(N_("Yes") if value == "yes" else N_("No"))
        return value

    def span(self, length: timedelta) -> str:
        """A length of time: "now", "12 min", "3 h 05 min", "2 days"."""
        minutes = max(0, int(length.total_seconds() // 60))
        if minutes < 1:
            return self.say(N_("under a minute"))
        if minutes < 60:
            return self.say(N_("{n} min"), n=minutes)
        hours, rest = divmod(minutes, 60)
        if hours < 48:
            return self.say(N_("{hours} h {minutes} min"), hours=hours, minutes=f"{rest:02}")
        return self.say(N_("{n} days"), n=hours // 24)


def channel_name(channel: str) -> str:
    """A channel's proper name."""
    return _CHANNELS.get(channel, channel)


def window_left(conversation: Conversation, now: datetime) -> timedelta | None:
    """How long the platform still takes our messages; None when it sets no limit."""
    window = WINDOWS.get(conversation.channel)
    return None if window is None else conversation.last_in + window - now


def is_played(kind: str) -> bool:
    """Whether a file is for the ear or eye in time."""
    return kind in _PLAYED
