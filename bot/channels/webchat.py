"""The web chat: a page of our own that reads the transcript live, and posts what the caller writes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import BaseModel, Field

from bot.channels.markup import to_web
from bot.dialogue.knowledge import N_, Knowledge
from bot.dialogue.message import Envelope, Kind, Message
from bot.dialogue.reply import Reply
from bot.errors import ForbiddenError, NotFoundError, RefusedError
from bot.hotline.ledger import Ledger
from bot.hotline.parcel import attached, sent_file
from bot.hotline.ports import Rates, Store
from bot.hotline.records import Conversation, Direction, Line
from bot.live import EventStream

NAME = "webchat"
_PAGE = Path(__file__).parent / "webchat_page"
_TEXT_LIMIT = 4096  # characters a caller may post at once; longer ones are refused with a reason
_KEEPALIVE = 20.0  # seconds between comment lines, so that proxies keep the stream open
_STREAM_SECONDS = 600.0  # a stream ends after that and the page opens the next one
_LAST_ID = 2**63 - 1  # the largest a database counts to
_COMMANDS = frozenset({"start", "menu", "language", "operator", "help", "settings", "delete", "exit"})
_ASSETS = {"app.js": "text/javascript", "style.css": "text/css", "embed.js": "text/javascript", "icon.svg": "image/svg+xml"}

Receive = Callable[[Sequence[Envelope]], Awaitable[None]]


class Posted(BaseModel):
    """What the page sends: one of text, a button's id, or a command."""

    id: str = Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    text: str = Field("", max_length=_TEXT_LIMIT)
    choice: str = Field("", max_length=64)
    command: str = Field("", max_length=16)
    payload: str = Field("", max_length=64)
    language: str = Field("", max_length=16)


@dataclass(frozen=True, slots=True)
class Passes:
    """Signed tokens, so that nobody can invent an address or flood the table with them unsigned."""

    key: bytes

    def issue(self) -> str:
        """A new random token."""
        address = secrets.token_urlsafe(18)
        return f"{address}.{self._sign(address)}"

    def address(self, token: str) -> str:
        """The address inside; raises ForbiddenError for a forged or broken token."""
        address, _, signature = token.partition(".")
        if not address or not hmac.compare_digest(signature.encode(), self._sign(address).encode()):
            raise ForbiddenError("This chat is not known here. Please open the page anew.")
        return address

    def _sign(self, address: str) -> str:
        return hmac.new(self.key, address.encode(), hashlib.sha256).hexdigest()[:32]


