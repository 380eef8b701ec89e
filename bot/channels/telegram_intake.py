"""How Telegram's updates come in: asked for by long polling, or posted to the webhook; either way stored first."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import structlog
from fastapi import APIRouter, Request, Response
from telegram.error import Conflict, InvalidToken, TelegramError

from bot.channels.telegram_client import Client, SlowDownError
from bot.channels.telegram_payload import ALLOWED_UPDATES, Arrival, Invitation, Press, arrival, update_number
from bot.dialogue.knowledge import N_
from bot.dialogue.message import Envelope
from bot.errors import StoreAwayError
from bot.hotline.records import Move

log = structlog.get_logger(__name__)

Receive = Callable[[Sequence[Envelope]], Awaitable[None]]
Moved = Callable[[Sequence[Move]], Awaitable[None]]

PATH: Final = "/telegram/webhook"
_HEADER: Final = "x-telegram-bot-api-secret-token"  # Bot API, setWebhook
_BODY_LIMIT: Final = 1_000_000  # bytes; an update is a few kilobytes
_POLL: Final = 25  # seconds a long poll stays open
_QUIET: Final = 86_400.0  # after a quiet week ids begin anew at random: the offset is dropped long before
_WATCH: Final = 60.0  # seconds between looks at the webhook's state
_LONGEST_BACKOFF: Final = 8.0  # seconds: someone in danger may have written meanwhile
_POISON: Final = 3  # failures of an update that cannot be stored while others can, then it is passed over
_ONLY_PRIVATE = N_("I work only in private chats. Please write to me directly.")

Updates = Sequence[Mapping[str, Any]]


class GroupDesk(Protocol):
    """The operators' group, as far as its updates are concerned."""

    @property
    def chat(self) -> int:
        """The group's id."""
        ...

    async def take(self, raw: Mapping[str, Any]) -> None:
        """Act on an update; may be given the same twice. Raises StoreAwayError: it must come again."""
        ...


class Intake:
    """Takes updates: stores their messages, then does what Telegram expects besides."""

    def __init__(self, client: Client, say: Callable[[str, str], str], desk_chat: int = 0) -> None:
        self._client = client
        self._say = say
        self._desk_chat = desk_chat
        self._receive: Receive | None = None
        self._moved: Moved | None = None
        self.desk: GroupDesk | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls = asyncio.Semaphore(16)
        self.updated = time.monotonic()  # when an update last came
        self.contacted = time.monotonic()  # when Telegram last answered us or called

    def open(self, receive: Receive, moved: Moved | None = None) -> None:
        """From now on messages are handed to `receive`, moves of live locations to `moved`."""
        self._receive, self._moved = receive, moved
        self.updated = self.contacted = time.monotonic()

    async def close(self) -> None:
        """Take no more; finish the small calls in hand."""
        self._receive = None
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2)
        for task in self._tasks:
            task.cancel()

    async def take(self, updates: Updates) -> None:
        """Returns when the updates are durable. Raises StoreAwayError when they are not: they must come again."""
        if self._receive is None:
            raise StoreAwayError("Not started.")
        now = datetime.now(UTC)
        arrivals = [arrival(update, now) for update in updates]
        await self._receive([found.envelope for found in arrivals if found.envelope])
        if self._moved:
            await self._moved([found.move for found in arrivals if found.move])
        for update in updates:
            if self.desk and _chat(update) == self.desk.chat:
                await self.desk.take(update)
        self.updated = self.contacted = time.monotonic()
        for found in arrivals:
            self._follow(found)

    def _follow(self, found: Arrival) -> None:
        if found.press:
            self._begin(self._acknowledge(found.press))
        if found.invitation and found.invitation.chat != self._desk_chat:
            self._begin(self._decline(found.invitation))

    def _begin(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, call: Coroutine[Any, Any, None]) -> None:
        async with self._calls:
            try:
                await call
            except Exception as error:  # a courtesy: without it the caller still gets the answer
                log.debug("a small call to Telegram failed", error=type(error).__name__)

    async def _acknowledge(self, press: Press) -> None:
        """Stop the button's clock; then take the buttons away, so that one question is answered once."""
        try:
            await self._client.answer_callback_query(press.query)
        finally:
            if press.message:
                await self._client.edit_message_reply_markup(press.chat, press.message, reply_markup=None)

    async def _decline(self, invitation: Invitation) -> None:
        """The bot is for private chats: in a group others would read what a caller asks."""
        try:
            await self._client.send_message(invitation.chat, self._say(_ONLY_PRIVATE, invitation.language))
        finally:
            await self._client.leave_chat(invitation.chat)


def _chat(update: Mapping[str, Any]) -> object:
    """Where a message was written."""
    chat = update["message"].get("chat") if isinstance(update.get("message"), Mapping) else None
    return chat.get("id") if isinstance(chat, Mapping) else None


