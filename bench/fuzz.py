"""Hostile inputs, tens of thousands of them, against every door: `python -m bench.fuzz` prints what was tried and failed.

Each target makes its inputs from a seeded random source, so that a failure can be had again: `--seed N --only TARGET`.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import csv
import dataclasses
import hashlib
import hmac
import io
import itertools
import json
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, ClassVar

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bench.fuzz_house import ConsoleTarget, targets_of
from bot import web
from bot.channels import telegram_payload, whatsapp_payload
from bot.channels.markup import to_plain, to_telegram, to_web, to_whatsapp
from bot.channels.telegram_intake import Intake, Webhook, webhook_secret
from bot.channels.webchat import WebChat, WebChatPages
from bot.channels.whatsapp import BODY_LIMIT, WhatsAppWebhook
from bot.content import catalogue
from bot.content.handbook import Handbook
from bot.content.inspection import inspect
from bot.content.phrasebook import Phrasebook
from bot.dialogue.context import Context, Desk
from bot.dialogue.effect import Feedback, Note, OpenCase
from bot.dialogue.message import Envelope, Kind, Message
from bot.dialogue.reply import Reply
from bot.dialogue.session import Session
from bot.dialogue.turn import Turn, take_turn
from bot.errors import ContentError, TemplateError
from bot.hotline.codec import envelope_from_bytes, envelope_to_bytes
from bot.hotline.inbox import Inbox
from bot.hotline.metrics import Metrics
from bot.hotline.ports import Store
from bot.hotline.records import Tally
from bot.matching import template
from bot.matching.match import Action, Candidate, Danger, DangerSignal, Match, Urgency
from bot.matching.matcher import Matcher
from bot.reports.needs_map import as_csv, needs
from bot.settings import WhatsAppSettings
from storage.cipher import Cipher, Key
from storage.migration import migrate
from storage.store import open_store

ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_SLOW = 4.0  # seconds of CPU for one input: a hang in the making
_SHARES = {  # inputs of 120
    "telegram webhook": 16, "whatsapp webhook": 16, "web chat": 16, "dialogue": 20,
    "matcher": 8, "markup": 10, "templates": 4, "content": 4, "needs map": 6, "console": 6, "media": 8, "desk updates": 6,
}  # fmt: skip


class Hostile:
    """What an attacker, a broken client or a strange keyboard might send."""

    WORDS = (
        "паспорт забрали", "меня заперли помогите", "oyligimni bermayapti", "жалақы бермейді", "привет", "112", "да", "нет",
        "1", "2", "йўқ", "ооба", "выход", "патент қанча туради", "я в Казахстане", "/start x", "/delete", "стоп",
    )  # fmt: skip
    ATTACKS = (
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</b></i></a>", "<a href='javascript:x'>y</a>", "**b** _i_ [x](javascript:alert(1))",
        "[x](http://e.org/\"onmouseover=\"x)", "**[a](tel:1)**", "__**_*_**__", "{contact:emergency}", "{0.__class__}", "{{7*7}}", "%s%n", "${jndi:x}",
        "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "'; DROP TABLE line; --", "../../../etc/passwd", "..\\..\\x", "\x00", "a\x00b",
        "file:///etc/passwd", "http://169.254.169.254/", "(<a|b>|(c|d)){1,9}", "(a+)+$", "[[[[[[[[", "((((((((", "&lt;b&gt;&#0;&#xD800;", "<!--", "]]>",
        "\r\nSet-Cookie: x=1", "\ud800", "\udfff\ud800", "😀\ud83d", "\ufffe\uffff", "\u0000\u0001\u001b[31m", "İıſßΐ", "ﷺ", "﷽",
    )  # fmt: skip
    _BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
    _INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e\u3164\ufe0f"
    _HOMOGLYPHS: ClassVar = dict(zip("аеорсухікАВЕКМНОРСТХ", "aeopcyxikABEKMHOPCTX", strict=True))
    EMOJI = "😀🆘👨‍👩‍👧‍👦🏳️‍🌈🇰🇿☝🏽👍"

    def __init__(self, source: random.Random) -> None:
        self.random = source

    def text(self, longest: int = 100_000) -> str:
        """Any text; rarely one of `longest` characters."""
        pick, base = self.random.random(), self.random.choice(self.WORDS)
        if pick < 0.3:
            made = self._woven(base)
        elif pick < 0.5:
            made = f"{base} {self.random.choice(self.ATTACKS)}"
        elif pick < 0.6:
            made = self.random.choice(self.ATTACKS)
        elif pick < 0.7:
            made = "".join(chr(self._point()) for _ in range(self.random.randrange(60)))
        elif pick < 0.78:
            made = self.random.choice(self.EMOJI) * self.random.choice((1, 50, 2000))
        elif pick < 0.86:
            made = base[:1] + "".join(chr(self.random.randrange(0x300, 0x36F)) for _ in range(self.random.choice((3, 400))))
        elif pick < 0.97:
            made = " ".join(self.random.choices([*self.ATTACKS, *self.WORDS], k=self.random.randrange(1, 9)))
        else:
            made = (base + self.random.choice(self.ATTACKS)) * (longest // 12)
        return made[:longest]

    def _woven(self, base: str) -> str:
        kind = self.random.randrange(3)
        if kind == 0:
            return "".join(self._HOMOGLYPHS.get(c, c) if self.random.random() < 0.5 else c for c in base)
        marks = self._BIDI if kind == 1 else self._INVISIBLE
        return "".join(c + (self.random.choice(marks) if self.random.random() < 0.4 else "") for c in base)

    def _point(self) -> int:
        return self.random.choice((self.random.randrange(0x110000), self.random.randrange(0x3000), self.random.randrange(0x20), self.random.randrange(0xD800, 0xE000)))

    def scalar(self) -> Any:
        """A value of a type that nobody expects there."""
        options: tuple[Callable[[], Any], ...] = (
            lambda: None, lambda: self.random.random() < 0.5, lambda: self.random.choice((0, -1, 2**31, 2**63, 2**64, -(2**70), 10**400)),
            lambda: self.random.choice((0.5, -1e308, 1e-320, float("nan"), float("inf"))), lambda: self.text(500), lambda: "", list, dict,
            lambda: [self.text(20)], lambda: {"id": self.text(20)},
        )  # fmt: skip
        return self.random.choice(options)()

    def deep(self) -> Any:
        """JSON as deep as a parser lets through."""
        made: Any = self.scalar()
        for _ in range(self.random.choice((30, 200, 600))):
            made = [made] if self.random.random() < 0.5 else {"message": made}
        return made

    def mutated(self, payload: Any) -> Any:
        """A recorded payload with some of its parts replaced, lost, doubled or renamed."""
        made = copy.deepcopy(payload)
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            places = list(_places(made))
            if not places:
                return self.scalar()
            holder, key = self.random.choice(places)
            act = self.random.randrange(6)
            if act == 0:
                del holder[key]
            elif act == 1:
                holder[key] = self.deep() if self.random.random() < 0.1 else self.scalar()
            elif act == 2:
                holder[key] = [holder[key]] * self.random.choice((1, 2, 30))
            elif act == 3 and isinstance(holder, dict):
                holder[self.text(12)] = holder[key]
            elif isinstance(holder[key], str):
                holder[key] = self.text(3000)
            elif isinstance(holder[key], (int, float)):
                holder[key] = self.random.choice((0, -1, 2**31, 2**53, 2**63, 10**30, 1e300, True))
            else:
                holder[key] = self.scalar()
        return made

    def body(self, payload: Any) -> bytes:
        """JSON, or nearly JSON."""
        raw = json.dumps(payload).encode()
        pick = self.random.random()
        if pick < 0.04:
            place = self.random.randrange(len(raw) or 1)
            return raw[:place] + bytes([self.random.randrange(256)]) + raw[place + 1 :]
        if pick < 0.06:
            return raw[: self.random.randrange(len(raw) or 1)]
        if pick < 0.07:
            return b"[" * 50_000
        return raw


def _places(value: Any, depth: int = 0) -> Any:
    """Every (holder, key) in a JSON value, as far as a recorded payload is deep."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries) if depth < 20 else ():
        yield value, key
        yield from _places(inner, depth + 1)


