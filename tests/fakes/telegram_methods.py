"""The Bot API's methods over the fake's world, with the refusals of the real one (core.telegram.org/bots/api)."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.fakes.telegram_html import MarkError, parse, units
from tests.fakes.telegram_limits import ApiError, Limits
from tests.fakes.telegram_world import BOT_ID, DEFAULT_UPDATES, Chat, Json, Webhook, World

_FORTY_EIGHT_HOURS = 48 * 3600
_MEDIA = {"sendPhoto": "photo", "sendVoice": "voice", "sendDocument": "document", "sendVideo": "video", "sendAudio": "audio",
          "sendSticker": "sticker", "sendAnimation": "animation", "sendVideoNote": "video_note"}  # fmt: skip
ICONS = {"5379748062124056162": "❗️", "5377498341074542641": "‼️", "5417915203100613993": "💬", "5312241539987020022": "🔥"}  # a topic's icon
Method = Callable[[Json], Awaitable[Any]]


class Methods:
    """One bot's methods; `call` is what a request leads to."""

    def __init__(self, world: World, limits: Limits) -> None:
        self.world = world
        self.limits = limits
        self._poll = 0  # the newest getUpdates; an older one is ended with 409

    async def call(self, method: str, params: Json, files: Mapping[str, tuple[str, bytes]]) -> Any:
        """The result, or ApiError."""
        names = {name.lower(): name for name in (*_MEDIA, *(n for n in dir(self) if n[0] != "_" and n != "call"))}
        name = names.get(method.lower())
        if name is None or name in ("world", "limits"):
            raise ApiError(404, "Not Found")
        if name in _MEDIA:
            return self._send_media(name, params, files)
        handler: Method = getattr(self, name)
        return await handler(params)

    # Who am I, and what comes in

    async def getMe(self, params: Json) -> Json:  # noqa: ARG002, N802 - the Bot API's names
        return {"id": BOT_ID, "is_bot": True, "first_name": "Test", "username": "test_bot", "can_join_groups": True,
                "can_read_all_group_messages": False, "supports_inline_queries": False}  # fmt: skip

    async def getUpdates(self, params: Json) -> list[Json]:  # noqa: N802
        world = self.world
        if world.webhook.url:
            text = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
            raise ApiError(409, f"Conflict: {text}")
        self._allow(params)
        self._poll += 1
        mine, offset = self._poll, number(params, "offset")
        limit = min(100, max(1, number(params, "limit") or 100))
        if offset < 0:
            world.confirm(world.pending[:offset])
        elif offset:
            world.confirm([update for update in world.pending if update["update_id"] < offset])
        until = time.monotonic() + min(50, number(params, "timeout"))
        world.changed.set()  # wakes an older call, which then sees that it is not the newest
        while True:
            await asyncio.sleep(0)
            world.changed.clear()
            if mine != self._poll:
                text = "terminated by other getUpdates request; make sure that only one bot instance is running"
                raise ApiError(409, f"Conflict: {text}")
            if world.again or world.pending:
                again, world.again = world.again, []
                return [*again, *world.pending][:limit]
            left = until - time.monotonic()
            if left <= 0:
                return []
            try:
                await asyncio.wait_for(world.changed.wait(), left)
            except TimeoutError:
                continue

    def _allow(self, params: Json) -> None:
        allowed = as_json(params, "allowed_updates")
        if allowed is not None:
            self.world.allowed = frozenset(allowed) or DEFAULT_UPDATES

    async def setWebhook(self, params: Json) -> bool:  # noqa: N802
        secret = str(params.get("secret_token", ""))
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise ApiError(400, "Bad Request: secret token contains unallowed characters")
        self._allow(params)
        if flag(params, "drop_pending_updates"):
            self.world.pending.clear()
        self.world.webhook = Webhook(str(params.get("url", "")), secret, number(params, "max_connections") or 40)
        self._poll += 1
        self.world.changed.set()
        return True

    async def deleteWebhook(self, params: Json) -> bool:  # noqa: N802
        return await self.setWebhook({"drop_pending_updates": params.get("drop_pending_updates", False)})

    async def getWebhookInfo(self, params: Json) -> Json:  # noqa: ARG002, N802
        hook = self.world.webhook
        info: Json = {"url": hook.url, "has_custom_certificate": False, "pending_update_count": len(self.world.pending)}
        if hook.error:
            info |= {"last_error_date": hook.error_at, "last_error_message": hook.error}
        if self.world.allowed != DEFAULT_UPDATES:
            info["allowed_updates"] = sorted(self.world.allowed)
        return info | ({"max_connections": hook.connections} if hook.url else {})

    # Sending

    async def sendMessage(self, params: Json) -> Json:  # noqa: N802
        chat = self._recipient(params)
        text, entities = self._formatted(str(params.get("text", "")), params)
        if not text:
            raise ApiError(400, "Bad Request: message text is empty")
        if units(text) > 4096:
            raise ApiError(400, "Bad Request: message is too long")
        return self._deliver("sendMessage", chat, params, {"text": text, "entities": entities})

    def _send_media(self, method: str, params: Json, files: Mapping[str, tuple[str, bytes]]) -> Json:
        chat, kind = self._recipient(params), _MEDIA[method]
        caption, entities = self._formatted(str(params.get("caption", "")), params)
        if units(caption) > 1024:
            raise ApiError(400, "Bad Request: message caption is too long")
        given = str(params.get(kind, ""))
        upload = files.get(given.removeprefix("attach://")) or files.get(kind)
        if upload:
            made = f"file-up-{len(self.world.files)}"
            self.world.files[made] = (f"{kind}/{upload[0]}", upload[1])
        elif given in self.world.files:
            made, was = given, self.world.files[given][0].partition("/")[0]
            if was != kind:  # Bot API, "Sending files": it is not possible to change the file type by file_id
                raise ApiError(400, f"Bad Request: can't use file of type {was} as {kind}")
        else:
            raise ApiError(400, "Bad Request: wrong file identifier/HTTP URL specified")
        file = {"file_id": made, "file_unique_id": f"u{made}", "duration": 1, "width": 9, "height": 9, "length": 9,
                "type": "regular", "is_animated": False, "is_video": False}  # fmt: skip
        content = {kind: [file] if kind == "photo" else file, "caption": caption, "caption_entities": entities}
        return self._deliver(method, chat, params, content)

    async def copyMessage(self, params: Json) -> Json:  # noqa: N802
        chat = self._recipient(params)
        original = self.world.messages.get((number(params, "from_chat_id"), number(params, "message_id")))
        if original is None:
            raise ApiError(400, "Bad Request: message to copy not found")
        kept = {
            k: v for k, v in original.items() if k not in ("message_id", "from", "chat", "date", "message_thread_id")
        }
        return {"message_id": self._deliver("copyMessage", chat, params, kept)["message_id"]}

    def _recipient(self, params: Json) -> Chat:
        """The chat a send is for; the refusals come before the limits, as at Telegram."""
        where = number(params, "chat_id")
        chat = self.world.chats.get(where)
        if chat is None:
            raise ApiError(400, "Bad Request: chat not found")
        if chat.blocked:
            who = "bot was blocked by the user" if chat.type == "private" else "bot was kicked from the supergroup chat"
            raise ApiError(403, f"Forbidden: {who}")
        if (thread := number(params, "message_thread_id")) and thread not in chat.topics:
            raise ApiError(400, "Bad Request: message thread not found")
        if thread and chat.topics[thread].get("closed"):
            raise ApiError(400, "Bad Request: TOPIC_CLOSED")
        self.limits.check(where)
        return chat

    def _formatted(self, text: str, params: Json) -> tuple[str, list[Json]]:
        mode = params.get("parse_mode")
        if not mode:
            return text.strip(), []
        if mode != "HTML":
            raise ApiError(400, "Bad Request: the fake reads HTML only")
        try:
            return parse(text)
        except MarkError as error:
            raise ApiError(400, f"Bad Request: can't parse entities: {error}") from error

    def _deliver(self, method: str, chat: Chat, params: Json, content: Json) -> Json:
        markup = checked_markup(as_json(params, "reply_markup"))
        made = self.world.next_message()
        thread = number(params, "message_thread_id")
        message: Json = {"message_id": made, "date": int(time.time()), "chat": chat.as_json(),
                         "from": {"id": BOT_ID, "is_bot": True, "first_name": "Test", "username": "test_bot"}}  # fmt: skip
        message |= {key: value for key, value in content.items() if value not in ("", [], None)}
        if markup and "inline_keyboard" in markup:
            message["reply_markup"] = markup
        if thread:
            message |= {"message_thread_id": thread, "is_topic_message": True}
        self.world.messages[(chat.id, made)] = message
        note = {
            "at": time.time(),
            "chat": chat.id,
            "message_id": made,
            "method": method,
            "markup": markup,
            "thread": thread,
        }
        shown = content.get("text", content.get("caption", ""))
        self.world.sent.append({**note, "text": shown, "html": params.get("text", ""), "content": content})
        return message

    # Changing and deleting

    async def editMessageReplyMarkup(self, params: Json) -> Json:  # noqa: N802
        message = self._own(params)
        markup = checked_markup(as_json(params, "reply_markup")) or {}
        if (message.get("reply_markup") or {}) == markup:
            raise ApiError(400, "Bad Request: message is not modified: specified new message content and reply markup "
                                "are exactly the same as a current content and reply markup of the message")  # fmt: skip
        message.pop("reply_markup", None)
        message |= {"reply_markup": markup} if markup else {}
        self.world.edited.append({"chat": message["chat"]["id"], "message_id": message["message_id"], "markup": markup})
        return message

    async def editMessageText(self, params: Json) -> Json:  # noqa: N802
        message = self._own(params)
        text, entities = self._formatted(str(params.get("text", "")), params)
        message |= {"text": text, "entities": entities}
        self.world.edited.append({"chat": message["chat"]["id"], "message_id": message["message_id"], "text": text})
        return message

    def _own(self, params: Json) -> Json:
        message = self.world.messages.get((number(params, "chat_id"), number(params, "message_id")))
        if message is None:
            raise ApiError(400, "Bad Request: message to edit not found")
        if message["from"]["id"] != BOT_ID:
            raise ApiError(400, "Bad Request: message can't be edited")
        return message

    async def answerCallbackQuery(self, params: Json) -> bool:  # noqa: N802
        query = str(params.get("callback_query_id", ""))
        if query not in self.world.queries:
            text = "query is too old and response timeout expired or query ID is invalid"
            raise ApiError(400, f"Bad Request: {text}")
        self.world.queries.discard(query)
        self.world.answered.append({"query": query, "text": params.get("text", ""), "at": time.time()})
        return True

    async def deleteMessage(self, params: Json) -> bool:  # noqa: N802
        place = number(params, "chat_id"), number(params, "message_id")
        message = self.world.messages.get(place)
        if message is None:
            raise ApiError(400, "Bad Request: message to delete not found")
        if time.time() - message["date"] > _FORTY_EIGHT_HOURS:
            raise ApiError(400, "Bad Request: message can't be deleted for everyone")
        del self.world.messages[place]
        self.world.deleted.append(place)
        return True

    async def deleteMessages(self, params: Json) -> bool:  # noqa: N802
        numbers = as_json(params, "message_ids") or []
        if not 1 <= len(numbers) <= 100:
            raise ApiError(400, "Bad Request: wrong number of messages to delete")
        chat = number(params, "chat_id")
        found = [self.world.messages[(chat, n)] for n in numbers if (chat, n) in self.world.messages]
        if any(time.time() - message["date"] > _FORTY_EIGHT_HOURS for message in found):
            raise ApiError(400, "Bad Request: message can't be deleted for everyone")
        for message in found:
            await self.deleteMessage({"chat_id": chat, "message_id": message["message_id"]})
        return True

    # Courtesies

    async def sendChatAction(self, params: Json) -> bool:  # noqa: N802
        self.world.actions.append(
            {"chat": number(params, "chat_id"), "action": params.get("action"), "at": time.time()}
        )
        return True

    async def setMessageReaction(self, params: Json) -> bool:  # noqa: N802
        place = number(params, "chat_id"), number(params, "message_id")
        if place not in self.world.messages:
            raise ApiError(400, "Bad Request: message to react not found")
        self.world.reactions.append(place)
        return True

    async def setMyCommands(self, params: Json) -> bool:  # noqa: N802
        commands = as_json(params, "commands") or []
        for command in commands:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]) or not 1 <= len(command["description"]) <= 256:
                raise ApiError(400, "Bad Request: BOT_COMMAND_INVALID")
        scope = (as_json(params, "scope") or {"type": "default"})["type"]
        self.world.commands[f"{scope}:{params.get('language_code', '')}"] = commands
        return True

    async def setMyDescription(self, params: Json) -> bool:  # noqa: N802
        return self._describe("description", params, 512)

    async def setMyShortDescription(self, params: Json) -> bool:  # noqa: N802
        return self._describe("short_description", params, 120)

    def _describe(self, key: str, params: Json, limit: int) -> bool:
        text = str(params.get(key, ""))
        if len(text) > limit:
            raise ApiError(400, f"Bad Request: {key} is too long")
        self.world.texts[f"{key}:{params.get('language_code', '')}"] = text
        return True

    async def getFile(self, params: Json) -> Json:  # noqa: N802
        name = str(params.get("file_id", ""))
        if name not in self.world.files:
            raise ApiError(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        path, content = self.world.files[name]
        if len(content) > 20 * 1024 * 1024:
            raise ApiError(400, "Bad Request: file is too big")
        return {"file_id": name, "file_unique_id": f"u{name}", "file_size": len(content), "file_path": path}

    # Groups and topics

    async def leaveChat(self, params: Json) -> bool:  # noqa: N802
        chat = self._recipient_unlimited(params)
        chat.blocked = True
        self.world.left.append(chat.id)
        return True

    async def createForumTopic(self, params: Json) -> Json:  # noqa: N802
        chat = self._forum(params)
        name, icon = self._title(params)
        if not name:
            raise ApiError(400, "Bad Request: TOPIC_TITLE_EMPTY")
        thread = self.world.next_message()
        chat.topics[thread] = {"name": name, "icon": icon or "", "closed": False}
        return {"message_thread_id": thread, "name": name, "icon_color": 7322096}

    async def editForumTopic(self, params: Json) -> bool:  # noqa: N802
        topic = self._topic(params)
        name, icon = self._title(params)
        new = {"name": name or topic["name"], "icon": topic["icon"] if icon is None else icon}
        if new.items() <= topic.items():
            raise ApiError(400, "Bad Request: TOPIC_NOT_MODIFIED")
        topic |= new
        return True

    @staticmethod
    def _title(params: Json) -> tuple[str, str | None]:
        name, icon = str(params.get("name", "")), params.get("icon_custom_emoji_id")
        if len(name) > 128:
            raise ApiError(400, "Bad Request: TOPIC_TITLE_TOO_LONG")
        if icon and icon not in ICONS:
            raise ApiError(400, "Bad Request: DOCUMENT_INVALID")
        return name, None if icon is None else ICONS.get(icon, "")

    async def getForumTopicIconStickers(self, params: Json) -> list[Json]:  # noqa: ARG002, N802
        kind = {"type": "custom_emoji", "width": 100, "height": 100, "is_animated": True, "is_video": False}
        return [{**kind, "file_id": f"icon-{key}", "file_unique_id": key, "custom_emoji_id": key, "emoji": emoji} for key, emoji in ICONS.items()]

    async def closeForumTopic(self, params: Json) -> bool:  # noqa: N802
        return self._open_or_close(params, closed=True)

    async def reopenForumTopic(self, params: Json) -> bool:  # noqa: N802
        return self._open_or_close(params, closed=False)

    async def deleteForumTopic(self, params: Json) -> bool:  # noqa: N802
        self._topic(params)
        self.world.drop_topic(self._forum(params).id, number(params, "message_thread_id"))
        return True

    def _open_or_close(self, params: Json, *, closed: bool) -> bool:
        topic = self._topic(params)
        if topic["closed"] == closed:
            raise ApiError(400, "Bad Request: TOPIC_NOT_MODIFIED")
        topic["closed"] = closed
        return True

    def _topic(self, params: Json) -> Json:
        topic = self._forum(params).topics.get(number(params, "message_thread_id"))
        if topic is None:
            raise ApiError(400, "Bad Request: message thread not found")
        return topic

    def _forum(self, params: Json) -> Chat:
        chat = self._recipient_unlimited(params)
        if not chat.is_forum:
            raise ApiError(400, "Bad Request: the chat is not a forum")
        return chat

    def _recipient_unlimited(self, params: Json) -> Chat:
        chat = self.world.chats.get(number(params, "chat_id"))
        if chat is None:
            raise ApiError(400, "Bad Request: chat not found")
        return chat


def number(params: Json, key: str) -> int:
    """An integer parameter; 0 when it is not there or is none."""
    try:
        return int(params.get(key) or 0)
    except (TypeError, ValueError):
        return 0


def flag(params: Json, key: str) -> bool:
    """A boolean parameter."""
    return str(params.get(key, "")).lower() in ("true", "1")


def as_json(params: Json, key: str) -> Any:
    """A parameter that holds JSON: as a string in forms, as it is in JSON bodies."""
    value = params.get(key)
    try:
        return json.loads(value) if isinstance(value, str) and value else value
    except ValueError as error:
        raise ApiError(400, f"Bad Request: can't parse {key} JSON object") from error


def checked_markup(markup: Json | None) -> Json | None:
    """A reply markup with Telegram's refusals."""
    rows = (markup or {}).get("inline_keyboard", [])
    buttons = [button for row in rows for button in row]
    if len(buttons) > 100 or any(len(row) > 8 for row in rows):
        raise ApiError(400, "Bad Request: REPLY_MARKUP_TOO_LONG")
    for button in buttons:
        if not str(button.get("text", "")).strip():
            raise ApiError(
                400,
                "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            )
        if "callback_data" in button and not 1 <= len(button["callback_data"].encode()) <= 64:
            raise ApiError(400, "Bad Request: BUTTON_DATA_INVALID")
        if "url" in button and not re.match(r"(https?|tg)://\S+", button["url"]):
            raise ApiError(400, "Bad Request: BUTTON_URL_INVALID")
    return markup if buttons or not rows else None
