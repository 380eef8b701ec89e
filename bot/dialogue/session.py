"""What is remembered of a conversation between two messages."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Mode(StrEnum):
    """What the bot waits for."""

    NEW = "new"  # nothing said yet
    OPEN = "open"  # a question
    CHOOSING = "choosing"  # one of the offered intents
    STAY = "stay"  # the country the caller is in, needed for `pending`
    CONFIRM_DANGER = "confirm_danger"  # "are you in danger?" yes or no
    DANGER = "danger"  # the danger card was shown: "is it safe to write?"
    ERASING = "erasing"  # "erase everything?" yes or no
    EXIT_WORD = "exit_word"  # the caller's own word for quick exit
    CHECK_WORD = "check_word"  # a word by which an operator knows the caller
    SAFE_TIME = "safe_time"  # when a person may write
    EXITED = "exited"  # after quick exit: starts anew, says nothing of before


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation's memory. Holds no text of the caller."""

    mode: Mode = Mode.NEW
    language: str = ""  # chosen by the caller; wins over anything detected
    detected: str = ""  # the last language told from the text, used until one is chosen
    stay: str = ""  # ISO 3166 alpha-2 of the country the caller is in, "other", or ""
    citizenship: str = ""  # ISO 3166 alpha-2, or ""
    pending: str = ""  # the intent that waits for `stay` or for a danger confirmation
    last_intent: str = ""  # the last one answered: context for "and how much is it?"
    offered: tuple[str, ...] = ()  # button ids of the last reply, so that "2" means the second
    misses: int = 0  # questions in a row that got no answer
    danger: str = ""  # "", "urgent", "emergency": the highest seen in this talk
    case: str = ""  # "", "waiting", "operator", "closed": what the hotline last did with it
    closed_only: bool = False  # yes/no mode for callers who are watched
    exit_word: str = ""  # the caller's own word for quick exit, folded
    news: str = ""  # "", "asked", "yes", "no": whether the caller wants news
    campaign: str = ""  # what /start carried
    file_at: float = 0.0  # Unix time of the last message if it was a photo, video or document: others may follow it

    def change(self, **fields: Any) -> Self:
        """A copy with some fields replaced."""
        return dataclasses.replace(self, **fields)

    def dump(self) -> str:
        """JSON of the fields that differ from a new session."""
        fresh = Session()
        return json.dumps(
            {
                f.name: getattr(self, f.name)
                for f in dataclasses.fields(self)
                if getattr(self, f.name) != getattr(fresh, f.name)
            },
            ensure_ascii=False,
        )

    @classmethod
    def load(cls, text: str) -> Session:
        """Read `dump`'s JSON; fields from another version are ignored."""
        data: dict[str, Any] = json.loads(text) if text else {}
        known = {f.name for f in dataclasses.fields(cls)}
        fields = {key: value for key, value in data.items() if key in known}
        if "mode" in fields:
            fields["mode"] = Mode(fields["mode"]) if fields["mode"] in set(Mode) else Mode.OPEN
        if "offered" in fields:
            fields["offered"] = tuple(fields["offered"])
        return cls(**fields)