@dataclass
class Answer:
    """What an ASGI app answered."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def ask(app: FastAPI, method: str, path: str, headers: dict[str, bytes] | None = None, body: bytes = b"", query: bytes = b"") -> Answer:
    """One request without a network; what the app raises comes out."""
    answer = Answer()
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if parts:
            return parts.pop()
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in message["headers"]}
        answer.body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode("utf-8", "replace"), "query_string": query, "root_path": "", "server": ("test", 80), "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"test"), (b"content-length", str(len(body)).encode()), *((k.encode(), v) for k, v in (headers or {}).items())],
    }  # fmt: skip
    await app(scope, receive, send)
    return answer


class Door:
    """The real inbox on a real database, and what went through it."""

    def __init__(self, store: Store, matcher: Matcher) -> None:
        self.store = store
        self.taken: set[tuple[str, str]] = set()
        self.last: list[Envelope] = []
        self.inbox = Inbox(store, Clock(), Metrics(CollectorRegistry()), priority=lambda m: matcher.glance(m.text).level.rank if m.text else 0)

    async def receive(self, envelopes: Any) -> None:
        """Count and pass on."""
        self.last = list(envelopes)
        for envelope in envelopes:  # the worker must be able to read it again
            again, _ = envelope_from_bytes(envelope_to_bytes(envelope, NOW))
            check(again.message.text == envelope.message.text and again.message.media == envelope.message.media, "it does not survive storing")
        await self.inbox.receive(envelopes)
        self.taken.update((envelope.channel, envelope.external_id) for envelope in envelopes)

    async def lost(self) -> int:
        """How many of those acknowledged are not in the database."""
        depth = await self.store.read(lambda ledger: ledger.letters.depth(NOW))
        return len(self.taken) - depth.incoming


class Clock:
    """The time."""

    def now(self) -> datetime:
        """Now."""
        return datetime.now(UTC)


class QuietPlatform:
    """Stands for Telegram's and WhatsApp's servers: takes every courtesy call."""

    token = "1:fuzz"

    def __getattr__(self, _name: str) -> Callable[..., Awaitable[None]]:
        async def call(*_arguments: object, **_named: object) -> None:
            return None

        return call


def app_of(*routers: Any) -> FastAPI:
    """The app as it is served."""

    async def ready() -> dict[str, Any]:
        return {"ok": True}

    return web.create_app(routers, None, ready, https=True, body_limits={"/telegram": 1_000_000, "/whatsapp": BODY_LIMIT})  # type: ignore[arg-type]


def check(holds: bool, what: str) -> None:
    """An AssertionError that survives -O."""
    if not holds:
        raise AssertionError(what)


# --- Targets: each is made once, and then tries one input a call -------------------------------------------------------

PERSON = {"id": 4242, "is_bot": False, "first_name": "A", "last_name": "B", "username": "c", "language_code": "ru-RU"}
CHAT = {"id": 4242, "type": "private", "first_name": "A"}
FILE = {"file_id": "AgAC", "file_unique_id": "u", "file_size": 9000, "mime_type": "image/jpeg", "file_name": "../../x.jpg"}


def _telegram(**parts: Any) -> dict[str, Any]:
    return {"message_id": 7, "date": 1764000000, "chat": CHAT, "from": PERSON, **parts}


TELEGRAM: tuple[dict[str, Any], ...] = (
    {"message": _telegram(text="паспорт забрали", entities=[{"type": "bold", "offset": 0, "length": 3}])},
    {"message": _telegram(text="/start camp", entities=[{"type": "bot_command", "offset": 0, "length": 6}])},
    {"message": _telegram(photo=[{**FILE, "width": 90, "height": 90}], caption="вот")},
    {"message": _telegram(voice={**FILE, "duration": 4})},
    {"message": _telegram(video_note={**FILE, "length": 240, "duration": 4})},
    {"message": _telegram(video={**FILE, "width": 1, "height": 1, "duration": 9})},
    {"message": _telegram(document=FILE, caption="<b>")},
    {"message": _telegram(sticker={**FILE, "width": 1, "height": 1, "is_animated": False, "is_video": False, "type": "regular"})},
    {"message": _telegram(location={"latitude": 43.2, "longitude": 76.9})},
    {"message": _telegram(contact={"phone_number": "+7701", "first_name": "x"})},
    {"message": _telegram(text="x", reply_to_message=_telegram(text="y"), forward_origin={"type": "user", "date": 1, "sender_user": PERSON})},
    {"edited_message": _telegram(text="другое", edit_date=1764000001)},
    {"callback_query": {"id": "9", "from": PERSON, "chat_instance": "1", "data": "i:overstayed", "message": _telegram(text="?", reply_markup={"inline_keyboard": [[{"text": "Да", "callback_data": "i:overstayed"}]]})}},
    {"message_reaction": {"chat": CHAT, "message_id": 7, "user": PERSON, "date": 1764000000, "old_reaction": [], "new_reaction": [{"type": "emoji", "emoji": "👍"}]}},
    {"my_chat_member": {"chat": CHAT, "from": PERSON, "date": 1764000000, "old_chat_member": {"user": PERSON, "status": "member"}, "new_chat_member": {"user": PERSON, "status": "kicked", "until_date": 0}}},
)  # fmt: skip


class TelegramTarget:
    """The webhook with the real reading of updates, inbox and database."""

    def __init__(self, door: Door) -> None:
        client: Any = QuietPlatform()
        self.door = door
        intake = Intake(client, lambda phrase, _language: phrase)
        intake.open(door.receive)
        self.secret = webhook_secret(client.token).encode()
        self.app = app_of(Webhook(client, intake, "https://hotline.example").router())
        self.numbers = itertools.count(1)

    async def __call__(self, hostile: Hostile) -> None:
        """One update."""
        number, pick = next(self.numbers), hostile.random.random()
        self.door.last = []
        if pick < 0.35:  # a sound update with a hostile text: nothing of it may be lost
            words = hostile.text()
            update = {"update_id": number, "message": _telegram(text=words or "x")}
            answer = await self._post(json.dumps(update).encode())
            check(answer.status == 200, f"status {answer.status}")
            check(len(self.door.last) == 1, "a message was lost")
            return
        recorded = {"update_id": number, **hostile.random.choice(TELEGRAM)}
        if pick < 0.45:  # forged
            wrong = hostile.random.choice((b"", b"x", self.secret[:-1], self.secret.upper() + b"\xff", "ў".encode()))
            answer = await self._post(json.dumps(recorded).encode(), wrong)
            check(answer.status == 403 and not self.door.last, "a forged update was taken")
            return
        answer = await self._post(hostile.body(hostile.mutated(recorded)))
        check(answer.status in (200, 400, 413), f"status {answer.status}")

    async def _post(self, body: bytes, secret: bytes | None = None) -> Answer:
        return await ask(self.app, "POST", "/telegram/webhook", {"x-telegram-bot-api-secret-token": self.secret if secret is None else secret}, body)


def _whatsapp(kind: str, part: Any, **more: Any) -> dict[str, Any]:
    return {"from": "77010000001", "id": "wamid.x", "timestamp": "1764000000", "type": kind, kind: part, **more}


WHATSAPP: tuple[dict[str, Any], ...] = (
    _whatsapp("text", {"body": "салам"}),
    _whatsapp("interactive", {"type": "button_reply", "button_reply": {"id": "i:overstayed", "title": "x"}}),
    _whatsapp("interactive", {"type": "list_reply", "list_reply": {"id": "t:work", "title": "x", "description": "y"}}),
    _whatsapp("button", {"payload": "menu", "text": "Меню"}),
    _whatsapp("image", {"id": "55", "mime_type": "image/jpeg", "caption": "вот", "sha256": "x"}),
    _whatsapp("audio", {"id": "55", "mime_type": "audio/ogg", "voice": True}),
    _whatsapp("document", {"id": "../55", "filename": "../../etc/passwd"}),
    _whatsapp("location", {"latitude": 42.87, "longitude": 74.59, "name": "x"}),
    _whatsapp("contacts", [{"name": {"formatted_name": "x"}}]),
    _whatsapp("reaction", {"emoji": "👍", "message_id": "wamid.y"}),
    _whatsapp("unsupported", None, errors=[{"code": 131051}]),
)


class WhatsAppTarget:
    """The webhook with the real signature check, inbox and database."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.settings = WhatsAppSettings(token=SecretStr("t"), phone_id="1", app_secret=SecretStr("secret"), verify_token=SecretStr("word"))
        channel: Any = QuietPlatform()
        self.app = app_of(WhatsAppWebhook(channel, self.settings, door.receive, door.inbox.statuses).router())
        self.numbers = itertools.count(1)

    async def __call__(self, hostile: Hostile) -> None:
        """One webhook."""
        identity, pick = f"wamid.{next(self.numbers)}", hostile.random.random()
        self.door.last = []
        if pick < 0.3:
            words = hostile.text()
            answer = await self._post(self._body([{**_whatsapp("text", {"body": words}), "id": identity}]))
            check(answer.status == 200, f"status {answer.status}")
            check(len(self.door.last) == 1, "a message was lost")
            return
        message = {**hostile.random.choice(WHATSAPP), "id": identity}
        if pick < 0.4:
            raw = self._body([message])
            sign = self._sign(raw)
            wrong = hostile.random.choice((b"", b"sha256=", sign[:-1], sign[7:], self._sign(raw + b" "), sign + b"\xff", b"sha1=" + sign[7:]))
            answer = await self._post(raw, wrong)
            check(answer.status == 403 and not self.door.last, "a forged webhook was taken")
            return
        if pick < 0.5:  # a sound message behind a broken one: it must come through
            body = {"entry": [{"changes": [{"field": "messages", "value": {"messages": [hostile.mutated(message), {**_whatsapp("text", {"body": "x"}), "id": identity + "b"}]}}]}]}
            answer = await self._post(json.dumps(body).encode())
            check(answer.status == 200, f"status {answer.status}")
            check(any(e.external_id == identity + "b" for e in self.door.last), "a sound message was lost")
            return
        statuses = [{"id": hostile.text(30), "status": hostile.random.choice(("sent", "delivered", "read", "failed", "x", 1))}]
        sound = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": {"messages": [message], "statuses": statuses}}]}]}
        answer = await self._post(hostile.body(hostile.mutated(sound)))
        check(answer.status in (200, 400, 413), f"status {answer.status}")

    def _body(self, messages: list[Any]) -> bytes:
        return json.dumps({"entry": [{"changes": [{"field": "messages", "value": {"messages": messages}}]}]}).encode()

    def _sign(self, raw: bytes) -> bytes:
        return b"sha256=" + hmac.new(self.settings.app_secret.get_secret_value().encode(), raw, hashlib.sha256).hexdigest().encode()

    async def _post(self, raw: bytes, sign: bytes | None = None) -> Answer:
        return await ask(self.app, "POST", "/whatsapp/webhook", {"x-hub-signature-256": self._sign(raw) if sign is None else sign}, raw)


