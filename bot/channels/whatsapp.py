"""Meta's WhatsApp Cloud API: a signed webhook in, POST /messages out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from fastapi import APIRouter, Request, Response

from bot.channels.whatsapp_payload import NAME, payloads, read_webhook, template
from bot.dialogue.message import Envelope
from bot.dialogue.reply import Reply
from bot.errors import DeliveryError, GaveUpError, OutsideWindowError, StoreAwayError, TryLaterError, UnreachableError
from bot.hotline.ports import Rates
from bot.hotline.records import StatusUpdate
from bot.settings import WhatsAppSettings

log = structlog.get_logger(__name__)

BODY_LIMIT = 3_200_000  # bytes; Meta sends up to 3 MB and batches
_TIMEOUT = 4.0  # seconds; under half of the sender's lease
_MEDIA_LIMIT = 20_000_000  # bytes shown to an operator
_FILE_TYPES = {"photo": "image", "voice": "audio"}  # ours and Meta's; all else is a document
_PAUSE = 1.0  # seconds the whole number pauses when Meta says that it is too fast
# Meta's error codes (developers.facebook.com, Cloud API error codes; as sorted by courier's meta handlers).
_TOO_FAST = frozenset({4, 80007, 130429, 131048, 133016})  # the number as a whole
_TOO_FAST_FOR_ONE = 131056  # one recipient: about a message in 6 s over time, bursts are tolerated
_AGAIN = frozenset({1, 2, 131000, 131016, 131053, 131057})
_UNREACHABLE = frozenset({131026, 131051, 130472})
OUTSIDE_WINDOW = 131047  # over 24 h since the person's last message: only approved templates
# Where Meta keeps media; nothing else is fetched, whatever a webhook says.
_MEDIA_HOSTS = (".fbsbx.com", ".facebook.com", ".whatsapp.net", ".fbcdn.net")

Receive = Callable[[Sequence[Envelope]], Awaitable[None]]
Statuses = Callable[[Sequence[StatusUpdate]], Awaitable[None]]


class WhatsAppChannel:
    """Implements `bot.hotline.ports.Channel`."""

    name = NAME
    rates = Rates(gap=1.0, overall=80.0)  # 80 messages/s for a number (Meta, throughput, May 2026)
    can_write_first = True
    can_send_files = True
    can_delete = False  # the Cloud API deletes nothing; the caller is told how to delete the chat

    def __init__(self, settings: WhatsAppSettings) -> None:
        self._settings = settings
        self._client: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.close()

    def render(self, reply: Reply) -> tuple[Mapping[str, Any], ...]:
        """The bodies for one reply."""
        return payloads(reply)

    def knock(self, language: str) -> Mapping[str, Any] | None:
        """The approved template in this language, the only thing WhatsApp takes after 24 hours."""
        found = self._settings.template(language)
        return template(*found) if found else None

    async def send(self, address: str, payload: Mapping[str, Any]) -> str:
        """Send one body; WhatsApp's id of the message."""
        body = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": address, **payload}
        answer = await self._post("messages", json=body)
        messages = answer.get("messages")
        if not isinstance(messages, list) or not messages or not isinstance(messages[0].get("id"), str):
            raise TryLaterError("WhatsApp answered something unreadable.")
        return str(messages[0]["id"])

    async def send_file(self, address: str, payload: Mapping[str, Any], data: bytes) -> str:
        """Upload the file, then send what it was given as; WhatsApp's id of the message."""
        file = payload["file"]
        form = aiohttp.FormData()
        form.add_field("messaging_product", "whatsapp")
        form.add_field("type", file["mime"])
        form.add_field("file", data, filename=file["name"], content_type=file["mime"])
        identity = (await self._post("media", data=form)).get("id")
        if not isinstance(identity, str):
            raise TryLaterError("WhatsApp answered something unreadable.")
        if file["kind"] in _FILE_TYPES:
            shown_as = _FILE_TYPES[file["kind"]]
            return await self.send(address, {"type": shown_as, shown_as: {"id": identity}})
        return await self.send(address, {"type": "document", "document": {"id": identity, "filename": file["name"]}})

    async def delete(self, address: str, references: Sequence[str]) -> None:
        """Not possible at WhatsApp."""

    async def typing(self, address: str, reference: str) -> None:  # noqa: ARG002 - the message says enough
        """The dots, for at most 25 s or until the answer."""
        await self._mark_read(reference, typing_indicator={"type": "text"})

    async def seen(self, envelopes: Sequence[Envelope]) -> None:
        """Blue ticks for messages that are stored: one call a person, since it counts for all earlier ones too."""
        newest = {envelope.sender: envelope.message.reference for envelope in envelopes}
        for reference in newest.values():
            await self._mark_read(reference)

    async def _mark_read(self, reference: str, **more: Any) -> None:
        """Failures are of no consequence."""
        body = {"messaging_product": "whatsapp", "status": "read", "message_id": reference, **more}
        with contextlib.suppress(DeliveryError):
            await self._post("messages", json=body)

    async def media(self, reference: str) -> AsyncIterator[bytes]:
        """A file that a caller sent, at most 20 MB of it."""
        url = f"{self._settings.api_url}/{_plain_id(reference)}"
        try:
            async with self._http().get(url, headers=self._headers()) as answer:
                address = (await answer.json()).get("url", "") if answer.status == 200 else ""
            if not self._is_media_host(address):
                raise GaveUpError("WhatsApp does not have this file any more.")
            async with self._http().get(address, headers=self._headers(), allow_redirects=False) as answer:
                if answer.status != 200:
                    raise GaveUpError("WhatsApp does not have this file any more.")
                size = 0
                async for chunk in answer.content.iter_chunked(65_536):
                    size += len(chunk)
                    if size > _MEDIA_LIMIT:
                        return
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise TryLaterError(f"WhatsApp could not be reached: {type(error).__name__}") from None

    def _is_media_host(self, address: str) -> bool:
        parts = urlsplit(address)
        own = urlsplit(self._settings.api_url)
        if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
            return True
        return parts.scheme == "https" and f".{parts.hostname or ''}".endswith(_MEDIA_HOSTS)

    async def _post(self, edge: str, **body: Any) -> dict[str, Any]:
        url = f"{self._settings.api_url}/{self._settings.phone_id}/{edge}"
        try:
            async with self._http().post(url, headers=self._headers(), **body) as answer:
                try:
                    read = await answer.json(content_type=None)
                except (ValueError, UnicodeDecodeError):
                    read = None
                data = read if isinstance(read, dict) else {}
                if answer.status >= 400:
                    raise _failure(answer.status, data)
                return data
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TryLaterError(f"WhatsApp could not be reached: {type(error).__name__}") from None

    def _http(self) -> aiohttp.ClientSession:
        if self._client is None:
            timeout = aiohttp.ClientTimeout(total=_TIMEOUT)
            self._client = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=64))
        return self._client

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._settings.token.get_secret_value()}"}