class WebChat:
    """Implements `bot.hotline.ports.Channel`. Sending is free: the page reads the transcript itself."""

    name = NAME
    rates = Rates()
    can_delete = True
    can_send_files = True
    can_write_first = False  # the page is gone with its tab

    def __init__(self, key: bytes) -> None:
        self.passes = Passes(key)

    def render(self, reply: Reply) -> tuple[Mapping[str, Any], ...]:
        """One payload; the transcript line holds all that the page shows."""
        return ({"final": reply.final},)

    async def send(self, address: str, payload: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Nothing to do: the line is already where the page reads it."""
        return secrets.token_hex(8)

    async def send_file(self, address: str, payload: Mapping[str, Any], data: bytes) -> str:  # noqa: ARG002
        """Nothing to do either: the page fetches the file when the caller asks for it."""
        return await self.send(address, payload)

    async def delete(self, address: str, references: Sequence[str]) -> None:
        """Nothing to do: the page shows nothing from before a quick exit."""

    async def typing(self, address: str, reference: str) -> None:
        """The page shows its dots itself."""

    async def media(self, reference: str) -> AsyncIterator[bytes]:  # noqa: ARG002
        """The web chat takes no files."""
        return
        yield b""


class WebChatPages:
    """The routes under /chat."""

    def __init__(
        self,
        chat: WebChat,
        store: Store,
        receive: Receive,
        phrases: Callable[[str], Mapping[str, str]],
        *,
        exit_url: str,
        embed_origins: str,
    ) -> None:
        self._chat = chat
        self._store = store
        self._receive = receive
        self._phrases = phrases
        self._exit_url = exit_url
        self._embed_origins = embed_origins

    def router(self) -> APIRouter:
        """FastAPI routes: the page, its assets, and its three calls."""
        router = APIRouter(prefix="/chat", tags=["web chat"])
        router.add_api_route("", self.page, methods=["GET"], response_class=HTMLResponse, include_in_schema=False)
        router.add_api_route("/assets/{name}", self.asset, methods=["GET"], include_in_schema=False)
        router.add_api_route("/phrases/{language}", self.phrases, methods=["GET"])
        router.add_api_route("/pass", self.new_pass, methods=["POST"])
        router.add_api_route("/messages", self.post, methods=["POST"], status_code=202)
        router.add_api_route("/stream", self.stream, methods=["GET"])
        router.add_api_route("/files/{line}", self.file, methods=["GET"], response_class=Response)
        return router

    async def page(self) -> Response:
        """The chat page; neutral title, no history kept, frames only where allowed."""
        body = (_PAGE / "page.html").read_text("utf-8").replace("{{exit_url}}", self._exit_url)
        return HTMLResponse(body, headers={**_HEADERS, "Content-Security-Policy": self._policy()})

    def _policy(self) -> str:
        ancestors = f"'self' {self._embed_origins}".strip()
        return (
            "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
            f"base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
        )

    async def asset(self, name: str) -> Response:
        """A script, style or icon of the page."""
        if name not in _ASSETS:
            return Response(status_code=404)
        return FileResponse(_PAGE / name, media_type=_ASSETS[name], headers={"Cache-Control": "no-cache"})

    async def phrases(self, language: str) -> Mapping[str, str]:
        """The page's own words in one language."""
        return self._phrases(language)

    async def new_pass(self) -> dict[str, str]:
        """A token for a new talk."""
        return {"token": self._chat.passes.issue()}

    async def post(self, posted: Posted, x_chat_pass: Annotated[str, Header()]) -> dict[str, str]:
        """Take one message in; it is stored when this answers."""
        address = self._chat.passes.address(x_chat_pass)
        message = _message(posted)
        await self._receive([Envelope(NAME, f"{address}:{posted.id}", address, message)])
        return {"id": posted.id}

    async def stream(self, x_chat_pass: Annotated[str, Header()], after: int = 0) -> EventStream:
        """Server-sent events: every line after `after`, as it comes."""
        events = self._events(self._chat.passes.address(x_chat_pass), max(0, min(after, _LAST_ID)))
        return EventStream(events, _HEADERS)

    async def file(self, line: Annotated[int, PathParameter(ge=1, le=_LAST_ID)], x_chat_pass: Annotated[str, Header()]) -> Response:
        """A file that a person sent in this talk."""
        address = self._chat.passes.address(x_chat_pass)

        def work(ledger: Ledger) -> tuple[str, bytes]:
            conversation = ledger.conversations.find(NAME, address)
            if conversation is None:
                raise NotFoundError
            return sent_file(ledger, conversation.id, line, conversation.cleared)  # nothing from before a quick exit

        mime, data = await self._store.read(work)
        headers = {**_HEADERS, "Content-Disposition": "attachment", "Content-Security-Policy": "default-src 'none'; sandbox"}
        return Response(data, media_type=mime, headers=headers)

    async def _events(self, address: str, after: int) -> AsyncGenerator[str, None]:
        loop = asyncio.get_running_loop()
        end = loop.time() + _STREAM_SECONDS
        yield "retry: 1000\n\n"
        while loop.time() < end:
            conversation = await self._store.read(lambda ledger: ledger.conversations.find(NAME, address))
            topic = f"conversation:{conversation.id}" if conversation else "inbox"
            mark = self._store.mark(topic)
            lines = await self._lines(conversation, after)
            for line in lines:
                after = line.id
                if line.direction is Direction.SYSTEM:  # for operators only
                    continue
                yield f"id: {line.id}\ndata: {json.dumps(_shown(line), ensure_ascii=False)}\n\n"
            if not lines and not await self._store.wait(topic, _KEEPALIVE if conversation else 1.0, mark):
                yield ": still here\n\n"

    async def _lines(self, conversation: Conversation | None, after: int) -> list[Line]:
        if conversation is None:
            return []
        since = conversation.cleared
        return await self._store.read(lambda ledger: ledger.lines.of(conversation.id, after=after, since=since))


_PHRASES = {
    "title": N_("Chat"),
    "exit": N_("Exit"),
    "send": N_("Send"),
    "write": N_("Write a message"),
    "offline": N_("No connection. Trying again…"),
    "language": N_("Language"),
    "photo": N_("Show the photo"),
    "voice": N_("Voice message"),
    "document": N_("Open the file"),
}


def page_phrases(knowledge: Knowledge, language: str) -> Mapping[str, str]:
    """The page's own words in one language, Russian when it is not one of ours; "lang" is its BCP 47 tag."""
    chosen = language if language in knowledge.languages() else "ru"
    return {"lang": chosen.replace("_", "-"), **{key: knowledge.say(phrase, chosen) for key, phrase in _PHRASES.items()}}


_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def _message(posted: Posted) -> Message:
    now = datetime.now(UTC)
    hint = posted.language[:2].lower()
    if posted.command:
        if posted.command not in _COMMANDS:
            raise RefusedError("This command is not known.")
        return Message(Kind.COMMAND, now, text=posted.payload, command=posted.command, language_hint=hint)
    if posted.choice:
        return Message(Kind.CHOICE, now, choice=posted.choice, text=posted.text[:64], language_hint=hint)
    if not posted.text.strip():
        raise RefusedError("The message is empty.")
    return Message(Kind.TEXT, now, text=posted.text.replace("\x00", ""), language_hint=hint)


def _shown(line: Line) -> dict[str, Any]:
    """A transcript line as the page needs it."""
    mine = line.direction is Direction.IN
    shown: dict[str, Any] = {"id": line.id, "mine": mine, "person": line.direction is Direction.OPERATOR}
    if mine:
        shown["text"] = line.text
    else:
        shown["html"] = to_web(line.text)
        shown["buttons"] = line.detail.get("buttons", [])
        shown["columns"] = line.detail.get("columns", 1)
        shown["final"] = bool(line.detail.get("final"))
        if file := attached(line):
            shown["file"] = {"kind": file.kind, "name": file.name, "kb": max(1, round(file.size / 1000))}
    shown["at"] = line.created.isoformat()
    return shown
