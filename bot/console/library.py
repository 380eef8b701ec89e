"""The editors' pages: what the bot knows, trying it, and the questions that got no answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from bot.console.gate import Gate, visitor
from bot.console.replies import spoken
from bot.console.view import own_words
from bot.dialogue.knowledge import N_
from bot.errors import NotFoundError
from bot.hotline.team import Role
from bot.reports.explanation import as_data

_READERS = (Role.EDITOR, Role.SUPERVISOR)
_TEXT = 1000  # characters of a question to try
_MISSED_PAGE = 50
_COUNTRIES = ("", "RU", "KZ", "KG", "TJ", "UZ", "TR", "KR", "AE", "PL", "other")
MISSES = {
    "fallback": N_("Not understood"),
    "none_of_these": N_("None of the offered"),
    "did_not_help": N_("The answer did not help"),
}


@dataclass(frozen=True, slots=True)
class Preview:
    """An answer the way one channel shows it."""

    channel: str
    html: str
    length: int


class Library:
    """The routes for editors."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.pages = gate.pages
        self.house = gate.house

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/content", self.contents, _READERS)
        add(router, "GET", "/content/{intent}", self.intent, _READERS)
        add(router, "GET", "/try", self.try_page, _READERS)
        add(router, "POST", "/try", self.try_it, _READERS)
        add(router, "GET", "/missed", self.missed, _READERS)
        add(router, "POST", "/missed/line", self.yaml_line, _READERS)
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
            "problems": book.content.problems[:50],
        }
        return self.pages.page(request, "contents.html", **values)

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
        return self.pages.page(
            request, "try.html", text="", data=None, own_words=own_words, book=self.house.mind.edition.handbook
        )

    async def try_it(self, request: Request, text: Annotated[str, Form(max_length=_TEXT)]) -> Response:
        """How it is understood, and why. Nothing is kept."""
        edition = self.house.mind.edition

        def explain() -> Any:
            return as_data(edition.matcher.explain(edition.matcher.match(text)))

        data = await asyncio.to_thread(explain)
        return self.pages.page(request, "try.html", text=text, data=data, own_words=own_words, book=edition.handbook)

    async def missed(self, request: Request, before: int = 0) -> Response:
        """Questions without an answer, numbers and names taken out."""
        return self.pages.page(request, "missed.html", **await self._missed(before), line="", line_file="", chosen=0)

    async def _missed(self, before: int) -> dict[str, Any]:
        found = await self.house.store.read(lambda ledger: ledger.findings.missed(_MISSED_PAGE, before or None))
        more = found[-1].id if len(found) == _MISSED_PAGE else 0
        book = self.house.mind.edition.handbook
        return {
            "questions": found,
            "more": more,
            "before": before,
            "book": book,
            "misses": MISSES,
            "intents": sorted(book.intents()),
        }

    async def yaml_line(
        self,
        request: Request,
        question: Annotated[int, Form(ge=1)],
        intent: Annotated[str, Form(max_length=64)],
        text: Annotated[str, Form(max_length=_TEXT)],
        before: Annotated[int, Form(ge=0)] = 0,
    ) -> Response:
        """The line to add to the intent's file."""
        book = self.house.mind.edition.handbook
        if intent not in book.intents():
            raise NotFoundError
        values = await self._missed(before)
        asked = next((missed for missed in values["questions"] if missed.id == question), None)
        language = (asked.language if asked else "ru").partition("_")[0]
        code = language if language in spoken(book) else "ru"
        line = f"examples:\n  {code}:\n    - {as_example(text)}"
        return self.pages.page(
            request, "missed.html", **values, line=line, line_file=book.content.intents[intent].file, chosen=question
        )


def as_example(text: str) -> str:
    """A caller's words as a YAML string that means itself: no template marks, quoted when YAML needs it."""
    plain = " ".join(text.split())
    for mark in "<>[]()|{}":
        plain = plain.replace(mark, " ")
    plain = " ".join(plain.split())[:200]
    risky = plain[:1] in "-?:,#&*!%@`'\"" or ": " in plain or " #" in plain or plain.endswith(":") or not plain
    named = (
        plain.casefold() in {"yes", "no", "on", "off", "true", "false", "null", "~"} or plain.replace(".", "").isdigit()
    )
    return "'" + plain.replace("'", "''") + "'" if risky or named else plain
