"""The editors' list: questions that got no answer or a wrong one, and what each should be."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData

from bot.console.gate import visitor
from bot.console.library import READERS
from bot.console.page import go
from bot.console.part import Number, Part
from bot.console.replies import spoken
from bot.dialogue.knowledge import N_
from bot.errors import NotFoundError, RefusedError
from bot.hotline.ledger import Ledger
from bot.hotline.records import MissedQuestion

_PAGE = 25
REASONS = {
    "fallback": N_("Not understood"),
    "none_of_these": N_("None of the offered"),
    "did_not_help": N_("The answer did not help"),
    "gap": N_("Reported by an operator"),
}
_REDACTED = re.compile(r"\[(?:mail|link|name|number)\]")


class MissedQuestions(Part):
    """The pages under /console/missed."""

    def router(self) -> APIRouter:
        """The routes."""
        router = self.gate.router()
        add = self.gate.add
        add(router, "GET", "/missed", self.page, READERS)
        add(router, "POST", "/missed/line", self.lines, READERS)
        add(router, "POST", "/missed/done", self.mark, READERS)
        return router

    async def page(self, request: Request, before: Number = 0, reason: str = "", done: Number = 0) -> Response:
        """Questions without an answer, numbers and names taken out."""
        return await self._page(request, before, reason if reason in REASONS else "", bool(done))

    async def _page(self, request: Request, before: int, reason: str, done: bool, **made: Any) -> Response:
        def work(ledger: Ledger) -> tuple[list[MissedQuestion], dict[str, int]]:
            return ledger.findings.missed(_PAGE, before or None, reason, done), ledger.findings.left()

        found, left = await self.house.store.read(work)
        book = self.house.mind.edition.handbook
        values: dict[str, Any] = {"line": "", "line_file": "", "line_at": 0} | made
        return self.pages.page(
            request,
            "missed.html",
            questions=found,
            more=found[-1].id if len(found) == _PAGE else 0,
            before=before,
            reason=reason,
            done=done,
            left=left,
            book=book,
            reasons=REASONS,
            intents=sorted(book.intents()),
            **values,
        )

    async def lines(self, request: Request) -> Response:
        """The lines to add to an intent's file: for one question, or for all that are ticked."""
        form = await request.form()
        one, ids = _number(form, "one"), _ticked(form)
        intent = str(form.get(f"intent-{one}" if one else "intent", ""))
        book = self.house.mind.edition.handbook
        if intent not in book.intents():
            raise RefusedError(N_("Choose first which these should be."))
        ids = [one] if one else ids

        def work(ledger: Ledger) -> list[MissedQuestion]:
            ledger.findings.choose(ids, intent)
            return ledger.findings.chosen(ids)

        asked = await self.house.store.transact(work)
        if not asked:
            raise NotFoundError(N_("Tick at least one question."))
        made = {
            "line": as_examples(asked, set(spoken(book))),
            "line_file": book.content.intents[intent].file,
            "line_at": one,
        }
        return await self._page(
            request, _number(form, "before"), str(form.get("reason", "")), bool(form.get("done")), **made
        )

    async def mark(self, request: Request) -> Response:
        """One question or all that are ticked are done, or open again."""
        form = await request.form()
        one, done = _number(form, "one"), bool(form.get("done"))
        ids, now, me = [one] if one else _ticked(form), self.house.now(), visitor(request).staff

        def work(ledger: Ledger) -> int:
            count = ledger.findings.mark(ids, None if done else now)
            ledger.office.audit.append(
                now, me.id, "questions opened again" if done else "questions done", "", str(count)
            )
            return count

        if not ids or not await self.house.store.transact(work):
            raise NotFoundError(N_("Tick at least one question."))
        query = f"reason={form.get('reason', '')}&done={int(done)}"
        return go(
            request, f"/console/missed?{query}" if str(form.get("reason", "")) in {"", *REASONS} else "/console/missed"
        )


def _number(form: FormData, name: str) -> int:
    return _as_number(form.get(name, ""))


def _ticked(form: FormData) -> list[int]:
    return [number for value in form.getlist("chosen")[:_PAGE] if (number := _as_number(value))]


def _as_number(value: object) -> int:
    """An id of the form, 0 for what is none."""
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def as_examples(asked: Sequence[MissedQuestion], languages: set[str]) -> str:
    """YAML that adds the questions' words to an intent, by language, each once."""
    texts: dict[str, dict[str, None]] = defaultdict(dict)
    for question in reversed(asked):
        code = question.language.partition("_")[0]
        texts[code if code in languages else "ru"][as_example(question.text)] = None
    rows = ["examples:"]
    for code, examples in texts.items():
        rows += [f"  {code}:", *(f"    - {example}" for example in examples)]
    return "\n".join(rows)


def as_example(text: str) -> str:
    """A caller's words as a YAML string that means itself: no template marks, quoted when YAML needs it."""
    plain = " ".join(_REDACTED.sub(" ", text).split())
    for mark in "<>[]()|{}":
        plain = plain.replace(mark, " ")
    plain = " ".join(plain.split())[:200]
    risky = plain[:1] in "-?:,#&*!%@`'\"" or ": " in plain or " #" in plain or plain.endswith(":") or not plain
    named = (
        plain.casefold() in {"yes", "no", "on", "off", "true", "false", "null", "~"} or plain.replace(".", "").isdigit()
    )
    return "'" + plain.replace("'", "''") + "'" if risky or named else plain
