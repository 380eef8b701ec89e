"""The page of news: written by one, confirmed by another, with figures of how far it is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from bot.console.gate import visitor
from bot.console.page import go
from bot.console.part import Part
from bot.console.view import Words
from bot.dialogue.knowledge import N_
from bot.dialogue.question import STAY_COUNTRIES
from bot.hotline.broadcast import SENDERS, TEXT_LIMIT
from bot.hotline.newsletter import BroadcastState

STATES = {
    BroadcastState.DRAFT: N_("Waits for a second person"),
    BroadcastState.RUNNING: N_("Being sent"),
    BroadcastState.PAUSED: N_("Paused"),
    BroadcastState.DONE: N_("Sent"),
    BroadcastState.CANCELLED: N_("Stopped"),
}
REASONS = {
    "left": N_("want no more news"), "exited": N_("left quickly"), "unsafe": N_("not safe to write"), "case": N_("wait for or talk with a person"),
    "unreachable": N_("cannot be reached"), "language": N_("no text in their language"), "window": N_("WhatsApp's 24 hours are over, no template"),
}  # fmt: skip


class BroadcastPages(Part):
    """The routes under /console/broadcasts."""

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/broadcasts", self.page, SENDERS)
        add(router, "POST", "/broadcasts", self.draft, SENDERS)
        add(router, "POST", "/broadcasts/{broadcast}/send", self.send, SENDERS)
        add(router, "POST", "/broadcasts/{broadcast}/pause", self.pause, SENDERS)
        add(router, "POST", "/broadcasts/{broadcast}/cancel", self.cancel, SENDERS)
        return router

    async def page(self, request: Request) -> Response:
        """Every broadcast with its figures, and a form for a new one."""
        shown = await self.house.newsroom.look()
        staff = await self.house.store.read(lambda ledger: ledger.office.staff.all())
        book, language = self.house.mind.edition.handbook, self.pages.language(request)
        values: dict[str, Any] = {
            "words": Words(self.house, language, staff),
            "shown": shown,
            "states": STATES,
            "reasons": REASONS,
            "spoken": {code: name for code, name in book.languages().items() if code != "uz_Cyrl"},
            "countries": {code: book.country_title(code, language) for code in STAY_COUNTRIES if code != "other"},
            "limit": TEXT_LIMIT,
        }
        return self.pages.page(request, "broadcasts.html", **values)

    async def draft(self, request: Request, title: Annotated[str, Form(max_length=64)] = "") -> Response:
        """A new one, to be confirmed by someone else."""
        form = await request.form()
        texts = {name.removeprefix("text-"): str(form[name]) for name in form if name.startswith("text-")}
        countries = [str(code) for code in form.getlist("countries")]
        await self.house.newsroom.draft(visitor(request).staff, title, texts, countries)
        return go(request, "/console/broadcasts")

    async def send(self, request: Request, broadcast: str) -> Response:
        """Confirm, or go on."""
        await self.house.newsroom.confirm(broadcast, visitor(request).staff)
        return go(request, "/console/broadcasts")

    async def pause(self, request: Request, broadcast: str) -> Response:
        """Stop for now."""
        await self.house.newsroom.pause(broadcast, visitor(request).staff)
        return go(request, "/console/broadcasts")

    async def cancel(self, request: Request, broadcast: str) -> Response:
        """Stop for good."""
        await self.house.newsroom.cancel(broadcast, visitor(request).staff)
        return go(request, "/console/broadcasts")