class WebChatTarget:
    """The routes of the web chat."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.chat = WebChat(b"k" * 32)
        pages = WebChatPages(self.chat, door.store, door.receive, lambda language: {"lang": language}, exit_url="https://e.org/", embed_origins="")
        self.app = app_of(pages.router())
        self.numbers = itertools.count(10_000_000)

    async def __call__(self, hostile: Hostile) -> None:
        """One request."""
        pick = hostile.random.random()
        self.door.last = []
        token = self.chat.passes.issue()
        if pick < 0.15:
            await self._forged(hostile, token)
        elif pick < 0.4:
            words = hostile.text(4096)
            answer = await self._post({"id": str(next(self.numbers)), "text": words}, token)
            sendable = bool(words.strip()) and not re.search("[\ud800-\udfff]", words)
            check(answer.status in ((202,) if sendable else (202, 400, 422)), f"status {answer.status}")
            check(len(self.door.last) == (answer.status == 202), "a message was lost")
        elif pick < 0.8:
            posted = {"id": str(next(self.numbers)), "text": "привет", "choice": "", "command": "", "payload": "", "language": "ru"}
            answer = await ask(self.app, "POST", "/chat/messages", {"x-chat-pass": token.encode(), "content-type": b"application/json"}, hostile.body(hostile.mutated(posted)))
            check(answer.status in (202, 400, 413, 422), f"status {answer.status}")
        elif pick < 0.86:
            await self._stream(hostile, token)
        else:
            route = hostile.random.choice(("/chat/assets/", "/chat/phrases/", "/chat/", "/"))
            path = (route + hostile.text(300)).encode("utf-8", "replace").decode()  # a server decodes no surrogates
            answer = await ask(self.app, hostile.random.choice(("GET", "POST", "PUT", "HEAD")), path)
            check(answer.status < 500, f"status {answer.status}")
            check(b"root:" not in answer.body, "a file leaked")

    async def _forged(self, hostile: Hostile, token: str) -> None:
        address, _, sign = token.partition(".")
        wrong = hostile.random.choice((address, f"{address}.", f"{address[:-1]}.{sign}", f".{sign}", f"{address}.{sign[:-1]}", f"{address}x.{sign}", "", hostile.text(200)))
        raw = wrong.encode("utf-8", "replace").replace(b"\r", b"").replace(b"\n", b"")
        answer = await ask(self.app, "POST", "/chat/messages", {"x-chat-pass": raw, "content-type": b"application/json"}, json.dumps({"id": "12345678", "text": "x"}).encode())
        check(answer.status in (401, 403, 422) and not self.door.last, f"a forged pass was taken: {answer.status}")

    async def _stream(self, hostile: Hostile, token: str) -> None:
        await self._post({"id": str(next(self.numbers)), "text": "привет"}, token)
        after = hostile.random.choice((b"0", b"-1", b"1e9", b"9" * 19, b"9" * 40, b"9" * 5000, b"%00", b"", b"nan", b"-" + b"9" * 30))
        try:
            async with asyncio.timeout(0.03):
                answer = await ask(self.app, "GET", "/chat/stream", {"x-chat-pass": token.encode()}, query=b"after=" + after)
        except TimeoutError:
            return
        check(answer.status in (403, 422), f"status {answer.status}")

    async def _post(self, posted: dict[str, Any], token: str) -> Answer:
        headers = {"x-chat-pass": token.encode(), "content-type": b"application/json"}
        return await ask(self.app, "POST", "/chat/messages", headers, json.dumps(posted).encode())


_WEB_TAG = re.compile(r"</?(?:p|strong|em)>|<br>|<a href=\"(?:https?://|tel:|mailto:)[^\"<>]*\"(?: target=\"_blank\" rel=\"noopener noreferrer\")?>|</a>")
_TELEGRAM_TAG = re.compile(r"</?[bi]>|<a href=\"(?:https?://|mailto:)[^\"<>]*\">|</a>")


def check_markup(text: str) -> None:
    """No form of a text holds a mark that is not ours."""
    for made, known in ((to_web(text), _WEB_TAG), (to_telegram(text), _TELEGRAM_TAG)):
        rest = known.sub("", made)
        check("<" not in rest and (">" not in rest or "&gt;" in made), "markup leaked")
    to_plain(text)
    to_whatsapp(text)


def check_reply(reply: Reply) -> None:
    """Every channel can carry it, as the platforms read it."""
    from tests.fakes.telegram_html import parse, units
    from tests.fakes.whatsapp_server import fault_of

    check_markup(reply.text)
    for sent in telegram_payload.payloads(reply):
        check(0 < units(parse(sent["text"])[0]) <= 4096, "Telegram would refuse it")
        json.dumps(sent).encode()
    for body in whatsapp_payload.payloads(reply):
        check(fault_of(dict(body)) == "", f"WhatsApp would refuse it: {fault_of(dict(body))}")


class MarkupTarget:
    """Hostile texts as replies, as when an operator or an editor pastes them."""

    async def __call__(self, hostile: Hostile) -> None:
        """One text."""
        words = hostile.text(9000)
        check_markup(words)
        if words.strip():
            check_reply(Reply(words))


class DialogueTarget:
    """Talks with the real handbook; the matcher's word is made up, so that every branch is reached."""

    def __init__(self) -> None:
        content, _ = catalogue.load(ROOT / "intents", strict=True)
        ready = [code for code, language in content.languages.items() if language.ready]
        self.book = Handbook(content, Phrasebook.load(ROOT / "locales", ready), lambda: date(2026, 11, 24))
        self.intents = list(content.intents)
        self.session, self.left = Session(), 0
        known = ("lang:kk", "stay:RU", "stay:other", "cit:KG", "danger:yes", "danger:no", "safe:yes", "safe:no", "read:yes", "read:no", "erase:yes", "erase:no", "rate:yes", "rate:no")
        self.buttons = ["menu", "exit", "languages", "none", "operator", "numbers", "time", *known]
        self.buttons += [f"{kind}:{intent}" for intent in self.intents for kind in ("i", "helped", "nohelp")] + [f"t:{topic}" for topic in content.topics]

    async def __call__(self, hostile: Hostile) -> None:
        """One message of a talk."""
        if self.left <= 0:
            self.session, self.left = Session(), hostile.random.randrange(1, 25)
        self.left -= 1
        message = self._message(hostile)
        desk = Desk(open=hostile.random.random() < 0.5, speaks=hostile.random.random() < 0.5, ahead=hostile.random.randrange(3))
        context = Context(NOW, hostile.random.choice(("telegram", "whatsapp", "webchat")), desk, hostile.random.random() < 0.03, hostile.random.random() < 0.5)
        turn = take_turn(self.session, message, lambda text, _previous, _hint: self._match(hostile, text), self.book, context)
        self.session = Session.load(turn.session.dump())
        check(self.session == turn.session, "the session does not survive storing")
        if hostile.random.random() < 0.1:
            self.session = self.session.change(case=hostile.random.choice(("", "waiting", "operator", "closed")))
        for reply in turn.replies:
            check_reply(reply)
        self._check_stored(turn)
        self.buttons[:1] = [button.id for reply in turn.replies for button in reply.buttons][:1] or ["menu"]

    def _check_stored(self, turn: Turn) -> None:
        """What goes into plain columns is ours, whatever was forged: a known intent, a code, a short key."""
        session, known = turn.session, {"", *self.intents}
        named = {session.pending, session.last_intent, *(e.intent for e in turn.effects if isinstance(e, OpenCase | Feedback))}
        check(named <= known, "a forged intent was kept")
        check(all(re.fullmatch("[A-Za-z_]{0,8}", code) for code in (session.language, session.detected, session.stay, session.citizenship)), "a forged code was kept")
        check(all(re.fullmatch("[a-z_]{1,32}", e.key) for e in turn.effects if isinstance(e, Note)), "a forged key was kept")

    def _message(self, hostile: Hostile) -> Message:
        kind = hostile.random.choice([*Kind, Kind.TEXT, Kind.TEXT, Kind.TEXT, Kind.CHOICE, Kind.CHOICE])
        text = hostile.text(hostile.random.choice((300, 300, 300, 300, 100_000)))
        choice = hostile.random.choice(self.buttons) if hostile.random.random() < 0.6 else hostile.random.choice(("i:", "t:", "stay:", "lang:", "cit:", "helped:", "nohelp:", "danger:", "rate:", "")) + hostile.text(64)
        command = hostile.random.choice(("start", "menu", "exit", "delete", "help", "operator", "language", hostile.text(16)))
        place = hostile.random.choice((None, (43.2, 76.9), (float("nan"), 1e300)))
        return Message(
            kind, NOW, text, choice=choice if kind is Kind.CHOICE else "", command=command if kind is Kind.COMMAND else "", place=place,
            language_hint=hostile.random.choice(("ru", "uz", "", hostile.text(8))), country_hint=hostile.random.choice(("KZ", "", "ZZ", hostile.text(4))),
        )  # fmt: skip

    def _match(self, hostile: Hostile, text: str) -> Match:
        action = hostile.random.choice(list(Action))
        some = hostile.random.sample(self.intents, 3)
        intent = some[0] if action is Action.ANSWER else None
        choices = tuple(some) if action is Action.CHOOSE else ()
        level = hostile.random.choice([Urgency.NORMAL, Urgency.NORMAL, *Urgency])
        signals = (DangerSignal("rule", text[:50], some[1], 0.9),) if level is not Urgency.NORMAL else ()
        danger = Danger(level, some[1] if signals else "", hostile.random.random() < 0.3, 0.9, signals)
        language = hostile.random.choice(("ru", "kk", "ky", "tg", "uz", ""))
        return Match(text, text, language, "Cyrl", {language: 1.0}, action, intent, choices, danger, tuple(Candidate(name, 0.5) for name in some), ())


