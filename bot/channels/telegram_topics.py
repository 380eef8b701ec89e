"""Forum topics of the operators' group: made, mended when someone deleted them, written to within Telegram's rates."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from telegram import LinkPreviewOptions
from telegram.error import BadRequest, TelegramError

from bot.channels.telegram_client import Client, SlowDownError

log = structlog.get_logger(__name__)

_MINUTE: Final = 60.0
_GONE = ("message thread not found", "topic_deleted", "topic_id_invalid", "topic not found")
_CLOSED = ("topic_closed",)
# What is one kind to us and several to Telegram, which takes a file's id only for its own kind.
_WORDLESS: Final = "video_note"  # takes no caption
_SOUNDS: Final = ("voice", "audio", _WORDLESS)
_PICTURES: Final = ("video", "animation")
_UNCHANGED: Final = "not_modified"
_NAME_LIMIT: Final = 128  # characters (Bot API, createForumTopic)


@dataclass(frozen=True, slots=True)
class Title:
    """How a topic is shown in the group's list."""

    name: str
    icon: str  # an emoji; shown when Telegram has it among its icons


class LaterError(Exception):
    """The minute's messages are used up; whatever waits is merged into one message."""


class TopicGoneError(Exception):
    """Someone deleted the topic."""


class Budget:
    """20 messages a minute for the whole group, all topics together (core.telegram.org/bots/faq).

    A part of them is a lane of its own: ordinary cases cannot use it up, so that an emergency always gets through.
    """

    def __init__(self, minute: int = 19, reserved: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """`reserved` for emergencies; None: a third."""
        self._minute = minute
        self._reserved = minute // 3 if reserved is None else reserved
        self._clock = clock
        self._sent: deque[float] = deque()
        self._until = 0.0

    def spend(self, urgent: bool) -> None:
        """Count one message; raises LaterError when there is none left in this lane."""
        now = self._clock()
        while self._sent and now - self._sent[0] >= _MINUTE:
            self._sent.popleft()
        if now < self._until or len(self._sent) >= self._minute - (0 if urgent else self._reserved):
            raise LaterError
        self._sent.append(now)

    def pause(self, seconds: float) -> None:
        """Telegram said 429."""
        self._until = self._clock() + seconds


class Topics:
    """The group's topics. Every call raises LaterError, TopicGoneError or TelegramError."""

    def __init__(self, client: Client, chat: int, budget: Budget | None = None) -> None:
        self.chat = chat
        self._client = client
        self._budget = budget or Budget()
        self._stickers: dict[str, str] = {}  # emoji -> id, of those that may be a topic's icon

    async def make(self, title: Title, urgent: bool) -> int:
        """A new topic; its id. Its service message counts like any other."""

        async def make(icon: str | None) -> Any:
            return await self._client.create_forum_topic(self.chat, title.name[:_NAME_LIMIT], icon_custom_emoji_id=icon)

        return int((await self._with_icon(make, title, urgent)).message_thread_id)

    async def rename(self, thread: int, title: Title, urgent: bool) -> None:
        """Another name and icon, which tells everyone with a service message. Raises BadRequest when it may not be."""

        async def edit(icon: str | None) -> Any:
            return await self._client.edit_forum_topic(self.chat, thread, title.name[:_NAME_LIMIT], icon_custom_emoji_id=icon)

        await self._with_icon(edit, title, urgent)

    async def _with_icon(self, call: Callable[[str | None], Awaitable[Any]], title: Title, urgent: bool) -> Any:
        """Which emoji may be icons is Telegram's to say and to change; a topic without its icon is better than none."""
        icon = await self._icon(title.icon)
        try:
            return await self._call(lambda: call(icon), urgent)
        except BadRequest as error:
            if _UNCHANGED in error.message.lower():
                return None
            if icon is None:
                raise
        self._stickers.clear()
        return await self._call(lambda: call(None), urgent)

    async def _icon(self, emoji: str) -> str | None:
        """The id under which Telegram takes an emoji as icon; None when it does not."""
        if not self._stickers:
            try:
                found = await self._client.get_forum_topic_icon_stickers()
            except TelegramError as error:
                log.debug("no icons for topics", error=type(error).__name__)
                return None
            self._stickers = {_bare(s.emoji or ""): str(s.custom_emoji_id) for s in found if s.custom_emoji_id}
        return self._stickers.get(_bare(emoji))

    async def write(self, thread: int, text: str, urgent: bool, *, loud: bool = False) -> None:
        """Write Telegram's HTML into a topic; 0: the group's general one. `loud`: with a sound."""
        await self._call(
            lambda: self._client.send_message(
                self.chat,
                text,
                parse_mode="HTML",
                message_thread_id=thread or None,
                disable_notification=not loud,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            ),
            urgent,
            thread,
        )

    async def show(self, thread: int, kind: str, file: str, urgent: bool, caption: str = "") -> None:
        """Show a file that a caller sent to this bot, by its id. Raises BadRequest when it cannot be shown."""
        names = {"voice": _SOUNDS, "video": _PICTURES}.get(kind, (kind,))
        for name in names:
            more: dict[str, Any] = {"caption": caption, "parse_mode": "HTML"} if caption and name != _WORDLESS else {}
            if caption and not more:
                await self.write(thread, caption, urgent)
            try:
                await self._call(
                    lambda name=name, more=more: self._client.send_file(  # type: ignore[misc]
                        self.chat, name, file, message_thread_id=thread, disable_notification=not urgent, **more
                    ),
                    urgent,
                    thread,
                )
            except BadRequest:
                if name == names[-1]:
                    raise
            else:
                return

    async def close(self, thread: int) -> None:
        """No more to say in it."""
        await self._call(lambda: self._client.close_forum_topic(self.chat, thread), None)

    async def remove(self, thread: int) -> None:
        """Delete the topic with all that is in it; gone already is fine."""
        try:
            await self._call(lambda: self._client.delete_forum_topic(self.chat, thread), None)
        except TopicGoneError:
            return

    async def nod(self, message: int) -> None:
        """A thumb on an operator's message: it was done. It costs no message of the minute."""
        try:
            await self._client.set_message_reaction(self.chat, message, "👍")
        except TelegramError as error:
            log.debug("no reaction", error=type(error).__name__)

    async def wipe(self, message: int) -> None:
        """Take an operator's message with a code out of the group."""
        try:
            await self._client.delete_message(self.chat, message)
        except TelegramError as error:
            log.warning("a message with a code could not be deleted", error=type(error).__name__)

    def link(self, thread: int) -> str:
        """Where a topic is found: private supergroups are named by their id without -100."""
        return f"https://t.me/c/{str(self.chat).removeprefix('-100')}/{thread}"

    async def _call(self, call: Callable[[], Awaitable[Any]], urgent: bool | None, thread: int = 0) -> Any:
        """`urgent` None: it costs no message."""
        if urgent is not None:
            self._budget.spend(urgent)
        try:
            return await call()
        except SlowDownError as error:
            self._budget.pause(error.after)
            raise LaterError from None
        except BadRequest as error:
            text = error.message.lower()
            if any(sign in text for sign in _GONE):
                raise TopicGoneError from None
            if thread and any(sign in text for sign in _CLOSED):
                await self._client.reopen_forum_topic(self.chat, thread)
                return await call()
            raise


def _bare(emoji: str) -> str:
    """Without the mark that asks for colours, which some write and some do not."""
    return emoji.replace("\ufe0f", "")
