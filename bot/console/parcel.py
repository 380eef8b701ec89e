"""Files that operators send: taken in, freed of metadata, and shown again in the talk."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from bot.console.gate import Gate, visitor
from bot.console.media import FILE_HEADERS, sniffed
from bot.console.page import HEADERS, done
from bot.console.part import Number, Part
from bot.console.photo import without_metadata
from bot.console.waitlist import DESK_ROLES
from bot.errors import NotFoundError
from bot.hotline.ledger import Ledger
from bot.hotline.parcel import SENDABLE, ParcelPost, sent_file

_PHOTOS = ("image/jpeg", "image/png")
ClientId = Annotated[str, Query(min_length=8, max_length=40, pattern=r"^[A-Za-z0-9-]+$")]


async def prepared(data: bytes) -> tuple[bytes, str]:
    """A file as it may go on to a caller: without metadata; and its type, by its first bytes."""
    mime = sniffed(data[:16])
    if mime in _PHOTOS:
        data = await asyncio.to_thread(without_metadata, data, mime)
    return data, mime


class Parcels(Part):
    """POST /console/cases/<id>/file and GET /console/cases/<id>/sent/<line>."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        self.post = ParcelPost(gate.house.store, gate.house.clock, gate.house.desk)

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        self.gate.add(router, "POST", "/cases/{case}/file", self.send, DESK_ROLES)
        self.gate.add(router, "GET", "/cases/{case}/sent/{line}", self.show, DESK_ROLES)
        return router

    async def send(self, request: Request, case: str, client_id: ClientId, confirmed: str = "") -> Response:
        """Send the request's body. It is no form, since a form's files are spooled to the disk in the clear."""
        data, mime = await prepared(await request.body())
        await self.post.send(case, visitor(request).staff, data, mime, client_id, confirmed=bool(confirmed))
        return done("lines")

    async def show(self, request: Request, case: str, line: Number) -> Response:
        """What was sent."""
        me, now = visitor(request).staff, self.house.now()

        def work(ledger: Ledger) -> tuple[str, bytes]:
            known = self.house.desk.visible(ledger, case, me)
            if known is None:
                raise NotFoundError
            ledger.office.audit.append(now, me.id, "file opened", case[:8], str(line))
            return sent_file(ledger, known.conversation, line)

        mime, data = await self.house.store.transact(work)
        shown = "inline" if mime in _PHOTOS else "attachment"
        headers = {**HEADERS, **FILE_HEADERS, "Content-Disposition": f'{shown}; filename="{SENDABLE[mime][1]}"'}
        return Response(data, media_type=mime, headers=headers)
