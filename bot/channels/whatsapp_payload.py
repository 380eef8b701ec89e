"""WhatsApp's JSON: a webhook becomes envelopes and statuses, a `Reply` the bodies of POST /messages. Pure.

Limits after Meta's pages (Cloud API, May 2026): text 4,096; a message with buttons or a list 1,024;
3 reply buttons with titles of 20 and ids of 256; lists of 10 rows in all with titles of 24 and ids of 200.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import phonenumbers

from bot.channels.markup import split, to_whatsapp
from bot.dialogue.message import Envelope, Kind, Media, Message
from bot.dialogue.reply import Button, Reply
from bot.hotline.records import Status, StatusUpdate

NAME = "whatsapp"
TEXT_LIMIT = 4096
BODY_LIMIT = 1024  # of a message with buttons or a list
BUTTONS, BUTTON_TITLE = 3, 20
ROWS, ROW_TITLE = 10, 24
_LIST_LABEL = "☰"  # opens the list; a sign instead of a word, since a reply does not know its language

_STATUSES = {"sent": Status.SENT, "delivered": Status.DELIVERED, "read": Status.READ, "failed": Status.FAILED}
_MEDIA = {"image": Kind.PHOTO, "audio": Kind.VOICE, "voice": Kind.VOICE, "video": Kind.VIDEO, "document": Kind.DOCUMENT, "sticker": Kind.STICKER}

Json = Mapping[str, Any]
_COMMAND = re.compile(r"/(?P<name>[A-Za-z]{2,16})(?:\s+(?P<rest>.{0,64}))?")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one webhook brought."""

    envelopes: tuple[Envelope, ...]
    statuses: tuple[StatusUpdate, ...]


def read_webhook(body: object) -> Delivery:
    """Everything of one webhook body; parts of an unknown form are passed over, never an error."""
    envelopes: list[Envelope] = []
    statuses: list[StatusUpdate] = []
    for value in _values(body):
        for message in _dicts(value.get("messages")):
            if envelope := _envelope(message):
                envelopes.append(envelope)
        for status in _dicts(value.get("statuses")):
            kind = _STATUSES.get(str(status.get("status")))
            if kind is not None and isinstance(status.get("id"), str):
                statuses.append(StatusUpdate(NAME, status["id"], kind))
    return Delivery(tuple(envelopes), tuple(statuses))


def _values(body: object) -> Iterator[Json]:
    entries = _dicts(body.get("entry")) if isinstance(body, dict) else []
    for entry in entries:
        for change in _dicts(entry.get("changes")):
            if change.get("field") == "messages" and isinstance(change.get("value"), dict):
                yield change["value"]


def _dicts(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _envelope(message: Json) -> Envelope | None:
    sender, identity = message.get("from"), message.get("id")
    if not isinstance(sender, str) or not isinstance(identity, str) or not sender or not identity:
        return None
    return Envelope(NAME, identity, sender, _message(message, sender, identity))


def _message(message: Json, sender: str, identity: str) -> Message:
    kind = str(message.get("type", ""))
    part = message.get(kind)
    body: Json = part if isinstance(part, dict) else {}
    text, choice, command, media, place = "", "", "", None, None
    if kind == "text":
        found, text = Kind.TEXT, _text(body, "body")
        if typed := _COMMAND.fullmatch(text.strip()):  # WhatsApp has no commands; people who know them type them
            found, command, text = Kind.COMMAND, typed["name"].lower(), typed["rest"] or ""
    elif kind in ("interactive", "button"):
        found = Kind.CHOICE
        reply = body.get(str(body.get("type"))) if kind == "interactive" else body
        reply = reply if isinstance(reply, dict) else {}
        choice, text = _text(reply, "id") or _text(reply, "payload"), _text(reply, "title") or _text(reply, "text")
        if not choice or (kind == "button" and choice == text):  # a template's button without an id of ours says its words
            found, choice = (Kind.TEXT if text else Kind.OTHER), ""
    elif kind in _MEDIA:
        found, text = _MEDIA[kind], _text(body, "caption")
        media = Media(_text(body, "id"), _text(body, "mime_type"), name=_text(body, "filename")[:200])
    elif kind == "location":
        found, place = Kind.LOCATION, _place(body)
    elif kind == "contacts":
        found = Kind.CONTACT
    elif kind == "reaction":
        found = Kind.REACTION
    else:
        found = Kind.OTHER
    return Message(
        found, _when(message.get("timestamp")), text=text, choice=choice, command=command, media=media, place=place,
        country_hint=country_of(sender), reference=identity,
    )  # fmt: skip


def _text(body: Json, key: str) -> str:
    value = body.get(key)
    return value.replace("\x00", "") if isinstance(value, str) else ""


def _place(body: Json) -> tuple[float, float] | None:
    latitude, longitude = body.get("latitude"), body.get("longitude")
    if isinstance(latitude, (int, float)) and isinstance(longitude, (int, float)) and -90 <= latitude <= 90 and -180 <= longitude <= 180:
        return float(latitude), float(longitude)
    return None


def _when(value: object) -> datetime:
    try:
        return datetime.fromtimestamp(int(str(value)), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def country_of(sender: str) -> str:
    """The country of a phone number's code, ISO alpha-2, as a proposal only; "" when it tells none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{sender}")) or ""
    except phonenumbers.NumberParseException:
        return ""


def payloads(reply: Reply) -> tuple[Json, ...]:
    """The bodies for one reply, without the address: long text first, buttons on the last piece.

    What does not fit buttons becomes a list; what does not fit a list, or is called alike, becomes numbers to type.
    """
    if reply.attachment:
        return ({"file": asdict(reply.attachment)}, *(payloads(replace(reply, attachment=None)) if reply.text else ()))
    text = to_whatsapp(reply.text)
    buttons = [button for button in reply.buttons if not button.url]
    alike = len({button.title for button in buttons}) < len(buttons)  # buttons of one title would be refused
    if alike or len(buttons) > ROWS or any(len(button.title) > ROW_TITLE for button in buttons):
        numbered = "\n".join(f"{place}. {button.title}" for place, button in enumerate(buttons, start=1))
        return tuple(_plain(piece) for piece in split(f"{text}\n\n{numbered}", TEXT_LIMIT))
    if not buttons:
        return tuple(_plain(piece) for piece in split(text, TEXT_LIMIT))
    head, tail = _with_tail(text)
    return (*(_plain(piece) for piece in split(head, TEXT_LIMIT)), _interactive(tail, buttons))


def template(name: str, code: str) -> Json:
    """The body of an approved template without variables."""
    return {"type": "template", "template": {"name": name, "language": {"code": code}}}


def _with_tail(text: str) -> tuple[str, str]:
    """All but the last, and the last piece that a message with buttons can hold."""
    if len(text) <= BODY_LIMIT:
        return "", text
    pieces = split(text, BODY_LIMIT)
    tail = pieces[-1]
    return text[: len(text.rstrip()) - len(tail)].rstrip(), tail


def _plain(text: str) -> Json:
    return {"type": "text", "text": {"body": text, "preview_url": False}}


def _interactive(text: str, buttons: list[Button]) -> Json:
    if len(buttons) <= BUTTONS and all(len(button.title) <= BUTTON_TITLE for button in buttons):
        action: Json = {"buttons": [{"type": "reply", "reply": {"id": b.id, "title": b.title}} for b in buttons]}
        return {"type": "interactive", "interactive": {"type": "button", "body": {"text": text}, "action": action}}
    rows = [{"id": button.id, "title": button.title} for button in buttons]
    action = {"button": _LIST_LABEL, "sections": [{"rows": rows}]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": text}, "action": action}}