class MatcherTarget:
    """The matcher on a lesson of five intents, meaning left out."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher

    async def __call__(self, hostile: Hostile) -> None:
        """One text."""
        text = hostile.text()
        match = self.matcher.match(text, previous=hostile.random.choice((None, "unpaid_wages", "gone")), language_hint=hostile.random.choice(("", "ru", "xx")))
        check(match.action in set(Action) and (match.intent is not None) == (match.action is Action.ANSWER), "an action without its intent")
        check(all(candidate.score == candidate.score for candidate in match.candidates), "a score is no number")
        glance = self.matcher.glance(text)
        check(glance.level in set(Urgency), "no level")


_BOMBS = (
    "a: &a [x, x]\nb: &b [*a, *a]\n", "!!python/object/apply:os.system ['true']\n", "title: !!binary x\n", "? {a: b}\n: c\n", "%YAML 9.9\n---\n", "- " * 500, "[" * 5000,
    "{" * 3000, "a: " * 300, "title: {ru: x}\ntitle: {ru: y}\n", "\ufeffx: y\n", "x: \x00\n", "<<: {a: b}\n", "---\na: b\n---\nc: d\n", "title: |\n" + "  x\n" * 3000, "title: 2026-99-99\n",
)  # fmt: skip


class ContentTarget:
    """Content files, recorded and spoilt: only ContentError may come out."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "intents"
        (self.root / "work").mkdir(parents=True)
        self.file = self.root / "work" / "x.yaml"
        self.special = self.root / "contacts.yaml"
        files = sorted((ROOT / "intents").rglob("*.yaml"), key=lambda path: path.stat().st_size)
        self.recorded = [path.read_text("utf-8")[:6000] for path in files[:25]]

    async def __call__(self, hostile: Hostile) -> None:
        """One file."""
        lines = hostile.random.choice(self.recorded).splitlines(keepends=True)
        for _ in range(hostile.random.randrange(6)):
            place = hostile.random.randrange(len(lines))
            act = hostile.random.randrange(4)
            if act == 0:
                lines[place] = ""
            elif act == 1:
                lines.insert(place, hostile.random.choice(_BOMBS))
            elif act == 2:
                lines[place] = lines[place].replace(":", ": " + hostile.text(200), 1)
            else:
                lines[place] = " " * hostile.random.randrange(9) + lines[place]
        raw = "".join(lines).encode("utf-8", "surrogatepass" if hostile.random.random() < 0.1 else "replace")
        path = self.special if hostile.random.random() < 0.2 else self.file
        path.write_bytes(raw)
        try:
            content, problems = catalogue.load(self.root, strict=hostile.random.random() < 0.5)
            check(all(str(problem) for problem in problems), "a problem without words")
            catalogue.lesson(content)
        except ContentError as error:
            check(bool(error.problems), "refused without a reason")
        inspect(self.root, date(2026, 11, 24))