class WhatsAppWebhook:
    """The routes that Meta calls."""

    def __init__(self, channel: WhatsAppChannel, settings: WhatsAppSettings, receive: Receive, statuses: Statuses) -> None:
        self._channel = channel
        self._settings = settings
        self._receive = receive
        self._statuses = statuses
        self._running: set[asyncio.Task[None]] = set()

    def router(self) -> APIRouter:
        """GET for Meta's check, POST for what happens."""
        router = APIRouter(prefix="/whatsapp", tags=["whatsapp"])
        router.add_api_route("/webhook", self.verify, methods=["GET"])
        router.add_api_route("/webhook", self.take, methods=["POST"])
        return router

    async def drain(self) -> None:
        """Wait for read receipts that are on their way."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def verify(self, request: Request) -> Response:
        """Meta asks whether this address is ours: the word must be right, the challenge is repeated."""
        query = request.query_params
        wanted = self._settings.verify_token.get_secret_value()
        given = query.get("hub.verify_token", "")
        if not wanted or query.get("hub.mode") != "subscribe" or not hmac.compare_digest(given.encode(), wanted.encode()):
            return Response(status_code=403)
        return Response(query.get("hub.challenge", "")[:200], media_type="text/plain")

    async def take(self, request: Request) -> Response:
        """Check the signature over the raw body, store, then answer 200."""
        raw = await request.body()
        if not self.is_signed(raw, request.headers.get("x-hub-signature-256", "")):
            return Response(status_code=403)
        try:
            delivery = read_webhook(json.loads(raw))
        except (ValueError, RecursionError):
            return Response(status_code=400)
        try:
            await self._receive(delivery.envelopes)
            await self._statuses(delivery.statuses)
        except StoreAwayError:
            return Response(status_code=503)
        if delivery.envelopes:
            task = asyncio.create_task(self._channel.seen(delivery.envelopes))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return Response(status_code=200)

    def is_signed(self, raw: bytes, header: str) -> bool:
        """Whether the header is HMAC-SHA256 of the body under the app secret; compared in constant time."""
        secret = self._settings.app_secret.get_secret_value().encode()
        wanted = "sha256=" + hmac.new(secret, raw, hashlib.sha256).hexdigest()
        return bool(secret) and hmac.compare_digest(wanted.encode(), header.encode("utf-8", "replace"))


def _failure(status: int, data: Mapping[str, Any]) -> DeliveryError:
    """What an error answer means for us."""
    error = data.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if code in _TOO_FAST or status == 429:
        return TryLaterError(f"WhatsApp asks to wait ({code}).", after=_PAUSE)
    if code == _TOO_FAST_FOR_ONE or code in _AGAIN or status >= 500:
        return TryLaterError(f"WhatsApp could not take it now ({code}).")
    if code == OUTSIDE_WINDOW:
        return OutsideWindowError("WhatsApp takes only templates now.")
    if code in _UNREACHABLE:
        return UnreachableError(f"This person cannot be reached on WhatsApp ({code}).")
    return GaveUpError(f"WhatsApp refused the message ({code}).")


def _plain_id(reference: str) -> str:
    """A media id has digits and letters only; anything else could lead the request elsewhere."""
    if not reference.isascii() or not reference.replace("-", "").replace("_", "").isalnum():
        raise GaveUpError("This is not a file of WhatsApp.")
    return reference
