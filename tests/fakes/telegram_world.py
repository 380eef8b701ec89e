"""What Telegram knows: people, chats, messages, updates. Tests act here as callers and read what the bot did."""

from __future__ import annotations

import asyncio
import base64
import itertools
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

BOT_ID = 700_000_001
DEFAULT_UPDATES = frozenset({"message", "edited_message", "callback_query", "my_chat_member", "channel_post"})
_MEDIA: dict[str, Json] = {
    "voice": {"mime_type": "audio/ogg", "duration": 7, "file_size": 9000},
    "audio": {"mime_type": "audio/mpeg", "duration": 60, "file_size": 90000, "file_name": "song.mp3"},
    "video": {"mime_type": "video/mp4", "duration": 9, "file_size": 500000, "width": 640, "height": 480},
    "video_note": {"duration": 5, "file_size": 50000, "length": 240},
    "animation": {"mime_type": "video/mp4", "duration": 2, "file_size": 5000, "width": 64, "height": 64},
    "document": {"mime_type": "application/pdf", "file_size": 12345, "file_name": "договор.pdf"},
    "sticker": {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False, "emoji": "👍"},
}


@dataclass
class Chat:
    """A chat as the bot sees it."""

    id: int
    type: str = "private"
    title: str = ""
    language: str = "ru"
    blocked: bool = False  # by the person, or the bot is not in the group
    is_forum: bool = False
    topics: dict[int, Json] = field(default_factory=dict)  # thread id: {"name", "icon", "closed"}

    def as_json(self) -> Json:
        """Bot API Chat."""
        if self.type == "private":
            return {"id": self.id, "type": "private", "first_name": f"Caller {self.id}"}
        return {"id": self.id, "type": self.type, "title": self.title, **({"is_forum": True} if self.is_forum else {})}

    def person(self) -> Json:
        """Bot API User of a private chat."""
        return {"id": self.id, "is_bot": False, "first_name": f"Caller {self.id}", "language_code": self.language}


@dataclass
class Webhook:
    """What setWebhook set."""

    url: str = ""
    secret: str = ""
    connections: int = 40
    error: str = ""
    error_at: int = 0


