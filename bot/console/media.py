"""A caller's file, passed through from the platform: never stored, never trusted."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from bot.console.gate import visitor
from bot.console.page import HEADERS
from bot.console.part import Number, Part
from bot.console.photo import without_metadata
from bot.console.scanner import InfectedError
from bot.console.waitlist import DESK_ROLES
from bot.dialogue.knowledge import N_
from bot.errors import DeliveryError, NotFoundError, RefusedError
from bot.hotline.ledger import Ledger
from bot.hotline.records import Direction, Line

PDF = "application/pdf"
_LIMIT = 20_000_000  # bytes; Telegram gives bots no larger files
_PHOTO_LIMIT = 10_000_000  # bytes read into memory to take the metadata out
# What may be shown in the browser, told by its first bytes and not by what anyone says of it.
_SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"WEBP", 8, "image/webp"),
    (b"OggS", 0, "audio/ogg"),
    (b"ID3", 0, "audio/mpeg"),
    (b"\xff\xfb", 0, "audio/mpeg"),
    (b"ftypM4A", 4, "audio/mp4"),
    (b"ftyp", 4, "video/mp4"),
    (b"#!AMR", 0, "audio/amr"),
    (b"%PDF-", 0, PDF),
)
_PLAYED = ("audio/", "video/")
_RANGE = re.compile(r"bytes=(?P<first>\d{0,12})-(?P<last>\d{0,12})")
_STRANGE = "application/octet-stream"
_ENDINGS = {
    "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "audio/ogg": "ogg", "audio/mpeg": "mp3",
    "audio/mp4": "m4a", "video/mp4": "mp4", "audio/amr": "amr", PDF: "pdf",
}  # fmt: skip


FILE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class MediaFiles(Part):
    """GET /console/cases/<id>/media/<line>."""

    def router(self) -> APIRouter:
        """The route."""
        router = self.gate.router()
        self.gate.add(router, "GET", "/cases/{case}/media/{line}", self.show, DESK_ROLES)
        return router

    async def show(self, request: Request, case: str, line: Number) -> StreamingResponse:
        """Stream the file; who opened it is written down."""
        found = await self._line(request, case, line)
        reference = str(found.detail["media"].get("reference", ""))
        channel = self.house.channels.get(await self._channel(found))
        if channel is None:
            raise NotFoundError(N_("This channel is off just now."))
        pieces = channel.media(reference)
        try:
            first = await anext(pieces, b"")
        except DeliveryError:
            raise NotFoundError(N_("The platform does not give this file any more.")) from None
        if not first:
            raise NotFoundError(N_("The platform does not give this file any more."))
        kind = sniffed(first)
        content: AsyncIterator[bytes] = _capped(first, pieces)
        if self.house.scanner.on:
            data = await _whole(content, _LIMIT)
            await self._scan(request, case, line, data)
            content = _one(data)
        asked, more, status = request.headers.get("range", ""), {}, 200
        if kind.startswith(_PLAYED):
            more["Accept-Ranges"] = "bytes"
            if asked:  # some players take nothing but parts, and none can jump without them
                data = await _whole(content, _LIMIT)
                if found_part := part(asked, len(data)):
                    status, (begin, end) = 206, found_part
                    more["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
                    data = data[begin:end]
                content = _one(data)
        if kind in ("image/jpeg", "image/png", "image/webp"):
            content = _one(without_metadata(await _whole(content), kind))
        shown = "attachment" if kind in (_STRANGE, PDF) else "inline"
        name = f"{case[:8]}-{line}.{_ENDINGS.get(kind, 'bin')}"  # ours: the caller's own name for it is not used
        headers = {
            **HEADERS,
            "Content-Disposition": f'{shown}; filename="{name}"',
            **FILE_HEADERS,
            **more,
        }
        return StreamingResponse(content, status, media_type=kind, headers=headers)

    async def _line(self, request: Request, case: str, line: int) -> Line:
        me, now = visitor(request).staff, self.house.now()

        def work(ledger: Ledger) -> Line:
            known = self.house.desk.visible(ledger, case, me)
            found = ledger.lines.get(known.conversation, line) if known else None
            if found is None or found.direction is not Direction.IN or not found.detail.get("media"):
                raise NotFoundError
            if request.headers.get("range", "bytes=0-").startswith("bytes=0-"):  # further parts are the same opening
                ledger.office.audit.append(now, me.id, "file opened", case[:8], str(line))
            return found

        return await self.house.store.transact(work)

    async def _scan(self, request: Request, case: str, line: int, data: bytes) -> None:
        me, now = visitor(request).staff, self.house.now()
        try:
            await self.house.scanner.look(data)
        except InfectedError:
            await self.house.store.transact(lambda ledger: ledger.office.audit.append(now, me.id, "file refused", case[:8], str(line)))
            raise

    async def _channel(self, line: Line) -> str:
        conversation = await self.house.store.read(lambda ledger: ledger.conversations.get(line.conversation))
        return conversation.channel if conversation else ""


def sniffed(first: bytes) -> str:
    """The type by the first bytes; anything else is only downloaded."""
    for signature, place, kind in _SIGNATURES:
        if first[place : place + len(signature)] == signature:
            return kind
    return _STRANGE


async def _capped(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    total = len(first)
    yield first
    async for piece in rest:
        total += len(piece)
        if total > _LIMIT:
            return
        yield piece


def part(asked: str, size: int) -> tuple[int, int] | None:
    """From which byte to before which a `Range` header asks; None for what is no part of it: then all is given."""
    found = _RANGE.fullmatch(asked)
    if found is None or found["first"] == found["last"] == "":
        return None
    if not found["first"]:
        return (max(0, size - int(found["last"])), size) if int(found["last"]) else None
    begin = int(found["first"])
    end = min(size, int(found["last"]) + 1) if found["last"] else size
    return (begin, end) if begin < end else None


async def _whole(pieces: AsyncIterator[bytes], limit: int = _PHOTO_LIMIT) -> bytes:
    data = bytearray()
    async for piece in pieces:
        data += piece
        if len(data) > limit:
            raise RefusedError(N_("This photo is too large to show."))
    return bytes(data)


async def _one(data: bytes) -> AsyncIterator[bytes]:
    yield data
