"""What comes in from a caller, the same for every channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a caller sent. Anything a channel cannot name is OTHER."""

    TEXT = "text"
    CHOICE = "choice"  # a button was pressed: `choice` holds its id
    COMMAND = "command"  # /start, /menu, …: `command` holds the name, `text` what followed
    VOICE = "voice"
    PHOTO = "photo"
    VIDEO = "video"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    EDITED = "edited"  # an earlier message was changed; `text` is the new wording
    REACTION = "reaction"
    LEFT = "left"  # the caller blocked the bot or closed the chat
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Media:
    """A file that stays at the platform until an operator opens it."""

    reference: str  # the platform's file id
    mime: str = ""
    size: int = 0  # bytes, 0 when unknown
    name: str = ""  # as the caller named it; never used as a path
    duration: int = 0  # seconds, for voice and video


@dataclass(frozen=True, slots=True)
class Message:
    """One message from a caller."""

    kind: Kind
    sent_at: datetime  # UTC, when the platform took it
    text: str = ""  # text, caption, or what followed a command
    choice: str = ""  # id of the pressed button
    command: str = ""  # without the slash, lower case
    media: Media | None = None
    place: tuple[float, float] | None = None  # latitude, longitude in degrees
    language_hint: str = ""  # what the platform says of the phone's language, e.g. "ru"
    country_hint: str = ""  # ISO 3166 alpha-2, e.g. from the phone number's code
    reference: str = ""  # the platform's id of this message, for deleting and quoting


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message with the address it came from."""

    channel: str  # "telegram", "whatsapp", "webchat", "terminal"
    external_id: str  # unique within the channel: a second one is a duplicate
    sender: str  # the platform's address of the conversation: chat id, phone, web-chat token
    message: Message = field(repr=False)