class TemplateTarget:
    """Templates of examples: (a|b), [c], <word>; nested, unclosed, and bombs of them."""

    async def __call__(self, hostile: Hostile) -> None:
        """One template."""
        source, pick = hostile.random, hostile.random.random()
        parts = ["(", ")", "[", "]", "|", "<", ">", "boss", "<boss>", " ", "не платит", "\\", "(а|б)", "[в]"]
        made = "".join(source.choices(parts, k=source.randrange(40)))
        if pick < 0.1:
            made = "(а|б|в|г)" * source.choice((10, 200, 2000))
        elif pick < 0.2:
            depth = source.choice((10, 100, 400))
            made = "(а|" * depth + "б" + ")" * depth
        elif pick < 0.3:
            made = "".join(source.choices("([<", k=3000))
        elif pick < 0.4:
            made = hostile.text(3000)
        words = {"boss": {"ru": ("начальник", "шеф*", "")}}
        try:
            written = template.expand(made, words, "ru")
        except TemplateError:
            return
        check(len(written) <= 64, "a bomb went off")


class NeedsTarget:
    """Statistics with hostile values, as CSV."""

    async def __call__(self, hostile: Hostile) -> None:
        """One export."""
        made = [Tally("2026-11-17", "x", hostile.text(8), hostile.text(8), hostile.text(20), "answer", hostile.text(16), people=hostile.random.randrange(40)) for _ in range(8)]
        topics = {tally.intent: hostile.text(20) for tally in made[:4]}
        cells = needs(made, topics, first=date(2026, 11, 16), last=date(2026, 11, 22), today=date(2026, 11, 24))
        rows = list(csv.reader(io.StringIO(as_csv([*cells, *(dataclasses.replace(cell, topic=hostile.text(50)) for cell in cells)]))))
        check(len(rows) == 2 + 2 * len(cells) and all(len(row) == 6 for row in rows), "the table broke")
        check(not any(value.lstrip().startswith(("=", "+", "-", "@")) for row in rows for value in row), "a formula leaked")


