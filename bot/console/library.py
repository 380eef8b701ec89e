"""The editors' pages: what the bot knows, and trying it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from bot.console.gate import visitor
from bot.console.page import done
from bot.console.part import Part
from bot.errors import NotFoundError
from bot.hotline.team import Role
from bot.reports.explanation import as_data

READERS = (Role.EDITOR, Role.SUPERVISOR)
_TEXT = 1000  # characters of a question to try
_PROBLEMS = 50  # of the files, shown
_COUNTRIES = ("", "RU", "KZ", "KG", "TJ", "UZ", "TR", "KR", "AE", "PL", "other")


@dataclass(frozen=True, slots=True)
class Preview:
    """An answer the way one channel shows it."""

    channel: str
    html: str
    length: int


class Library(Part):
    """The routes for editors."""

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/content", self.contents, READERS)
        add(router, "GET", "/content-problems", self.refused, READERS, passive=True)
        add(router, "GET", "/content/{intent}", self.intent, READERS)
        add(router, "GET", "/try", self.try_page, READERS)
        add(router, "POST", "/try", self.try_it, READERS)
        return router

    async def contents(self, request: Request) -> Response:
        """Every intent by topic, with its review."""
        book, language = self.house.mind.edition.handbook, visitor(request).staff.language
        by_topic: dict[str, list[Any]] = {}
        for intent in sorted(book.content.intents.values(), key=lambda i: (i.topic, i.id)):
            by_topic.setdefault(intent.topic, []).append(intent)
        topics = [(book.topic_title(topic, language), intents) for topic, intents in by_topic.items()]
        values: dict[str, Any] = {
            "topics": topics,
            "book": book,
            "today": book.today(),
            "problems": [problem for problem in book.content.problems if problem.severity != "error"][:_PROBLEMS],
            **self._refused(),
        }
        return self.pages.page(request, "contents.html", **values)

    async def refused(self, request: Request, seen: str = "") -> Response:
        """What is wrong with files that were changed and are not served; nothing when that is `seen`."""
        values = self._refused()
        return done() if values["seen"] == seen else self.pages.page(request, "_refused.html", **values)

    def _refused(self) -> dict[str, Any]:
        refused = self.house.refused()[:_PROBLEMS]
        return {"refused": refused, "seen": hashlib.sha256(repr(refused).encode()).hexdigest()[:12]}

    async def intent(self, request: Request, intent: str, shown: str = "", stay: str = "") -> Response:
        """One intent: examples, and the answer per language, country and channel."""
        book = self.house.mind.edition.handbook
        if intent not in book.intents():
            raise NotFoundError
        languages = book.languages()
        language = shown if shown in languages else next(iter(languages))
        stay = stay if stay in _COUNTRIES else ""
        answer = book.answer(intent, language, stay, "")
        text = "\n\n".join(part for part in (answer.text, answer.small_print) if part)
        previews = [Preview(name, show(text), len(text)) for name, show in self.house.previews.items()]
        values: dict[str, Any] = {
            "item": book.content.intents[intent],
            "book": book,
            "shown": language,
            "stay": stay,
            "countries": _COUNTRIES,
            "callers": languages,
            "previews": previews,
            "today": book.today(),
        }
        return self.pages.page(request, "intent.html", **values)

    async def try_page(self, request: Request) -> Response:
        """A question to try."""
        return self.pages.page(request, "try.html", text="", data=None, book=self.house.mind.edition.handbook)

    async def try_it(self, request: Request, text: Annotated[str, Form(max_length=_TEXT)]) -> Response:
        """How it is understood, and why. Nothing is kept."""
        edition = self.house.mind.edition

        def explain() -> Any:
            return as_data(edition.matcher.explain(edition.matcher.match(text)))

        data = await asyncio.to_thread(explain)
        return self.pages.page(request, "try.html", text=text, data=data, book=edition.handbook)
