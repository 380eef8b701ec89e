"""Messages and danger signals as JSON and back, for the inbox, the spool and the transcript."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.dialogue.message import Envelope, Kind, Media, Message
from bot.dialogue.reply import Attachment, Button, Reply
from bot.matching.match import DangerSignal

_PLAIN = ("text", "choice", "command", "language_hint", "country_hint", "reference")


def message_to_json(message: Message) -> dict[str, Any]:
    """Only what differs from an empty message."""
    data: dict[str, Any] = {"kind": message.kind.value, "sent_at": message.sent_at.timestamp()}
    for name in _PLAIN:
        if value := getattr(message, name):
            data[name] = value
    if message.media:
        data["media"] = dataclasses.asdict(message.media)
    if message.place:
        data["place"] = list(message.place)
    return data


def message_from_json(data: Mapping[str, Any]) -> Message:
    """The reverse; fields and kinds of another version are taken as OTHER or ignored."""
    kind = Kind(data["kind"]) if data.get("kind") in set(Kind) else Kind.OTHER
    known = {f.name for f in dataclasses.fields(Media)}
    media = data.get("media")
    place = data.get("place")
    return Message(
        kind=kind,
        sent_at=datetime.fromtimestamp(float(data["sent_at"]), UTC),
        media=Media(**{k: v for k, v in media.items() if k in known}) if media else None,
        place=(float(place[0]), float(place[1])) if place else None,
        **{name: str(data[name]) for name in _PLAIN if name in data},
    )


def envelope_to_bytes(envelope: Envelope, received: datetime) -> bytes:
    """For the spool; to be sealed before it touches a disk."""
    message = message_to_json(envelope.message)
    parts = [envelope.channel, envelope.external_id, envelope.sender, message, received.timestamp()]
    return json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")


def envelope_from_bytes(data: bytes) -> tuple[Envelope, datetime]:
    """The reverse: the envelope, and when it was taken in."""
    channel, external_id, sender, message, received = json.loads(data.decode("utf-8", "surrogatepass"))
    envelope = Envelope(channel, external_id, sender, message_from_json(message))
    return envelope, datetime.fromtimestamp(received, UTC)


def signal_to_json(signal: DangerSignal) -> dict[str, Any]:
    """A danger signal as a case keeps it."""
    return dataclasses.asdict(signal)


def reply_to_json(reply: Reply) -> dict[str, Any]:
    """What a transcript line keeps of a reply besides its text."""
    data: dict[str, Any] = {}
    if reply.buttons:
        data["buttons"] = [dataclasses.asdict(button) for button in reply.buttons]
        data["columns"] = reply.columns
    if reply.final:
        data["final"] = True
    if reply.attachment:
        data["file"] = dataclasses.asdict(reply.attachment)
    return data


def reply_from_json(text: str, data: Mapping[str, Any]) -> Reply:
    """The reply a transcript line was made from, for channels that show history."""
    buttons = tuple(Button(**button) for button in data.get("buttons", ()))
    file = Attachment(**data["file"]) if data.get("file") else None
    return Reply(text, buttons, int(data.get("columns", 1)), bool(data.get("final", False)), file)
