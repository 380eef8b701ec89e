"""Targets at the public doors: Telegram's and WhatsApp's webhooks and the web chat."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import re
from typing import Any

from pydantic import SecretStr

from bench.fuzz.door import Answer, Door, QuietPlatform, app_of, ask
from bench.fuzz.hostile import Hostile, check
from bot.channels.telegram_intake import Intake, Webhook, webhook_secret
from bot.channels.webchat import WebChat, WebChatPages
from bot.channels.whatsapp import WhatsAppWebhook
from bot.settings import WhatsAppSettings

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