class World:
    """One bot's Telegram."""

    def __init__(self) -> None:
        self.chats: dict[int, Chat] = {}
        self.messages: dict[tuple[int, int], Json] = {}  # what still exists
        self.sent: list[Json] = []  # by the bot, in order: at, chat, message_id, method, text, html, markup, thread
        self.deleted: list[tuple[int, int]] = []
        self.answered: list[Json] = []  # answerCallbackQuery
        self.edited: list[Json] = []  # editMessage…
        self.actions: list[Json] = []  # sendChatAction
        self.reactions: list[tuple[int, int]] = []  # setMessageReaction
        self.commands: dict[str, list[Json]] = {}  # by "scope:language"
        self.texts: dict[str, str] = {}  # descriptions by "method:language"
        self.left: list[int] = []  # groups the bot left
        self.files: dict[str, tuple[str, bytes]] = {}  # file id: path, content
        self.queries: set[str] = set()  # callback queries not answered yet
        self.pending: list[Json] = []  # updates not confirmed
        self.history: list[Json] = []  # updates that were confirmed
        self.again: list[Json] = []  # updates to be delivered once more, confirmed or not
        self.allowed = DEFAULT_UPDATES
        self.webhook = Webhook()
        self.changed = asyncio.Event()
        self._updates = itertools.count(random.randrange(1_000_000, 900_000_000))
        self._messages = itertools.count(101)
        self._others = itertools.count(1)

    # What callers do; each returns the update's id, or 0 when the bot did not ask for such updates.

    def say(self, chat: int, text: str, *, language: str = "", ago: float = 0, **fields: Any) -> int:
        """A text or a command in a private chat."""
        entities = (
            [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}] if text[:1] == "/" else []
        )
        extra = {"entities": entities} if entities else {}
        return self._message(chat, {"text": text, **extra, **fields}, language, ago)

    def send(
        self,
        chat: int,
        kind: str,
        *,
        language: str = "",
        caption: str = "",
        ago: float = 0,
        content: str = "",
        **fields: Any,
    ) -> int:
        """Anything but a text: photo, voice, document, sticker, location, contact, dice, …; `content`: base64."""
        extra = {"caption": caption} if caption else {}
        made = self._content(kind)
        if content:
            file = made[kind][-1] if kind == "photo" else made[kind]
            self.files[file["file_id"]] = (self.files[file["file_id"]][0], base64.b64decode(content))
        return self._message(chat, {**made, **extra, **fields}, language, ago)

    def move(self, chat: int, message: int, latitude: float, longitude: float) -> int:
        """A live location goes elsewhere."""
        old = self.messages[(chat, message)]
        place = {"latitude": latitude, "longitude": longitude, "live_period": 900}
        self.messages[(chat, message)] = new = {**old, "location": place, "edit_date": int(time.time()) + 1}
        return self.push({"edited_message": new})

    def drop_topic(self, chat: int, thread: int) -> None:
        """Somebody deletes a topic with all that is in it."""
        del self.chats[chat].topics[thread]
        gone = [place for place, message in self.messages.items() if message.get("message_thread_id") == thread]
        for place in gone:
            del self.messages[place]

    def _content(self, kind: str) -> Json:
        if kind == "photo":
            sizes = [{**self._file("photo", b"small"), "width": 90, "height": 60, "file_size": 900}]
            return {"photo": [*sizes, {**self._file("photo"), "width": 900, "height": 600, "file_size": 90000}]}
        if kind == "location":
            return {"location": {"latitude": 43.25, "longitude": 76.95}}
        if kind == "venue":
            place = {"latitude": 43.25, "longitude": 76.95}
            return {"location": place, "venue": {"location": place, "title": "Вокзал", "address": "Алматы"}}
        if kind == "contact":
            return {"contact": {"phone_number": "+77010000000", "first_name": "A"}}
        if kind == "dice":
            return {"dice": {"emoji": "🎲", "value": 3}}
        if kind not in _MEDIA:
            return {kind: True}  # a service message
        made = {kind: {**_MEDIA[kind], **self._file(kind)}}
        return {**made, "document": made[kind]} if kind == "animation" else made

    def _file(self, kind: str, content: bytes = b"") -> Json:
        number = next(self._others)
        self.files[f"file-{number}"] = (f"{kind}/file_{number}", content or f"content of {kind} {number}".encode())
        return {"file_id": f"file-{number}", "file_unique_id": f"unique-{number}"}

    def edit(self, chat: int, message: int, text: str) -> int:
        """A caller changes an earlier message."""
        old = self.messages[(chat, message)]
        old.update(text=text, edit_date=int(time.time()))
        return self.push({"edited_message": old})

    def press(self, chat: int, data: str, *, message: int = 0, language: str = "") -> int:
        """Press a button: the newest message that has it, unless told otherwise. Raises LookupError when there is none."""
        found = message or self.button(chat, data)
        if not found:
            raise LookupError(f"no button {data} in chat {chat}")
        query = f"query-{next(self._others)}"
        self.queries.add(query)
        shown = self.messages.get((chat, found)) or {"chat": self.chat(chat).as_json(), "message_id": found, "date": 0}
        person = self.chat(chat, language=language).person()
        call = {"id": query, "from": person, "chat_instance": "1", "message": shown, "data": data}
        return self.push({"callback_query": call})

    def button(self, chat: int, data: str) -> int:
        """The newest message with this button; 0: none."""
        for (where, number), message in sorted(self.messages.items(), reverse=True):
            rows = (message.get("reply_markup") or {}).get("inline_keyboard", [])
            if where == chat and any(button.get("callback_data") == data for row in rows for button in row):
                return number
        return 0

    def react(self, chat: int, message: int, emoji: str = "👍") -> int:
        """A reaction to a message."""
        known = self.chat(chat)
        new = [{"type": "emoji", "emoji": emoji}]
        change = {"chat": known.as_json(), "message_id": message, "user": known.person(), "date": int(time.time())}
        return self.push({"message_reaction": {**change, "old_reaction": [], "new_reaction": new}})

    def block(self, chat: int) -> int:
        """The caller blocks the bot."""
        self.chat(chat).blocked = True
        return self._member(chat, "member", "kicked")

    def unblock(self, chat: int) -> int:
        """The caller lets the bot write again."""
        self.chat(chat).blocked = False
        return self._member(chat, "kicked", "member")

    def invite(
        self, chat: int, *, title: str = "Group", kind: str = "supergroup", forum: bool = False, by: int = 5
    ) -> int:
        """Someone puts the bot into a group."""
        self.chats[chat] = Chat(chat, kind, title, is_forum=forum)
        return self._member(chat, "left", "member", by)

    def group_say(self, chat: int, person: int, text: str, *, thread: int = 0, **fields: Any) -> int:
        """A message in a group or topic."""
        extra = {"message_thread_id": thread, "is_topic_message": True} if thread else {}
        author = Chat(person).person()
        return self._message(chat, {"text": text, "from": author, **extra, **fields}, "", 0)

    def _member(self, chat: int, old: str, new: str, by: int = 0) -> int:
        known, me = self.chat(chat), {"id": BOT_ID, "is_bot": True, "first_name": "Bot", "username": "test_bot"}

        def state(status: str) -> Json:
            return {"user": me, "status": status, **({"until_date": 0} if status == "kicked" else {})}

        change: Json = {"chat": known.as_json(), "from": Chat(by or chat, language=known.language).person()}
        change |= {"date": int(time.time()), "old_chat_member": state(old), "new_chat_member": state(new)}
        return self.push({"my_chat_member": change})

    def _message(self, chat: int, fields: Json, language: str, ago: float) -> int:
        known = self.chat(chat, language=language)
        number = next(self._messages)
        message = {
            "message_id": number,
            "date": int(time.time() - ago),
            "chat": known.as_json(),
            "from": known.person(),
        }
        message |= fields
        self.messages[(chat, number)] = message
        return self.push({"message": message})

    def push(self, update: Mapping[str, Any]) -> int:
        """Any update, as JSON without its id."""
        if not self.allowed & set(update):
            return 0
        number = next(self._updates)
        self.pending.append({**update, "update_id": number})
        self.changed.set()
        return number

    def repeat(self, update: int) -> None:
        """Deliver an update once more although it is or will be confirmed."""
        known = [u for u in (*self.pending, *self.history) if u["update_id"] == update]
        self.again.append(known[0])
        self.changed.set()

    def confirm(self, done: list[Json]) -> None:
        """These were taken: forget them."""
        numbers = {update["update_id"] for update in done}
        self.history += done
        self.pending = [update for update in self.pending if update["update_id"] not in numbers]

    def chat(self, number: int, *, language: str = "") -> Chat:
        """The chat, made when it is new."""
        known = self.chats.setdefault(number, Chat(number, "private" if number > 0 else "supergroup"))
        known.language = language or known.language
        return known

    def next_message(self) -> int:
        """An unused message id."""
        return next(self._messages)

    def to(self, chat: int) -> list[str]:
        """The texts the bot sent to one chat, in order."""
        return [sent["text"] for sent in self.sent if sent["chat"] == chat]

    def visible(self, chat: int) -> list[str]:
        """The texts that stand in the chat now, of both sides."""
        return [m.get("text", "") for (where, _), m in sorted(self.messages.items()) if where == chat]

    def age(self, seconds: float) -> None:
        """Make every message so much older."""
        for message in self.messages.values():
            message["date"] -= int(seconds)