Target = Callable[[Hostile], Awaitable[None]]


class Bench:
    """All targets, made over one temporary database."""

    def __init__(self) -> None:
        self.targets: dict[str, Target] = {}
        self._stack = AsyncExitStack()
        self.door: Door

    async def __aenter__(self) -> Bench:
        """Open the database, train the small matcher."""
        from tests.matching.lessons import small_lesson

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder}/fuzz.db"
        await migrate(url)
        store = await open_store(url, Cipher([Key("k1", b"k" * 32)]))
        self._stack.push_async_callback(store.close)
        matcher = Matcher.train(small_lesson(), semantic=False)
        self.door = Door(store, matcher)
        self.targets = {
            "telegram webhook": TelegramTarget(self.door), "whatsapp webhook": WhatsAppTarget(self.door), "web chat": WebChatTarget(self.door),
            "dialogue": DialogueTarget(), "matcher": MatcherTarget(matcher), "markup": MarkupTarget(), "templates": TemplateTarget(), "content": ContentTarget(folder), "needs map": NeedsTarget(),
        }  # fmt: skip
        inside = f"sqlite:///{folder}/console.db"
        await migrate(inside)
        second = await open_store(inside, Cipher([Key("k1", b"k" * 32)]))
        self._stack.push_async_callback(second.close)
        self.targets |= targets_of(await ConsoleTarget.make(second))
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()