class Polling:
    """Asks for updates. Telegram keeps each, 24 h at most, until a later offset confirms it."""

    def __init__(self, client: Client, intake: Intake) -> None:
        self._client = client
        self._intake = intake
        self._offset: int | None = None
        self._failures = 0
        self._poison: dict[int, int] = {}  # update id: how often it could not be stored

    async def run(self) -> None:
        """Until cancelled."""
        hooked = True
        while True:
            try:
                if hooked:
                    await self._client.delete_webhook(drop_pending_updates=False)
                    hooked = False
                await self._once()
                self._failures = 0
            except Conflict as error:
                hooked = "webhook" in error.message.lower()
                log.warning("Telegram is polled by another process, or has a webhook", failures=self._failures)
                await self._back_off()
            except SlowDownError as error:
                await asyncio.sleep(error.after)
            except InvalidToken:
                log.error("Telegram refused the bot's token: check HOTLINE_TELEGRAM__TOKEN")  # noqa: TRY400
                await self._back_off()
            except (TelegramError, StoreAwayError) as error:
                log.warning("polling failed for now", error=type(error).__name__, failures=self._failures)
                await self._back_off()
            except Exception as error:  # the loop must outlive whatever it meets
                log.exception("polling failed", exc_info=error)
                await self._back_off()

    async def _once(self) -> None:
        if time.monotonic() - self._intake.updated > _QUIET:
            self._offset = None
        found = await self._client.raw_updates(self._offset, _POLL, ALLOWED_UPDATES)
        self._intake.contacted = time.monotonic()
        updates = [update for update in found if update_number(update) is not None]
        if updates:
            await self._store(updates)
            self._offset = max(update_number(update) or 0 for update in updates) + 1

    async def _store(self, updates: Updates) -> None:
        """All at once; when that fails for another reason than the database, one by one to find the bad one."""
        try:
            await self._intake.take(updates)
        except StoreAwayError:
            raise
        except Exception as error:  # looked at one by one below
            log.warning("a batch of updates could not be stored", error=type(error).__name__, count=len(updates))
            for update in updates:
                await self._store_one(update)

    async def _store_one(self, update: Mapping[str, Any]) -> None:
        number = update_number(update) or 0
        try:
            await self._intake.take([update])
        except StoreAwayError:
            raise
        except Exception:
            self._poison[number] = self._poison.get(number, 0) + 1
            if self._poison[number] < _POISON:
                raise
            log.exception("an update could not be stored and is passed over")
        self._poison.pop(number, None)

    async def _back_off(self) -> None:
        self._failures += 1
        full = min(_LONGEST_BACKOFF, 0.5 * 2.0 ** min(self._failures - 1, 10))
        await asyncio.sleep(full * random.uniform(0.5, 1.0))  # noqa: S311 - parts processes that wait together


def webhook_secret(token: str) -> str:
    """What Telegram repeats in each call (1–256 of A–Z a–z 0–9 _ -), from the token, so that it needs no setting."""
    return hmac.new(token.encode(), b"hotline telegram webhook", hashlib.sha256).hexdigest()


class Webhook:
    """Takes the updates Telegram posts to us, and keeps the webhook set."""

    def __init__(self, client: Client, intake: Intake, public_url: str) -> None:
        self._client = client
        self._intake = intake
        self._url = public_url.rstrip("/") + PATH
        self._secret = webhook_secret(client.token)

    def router(self) -> APIRouter:
        """The one route."""
        router = APIRouter(tags=["telegram"])
        router.add_api_route(PATH, self.receive, methods=["POST"], include_in_schema=False)
        return router

    async def receive(self, request: Request) -> Response:
        """200 once the update is durable; 403 for anyone but Telegram; 400 for what is no update; 503: send it again."""
        given = request.headers.get(_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return Response(status_code=403)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > _BODY_LIMIT:
                return Response(status_code=413)
        try:
            update = json.loads(bytes(body))
        except (ValueError, RecursionError):
            return Response(status_code=400)
        if update_number(update) is None:
            return Response(status_code=400)
        try:
            await self._intake.take([update])
        except StoreAwayError:
            return Response(status_code=503)
        return Response(status_code=200)

    async def run(self) -> None:
        """Set the webhook, and set it again whenever it is found gone. Until cancelled."""
        is_ours = False  # at first in any case: what is set there may carry another secret
        while True:
            try:
                if not is_ours:
                    await self._set()
                self._intake.contacted = time.monotonic()
                await asyncio.sleep(_WATCH)
                info = await self._client.get_webhook_info()
                is_ours = info.url == self._url and set(info.allowed_updates) == set(ALLOWED_UPDATES)
            except SlowDownError as error:
                await asyncio.sleep(error.after)
            except TelegramError as error:
                log.warning("the webhook could not be set for now", error=type(error).__name__)
                await asyncio.sleep(2.0)

    async def _set(self) -> None:
        await self._client.set_webhook(
            self._url,
            allowed_updates=ALLOWED_UPDATES,
            secret_token=self._secret,
            max_connections=20,
            drop_pending_updates=False,
        )
