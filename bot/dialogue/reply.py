"""What goes out to a caller, before a channel gives it its own form."""

from __future__ import annotations

from dataclasses import dataclass

# The narrowest limits over all channels (Telegram Bot API, WhatsApp Cloud API; see docs/architecture.md).
BUTTON_TITLE_LIMIT = 24  # characters: a WhatsApp list row
BUTTON_ID_LIMIT = 64  # bytes: Telegram's callback_data
TEXT_LIMIT = 4096  # characters: Telegram and WhatsApp text
BUTTONS_LIMIT = 10  # a WhatsApp list holds 10 rows in all


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press. `id` comes back as `Message.choice`; with `url` it opens a page or a call instead."""

    id: str
    title: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; its bytes are kept elsewhere under `id`."""

    id: str
    kind: str  # "photo", "voice" or "document"
    mime: str
    name: str  # as the caller's device shows it
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """One message to the caller.

    `text` is markdown-light: **bold**, lists, links; blank lines part paragraphs.
    """

    text: str
    buttons: tuple[Button, ...] = ()
    columns: int = 1  # how many buttons stand side by side where a channel can
    final: bool = False  # neutral last message: nothing may follow it, earlier ones are deleted if possible
    attachment: Attachment | None = None