@dataclass
class Result:
    """What one target was tried with."""

    tried: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    first: dict[str, tuple[int, str]] = field(default_factory=dict)  # kind: seed and where it was raised


async def attack(target: Target, inputs: int, *, seed: int, seconds: float = 1e9) -> Result:
    """Try a target with so many inputs, for at most `seconds`."""
    result, began = Result(), time.monotonic()
    for number in range(seed, seed + inputs):
        if time.monotonic() - began > seconds:
            break
        started = time.process_time()
        result.tried += 1
        try:
            await target(Hostile(random.Random(number)))
            check(time.process_time() - started < _SLOW, "slow")
        except Exception as error:  # every kind is counted
            kind = f"{type(error).__name__}: {error}"[:90] if isinstance(error, AssertionError) else type(error).__name__
            kind += f" in {traceback.extract_tb(error.__traceback__)[-1].name}"
            result.first.setdefault(kind, (number, "".join(traceback.format_exception(error)[-5:])))
            result.failures[kind] += 1
    result.seconds = time.monotonic() - began
    return result


async def _main(inputs: int, seed: int, seconds: float, only: str) -> int:
    failed = tried = 0
    print(f"{'target':<18}{'inputs':>8}{'failures':>10}{'seconds':>9}")
    async with Bench() as bench:
        end = time.monotonic() + seconds
        left = sum(_SHARES.values())
        for name, target in bench.targets.items():
            share = _SHARES[name]
            allowed = (end - time.monotonic()) * share / left
            left -= share
            if only and name != only:
                continue
            result = await attack(target, inputs * share // 100, seed=seed, seconds=seconds if only else max(allowed, 1.0) * 1.5)
            bad = result.failures.total()
            tried, failed = tried + result.tried, failed + bad
            print(f"{name:<18}{result.tried:>8}{bad:>10}{result.seconds:>9.0f}", flush=True)
            for kind, count in result.failures.most_common(5):
                number, where = result.first[kind]
                print(f"    {count} x {kind} (first with --seed {number} --inputs 100 --only '{name}')\n{where}")
        lost = await bench.door.lost()
    print(f"{'all':<18}{tried:>8}{failed:>10}\nacknowledged {len(bench.door.taken)}, of those lost {lost}")
    return 1 if failed or lost else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=450.0)
    parser.add_argument("--only", default="", choices=["", *_SHARES])
    given = parser.parse_args()
    sys.exit(asyncio.run(_main(given.inputs, given.seed, given.seconds, given.only)))
