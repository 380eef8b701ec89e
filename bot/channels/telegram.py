"""Telegram, as the hotline uses it: sends replies, deletes, fetches files; takes updates in by poll or webhook."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import httpx
import structlog
from fastapi import APIRouter
from prometheus_client import REGISTRY, CollectorRegistry, Gauge
from telegram import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReplyKeyboardRemove,
)
from telegram.constants import ChatAction
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.channels.telegram_client import Client, SlowDownError, delivery_error, is_unparsed
from bot.channels.telegram_desk import TelegramDesk
from bot.channels.telegram_intake import Intake, Moved, Polling, Receive, Webhook
from bot.channels.telegram_payload import NAME, payloads, plain
from bot.dialogue.command import COMMANDS
from bot.dialogue.knowledge import N_
from bot.dialogue.reply import Reply
from bot.errors import GaveUpError, TryLaterError
from bot.hotline.ports import Rates
from bot.settings import TelegramSettings

log = structlog.get_logger(__name__)

Say = Callable[[str, str], str]  # (phrase, language): the phrase in that language

_BATCH: Final = 100  # messages in one deleteMessages
_FILE_LIMIT: Final = 20 * 1024 * 1024  # bytes: more a bot cannot download (Bot API, getFile)
_LANGUAGES: Final = (None, "ru", "kk", "ky", "tg", "uz")  # None: everyone else; Telegram knows no Uzbek in Cyrillic
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)  # an answer that is no Bot API answer
_ABOUT = N_("This is a free and confidential information service. I am a program, not a person.")
_DESCRIPTION_LIMIT, _SHORT_LIMIT, _COMMAND_LIMIT = 512, 120, 256  # characters


class TelegramChannel:
    """Implements `bot.hotline.ports.Channel`. Sending needs no `start`: workers only send."""

    name = NAME
    rates = Rates(gap=1.0, overall=30.0)  # core.telegram.org/bots/faq: 1/s a chat, about 30/s over all
    can_delete = True
    can_send_files = True
    can_write_first = True

    def __init__(
        self, settings: TelegramSettings, say: Say, *, public_url: str = "", registry: CollectorRegistry = REGISTRY
    ) -> None:
        """With `public_url` updates come by webhook, without it they are polled."""
        self._client = Client(settings.token.get_secret_value(), settings.api_url)
        self._say = say
        self._registry = registry
        self._gauges: list[Gauge] = []
        self._intake = Intake(self._client, say, settings.desk_chat)
        self._webhook = Webhook(self._client, self._intake, public_url) if public_url else None
        self._tasks: list[asyncio.Task[None]] = []
        self._desk: TelegramDesk | None = None

    @property
    def client(self) -> Client:
        """The Bot API, for the operators' group."""
        return self._client

    def serve_desk(self, desk: TelegramDesk) -> None:
        """Let operators work in their group; before `start`."""
        self._desk = self._intake.desk = desk

    def render(self, reply: Reply) -> tuple[Mapping[str, Any], ...]:
        """sendMessage's parameters, one set for each piece of the reply."""
        return payloads(reply)

    async def send(self, address: str, payload: Mapping[str, Any]) -> str:
        """Send one payload; the message's id."""
        try:
            return await self._send(address, payload)
        except BadRequest as error:
            if not is_unparsed(error):
                raise delivery_error(error) from None
            log.warning("Telegram could not read our HTML: sent without marks")
        except TelegramError as error:
            raise delivery_error(error) from None
        except _UNREADABLE as error:
            raise TryLaterError(f"Unreadable answer: {type(error).__name__}") from None
        try:
            return await self._send(address, {**payload, "text": plain(payload["text"]), "parse_mode": None})
        except TelegramError as error:
            raise delivery_error(error) from None

    async def _send(self, address: str, payload: Mapping[str, Any]) -> str:
        sent = await self._client.send_message(
            int(address),
            payload["text"],
            parse_mode=payload.get("parse_mode"),
            link_preview_options=LinkPreviewOptions(**payload.get("link_preview_options", {})),
            reply_markup=_markup(payload.get("reply_markup")),
        )
        return str(sent.message_id)

    async def send_file(self, address: str, payload: Mapping[str, Any], data: bytes) -> str:
        """Upload a photo, voice message or document; the message's id. Raises as `send` does."""
        file, chat = payload["file"], int(address)
        try:
            sent = await self._client.send_file(chat, file["kind"], data, filename=file["name"])
        except TelegramError as error:
            raise delivery_error(error) from None
        except _UNREADABLE as error:
            raise TryLaterError(f"Unreadable answer: {type(error).__name__}") from None
        return str(sent.message_id)

    async def delete(self, address: str, references: Sequence[str]) -> None:
        """Delete messages; those gone or older than 48 h are passed over. Raises as `send` does."""
        numbers = [int(reference) for reference in references if reference.isdecimal()]
        for first in range(0, len(numbers), _BATCH):
            await self._delete(int(address), numbers[first : first + _BATCH])

    async def _delete(self, chat: int, numbers: list[int]) -> None:
        """One call; when Telegram refuses it for one of the messages, halves, down to single ones."""
        if not numbers:
            return
        try:
            if len(numbers) > 1:
                await self._client.delete_messages(chat, numbers)
            else:
                await self._client.delete_message(chat, numbers[0])
        except Forbidden:
            return  # the chat is gone for us: nothing can be deleted any more
        except BadRequest:
            if len(numbers) > 1:
                middle = len(numbers) // 2
                await self._delete(chat, numbers[:middle])
                await self._delete(chat, numbers[middle:])
        except TelegramError as error:
            raise delivery_error(error) from None

    async def typing(self, address: str, reference: str) -> None:  # noqa: ARG002 - the chat says enough
        """The three dots, for about 5 s."""
        with contextlib.suppress(TelegramError, *_UNREADABLE):
            await self._client.send_chat_action(int(address), ChatAction.TYPING)

    async def media(self, reference: str) -> AsyncIterator[bytes]:
        """A file's bytes. Raises GaveUpError when it is too large or gone, TryLaterError when Telegram is away."""
        try:
            file = await self._client.get_file(reference)
        except TelegramError as error:
            raise delivery_error(error) from None
        address = file.file_path or ""
        if not address.startswith(("http://", "https://")) or (file.file_size or 0) > _FILE_LIMIT:
            raise GaveUpError("This file cannot be fetched.")
        taken = 0
        try:
            async with httpx.AsyncClient(timeout=10.0) as web, web.stream("GET", address) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise TryLaterError("The file could not be fetched.")
                async for piece in answer.aiter_bytes():
                    taken += len(piece)
                    if taken > _FILE_LIMIT:
                        raise GaveUpError("This file is too large.")
                    yield piece
        except httpx.HTTPError as error:
            raise TryLaterError(type(error).__name__) from None  # its text holds the address with the token

    def router(self) -> APIRouter:
        """The webhook's route; empty when updates are polled."""
        return self._webhook.router() if self._webhook else APIRouter()

    async def start(self, receive: Receive, moved: Moved | None = None) -> None:
        """Take updates in from now on; `receive` returns when its envelopes are durable. Does not wait for Telegram.

        `moved` is told where live locations are now.
        """
        self._intake.open(receive, moved)
        self._gauges = [
            self._seconds("quiet", "Seconds since Telegram last sent an update", lambda: self._intake.updated),
            self._seconds("silent", "Seconds since Telegram last answered or called", lambda: self._intake.contacted),
        ]
        way = self._webhook or Polling(self._client, self._intake)
        self._tasks = [asyncio.create_task(way.run()), asyncio.create_task(self._introduce())]
        if self._desk:
            self._tasks.append(asyncio.create_task(self._desk.run()))

    async def stop(self) -> None:
        """Take nothing in any more; what was not stored, Telegram sends again. Sending goes on working."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._intake.close()
        for gauge in self._gauges:
            self._registry.unregister(gauge)
        self._tasks, self._gauges = [], []

    async def close(self) -> None:
        """Let go of the connections, after the last send."""
        await self._client.close_connections()

    def _seconds(self, name: str, text: str, since: Callable[[], float]) -> Gauge:
        gauge = Gauge(f"hotline_telegram_{name}_seconds", text, registry=self._registry)
        gauge.set_function(lambda: time.monotonic() - since())
        return gauge

    async def _introduce(self) -> None:
        """Tell Telegram the commands and what this is, in every language. Neutral: others may see the profile."""
        for language in _LANGUAGES:
            spoken = language or "ru"
            about = self._say(_ABOUT, spoken)
            commands = [BotCommand(name, self._say(text, spoken)[:_COMMAND_LIMIT]) for name, text in COMMANDS.items()]
            await _patiently(
                lambda c=commands, code=language: self._client.set_my_commands(  # type: ignore[misc]
                    c, scope=BotCommandScopeAllPrivateChats(), language_code=code
                )
            )
            await _patiently(
                lambda a=about, code=language: self._client.set_my_description(  # type: ignore[misc]
                    a[:_DESCRIPTION_LIMIT], language_code=code
                )
            )
            await _patiently(
                lambda a=about, code=language: self._client.set_my_short_description(  # type: ignore[misc]
                    a[:_SHORT_LIMIT], language_code=code
                )
            )


def _markup(payload: Mapping[str, Any] | None) -> InlineKeyboardMarkup | ReplyKeyboardRemove | None:
    if not payload:
        return None
    if payload.get("remove_keyboard"):
        return ReplyKeyboardRemove()
    return InlineKeyboardMarkup.de_json(dict(payload), None)


async def _patiently(call: Callable[[], Awaitable[object]], tries: int = 6) -> None:
    """Try again while Telegram is away or slow; a refusal is logged and let be."""
    for attempt in range(tries):
        try:
            await call()
            return
        except SlowDownError as error:
            await asyncio.sleep(error.after)
        except BadRequest as error:
            log.warning("Telegram refused a text about the bot", error=type(error).__name__)
            return
        except (TelegramError, *_UNREADABLE):
            await asyncio.sleep(min(30.0, 2.0**attempt))
