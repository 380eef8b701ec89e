"""Ready replies: vetted answers found with the bot's own matcher, contacts, and an operator's own snippets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from bot.console.gate import visitor
from bot.console.page import done, go
from bot.console.part import Number, Part
from bot.console.waitlist import DESK_ROLES
from bot.content.handbook import Handbook
from bot.dialogue.knowledge import N_
from bot.errors import RefusedError
from bot.hotline.announcement import language_of
from bot.hotline.desk import TEXT_LIMIT, Talk
from bot.hotline.records import Direction
from bot.hotline.team import Role, Snippet

_SHOWN = 5
_CONTACTS = 8
_SNIPPETS = 100
_QUERY = 300  # characters


@dataclass(frozen=True, slots=True)
class ReadyReply:
    """Something to put into the message: read in one language, sent in another."""

    id: str
    title: str
    read: str  # as safe HTML, in the operator's language
    send: str  # in the caller's language
    same: bool  # nothing to translate


class Replies(Part):
    """The search beside a talk, and the page of own replies."""

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/cases/{case}/replies", self.search, DESK_ROLES)
        add(router, "GET", "/snippets", self.page, (Role.OPERATOR,))
        add(router, "POST", "/snippets", self.save, (Role.OPERATOR,))
        add(router, "POST", "/snippets/{snippet}/remove", self.remove, (Role.OPERATOR,))
        return router

    async def search(self, request: Request, case: str, q: str = "") -> Response:
        """What fits the operator's words; without words, what the bot took the caller's last line for."""
        me = visitor(request).staff
        talk = await self.house.desk.open(case, me, audited=False)
        query = q.strip()[:_QUERY]
        intents = await self._matched(query) if query else _suspected(talk)
        snippets = await self.house.store.read(lambda ledger: ledger.office.snippets.of(me.id))
        values: dict[str, Any] = {
            "answers": self._answers(intents, talk, me.language),
            "contacts": self._contacts(query, talk, me.language),
            "own": self._own(snippets, query, talk, me.language),
            "query": query,
        }
        return self.pages.page(request, "_replies.html", **values)

    async def _matched(self, query: str) -> list[str]:
        edition = self.house.mind.edition
        match = await asyncio.to_thread(edition.matcher.match, query)
        folded = query.casefold()
        named = [
            i
            for i in edition.handbook.content.intents.values()
            if any(folded in t.casefold() for t in i.title.values())
        ]
        found = [intent.id for intent in named] + [candidate.intent for candidate in match.candidates]
        return list(dict.fromkeys(found))[:_SHOWN]

    def _answers(self, intents: list[str], talk: Talk, reader: str) -> list[ReadyReply]:
        book, session = self.house.mind.edition.handbook, talk.conversation.session
        caller = language_of(talk.conversation)
        shown = []
        for intent in intents:
            if intent not in book.intents():
                continue
            read = book.answer(intent, reader, session.stay, session.citizenship)
            send = book.answer(intent, caller, session.stay, session.citizenship)
            text = "\n\n".join(part for part in (send.text, send.small_print) if part)[:TEXT_LIMIT]
            shown.append(
                ReadyReply(
                    f"a-{intent}", book.title(intent, reader), self.house.show(read.text), text, reader == caller
                )
            )
        return shown

    def _contacts(self, query: str, talk: Talk, reader: str) -> list[ReadyReply]:
        book, stay = self.house.mind.edition.handbook, talk.conversation.session.stay or talk.case.stay
        caller = language_of(talk.conversation)
        found = []
        for contact in book.content.contacts.values():
            fits = (
                contact.country == stay or contact.dialled_from(stay)
                if stay
                else contact.kind in ("emergency", "hotline")
            )
            words = f"{contact.id} {contact.kind} {contact.country} {contact.city} {' '.join(contact.name.values())}".casefold()
            if (query and query.casefold() in words) or (not query and fits):
                read = book.contact(contact.id, reader, stay)
                send = book.contact(contact.id, caller, stay)
                country = book.country_title(contact.country, reader) if contact.country else contact.id
                found.append(
                    ReadyReply(f"c-{contact.id}", country, self.house.show(read), send, reader == caller)
                )
        return found[:_CONTACTS]

    def _own(self, snippets: list[Snippet], query: str, talk: Talk, reader: str) -> list[ReadyReply]:
        caller = language_of(talk.conversation)
        found = []
        for snippet in snippets:
            send = best_text(snippet, caller)
            if query and query.casefold() not in f"{snippet.title} {send}".casefold():
                continue
            read = best_text(snippet, reader)
            found.append(
                ReadyReply(f"s-{snippet.id}", snippet.title, self.house.show(read), send, caller in snippet.texts)
            )
        return found

    async def page(self, request: Request) -> Response:
        """One's own replies."""
        me = visitor(request).staff
        snippets = await self.house.store.read(lambda ledger: ledger.office.snippets.of(me.id))
        return self.pages.page(
            request, "snippets.html", snippets=snippets, spoken=spoken(self.house.mind.edition.handbook)
        )

    async def save(
        self,
        request: Request,
        title: Annotated[str, Form(min_length=1, max_length=64)],
        snippet: Annotated[int, Form()] = 0,
    ) -> Response:
        """Keep one: a text for each language, at least one."""
        form = await request.form()
        codes = spoken(self.house.mind.edition.handbook)
        texts = {code: str(form.get(f"text-{code}", "")).strip()[:TEXT_LIMIT] for code in codes}
        filled = {code: text for code, text in texts.items() if text}
        me = visitor(request).staff
        if not filled:
            raise RefusedError(N_("Write something first."))
        known = await self.house.store.read(lambda ledger: len(ledger.office.snippets.of(me.id)))
        if known >= _SNIPPETS and not snippet:
            raise RefusedError(N_("You have as many replies as fit. Delete one first."))
        await self.house.store.transact(
            lambda ledger: ledger.office.snippets.put(me.id, title.strip(), filled, snippet or None)
        )
        return go(request, "/console/snippets")

    async def remove(self, request: Request, snippet: Number) -> Response:
        """Delete one."""
        me = visitor(request).staff
        await self.house.store.transact(lambda ledger: ledger.office.snippets.remove(me.id, snippet))
        return go(request, "/console/snippets") if "hx-request" not in request.headers else done()


def spoken(handbook: Handbook) -> dict[str, str]:
    """Languages callers may write in, without further scripts: code -> own name."""
    return {code: name for code, name in handbook.languages().items() if "_" not in code}


def best_text(snippet: Snippet, language: str) -> str:
    """The text in that language, else in Russian, else any."""
    texts = snippet.texts
    return (
        texts.get(language)
        or texts.get(language.partition("_")[0])
        or texts.get("ru")
        or next(iter(texts.values()), "")
    )


def _suspected(talk: Talk) -> list[str]:
    """What the bot thought of the caller's latest lines, best first."""
    found: dict[str, None] = {talk.case.intent: None} if talk.case.intent else {}
    heard = [line for line in talk.lines if line.direction is Direction.IN and line.understood]
    for line in reversed(heard[-3:]):
        for name in (line.understood.get("danger_intent"), line.understood.get("intent")):
            if name:
                found[str(name)] = None
        for candidate in list(line.understood.get("candidates", ()))[:3]:
            found[str(candidate[0])] = None
    return list(found)[:_SHOWN]
