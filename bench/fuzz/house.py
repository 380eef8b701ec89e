"""Targets of `bench.fuzz` behind the public doors: the console for every role, callers' files, the Telegram desk's updates."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from fastapi.routing import APIRoute

from bot.channels.telegram_desk import said
from bot.console.media import sniffed
from bot.console.photo import without_metadata
from bot.hotline.ports import Store
from bot.hotline.team import Role

if TYPE_CHECKING:
    from bench.fuzz.hostile import Hostile
    from tests.builders.console import Browser, ConsoleHouse

_SECRET = b"GPS 43.2220N"
_FIELDS = (
    "text", "note", "name", "password", "again", "old", "code", "secret", "language", "duty", "minutes", "case", "to", "urgency", "outcome", "roles", "languages",
    "limit", "title", "intent", "question", "reason", "kind", "value", "fact", "texts", "client_id", "before", "weeks", "countries", "disabled", "line", "id",
)  # fmt: skip


class ConsoleTarget:
    """Any route, by anyone, with any form: no 500; nobody gets in, and nothing is changed without the session's word."""

    def __init__(self, house: ConsoleHouse, people: dict[Role | None, Browser], foreign: str) -> None:
        self.house = house
        self.people = people
        self.foreign = foreign  # a case that none of these people has
        found = [route for router in house.console.routers() for route in router.routes if isinstance(route, APIRoute)]
        self.doors = [(method, route.path) for route in found for method in route.methods if "stream" not in route.path and "logout" not in route.path]
        self.gated = set(house.console.gate.rules)

    @classmethod
    async def make(cls, store: Store) -> ConsoleTarget:
        """A house with one person of each role, nobody, and a case."""
        from tests.builders.console import ConsoleHouse

        house = ConsoleHouse(store)
        case = await house.ask("person")
        people: dict[Role | None, Browser] = {None: house.browser()}
        for role in Role:
            people[role] = await house.enter(role.value.title(), role, duty=False)
        return cls(house, people, case.id)

    async def __call__(self, hostile: Hostile) -> None:
        """One request."""
        source = hostile.random
        method, path = source.choice(self.doors)
        role = source.choice(list(self.people))
        person = self.people[role]
        place = "/".join(self._part(hostile, part) for part in path.split("/"))
        word = source.choice((person.csrf, person.csrf, "", "forged", hostile.text(60)))
        form = {name: hostile.text(source.choice((20, 300, 5000))) for name in source.sample(_FIELDS, source.randrange(6))}
        form["csrf"] = word
        query = "?" + urlencode({"before": hostile.text(20)}, errors="replace") if source.random() < 0.3 else ""
        if method == "GET":
            answer = await person.http.get(place + query)
        else:
            body = urlencode(form, errors="surrogatepass").encode()
            answer = await person.http.post(place + query, content=body, headers={"content-type": "application/x-www-form-urlencoded"})
        told = f"{method} {path} as {role}: {answer.status_code}"
        if answer.status_code >= 500:
            raise AssertionError(told)
        if (method, path) in self.gated:
            if role is None and answer.status_code not in (303, 404, 405):
                raise AssertionError(f"open to nobody: {told}")
            if role and method == "POST" and word != person.csrf and answer.status_code < 400 and answer.status_code != 303:
                raise AssertionError(f"changed without the word: {told}")
        if b"<script>alert" in answer.content or b"<img src=x" in answer.content:
            raise AssertionError(f"markup came through: {told}")

    def _part(self, hostile: Hostile, part: str) -> str:
        if not part.startswith("{"):
            return part
        made = hostile.random.choice((self.foreign, "0" * 32, "1", "-1", str(2**63), str(10**30), "%2e%2e", quote(hostile.text(40), errors="replace")))
        return made or "x"


class MediaTarget:
    """Broken and hostile files: nothing is raised, nothing grows, no metadata stays in a whole picture."""

    async def __call__(self, hostile: Hostile) -> None:
        """One file."""
        source = hostile.random
        data = bytearray(source.choice(_FILES))
        for _ in range(source.choice((0, 1, 3, 30))):
            data[source.randrange(len(data))] = source.randrange(256)
        if source.random() < 0.3:
            del data[source.randrange(len(data)) :]
        if source.random() < 0.2:
            data += source.randbytes(source.choice((1, 1000, 100_000)))
        kind = sniffed(bytes(data))
        if kind in ("image/jpeg", "image/png", "image/webp"):
            clean = without_metadata(bytes(data), kind)
            if len(clean) > len(data) + 64:
                raise AssertionError("a picture grew")


class DeskUpdateTarget:
    """What stands in the operators' group, in any shape: read or left alone, never raised."""

    async def __call__(self, hostile: Hostile) -> None:
        """One update."""
        person = {"id": 901, "is_bot": False, "first_name": "A"}
        message = {
            "message_id": 7, "date": 1764000000, "chat": {"id": -100777, "type": "supergroup"}, "from": person, "text": f"/{hostile.text(200)}",
            "message_thread_id": 5, "is_topic_message": True, "reply_to_message": {"message_id": 5, "text": hostile.text(50)},
        }  # fmt: skip
        made = hostile.mutated({"update_id": 5, hostile.random.choice(("message", "edited_message", "callback_query")): message})
        if isinstance(made, dict):
            said(made)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def _files() -> tuple[bytes, ...]:
    """Whole files to break: pictures with metadata, a bomb that unpacks to 100 MB, EXIF that points at itself."""
    loop = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff\x06\0\0\0" * 4
    jpeg = b"\xff\xd8" + _segment(0xE1, loop + _SECRET) + _segment(0xDB, b"\0" * 65) + _segment(0xC0, b"\x08\xff\xff\xff\xff\x01\x01\x11\0") + _segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\x12\xff\xd9"
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 0, 0, 0, 0))
    bomb = zlib.compress(b"\0" * 100_000_000, 9)
    png = b"\x89PNG\r\n\x1a\n" + head + _chunk(b"tEXt", _SECRET) + _chunk(b"IDAT", bomb) + _chunk(b"IEND", b"")
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x0c" + b"\0" * 9 + b"EXIF" + struct.pack("<I", 2**31) + _SECRET
    webp = b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks
    return jpeg, png, webp, b"OggS\0\x02" + b"\0" * 200, b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(x)>>>>endobj\n", b"GIF89a" + b"\xff" * 60


_FILES: tuple[bytes, ...] = _files()


def targets_of(console: ConsoleTarget) -> dict[str, Any]:
    """These targets by name."""
    return {"console": console, "media": MediaTarget(), "desk updates": DeskUpdateTarget()}
