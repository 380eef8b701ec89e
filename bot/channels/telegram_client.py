"""python-telegram-bot's client, made quiet and quick to give up, and its errors in our kinds.

Quiet: the library logs answers it cannot read, and those hold what callers wrote. Nothing here logs more than a type.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from telegram import Bot
from telegram import Message as TelegramMessage
from telegram.error import BadRequest, Forbidden, InvalidToken, TelegramError
from telegram.request import BaseRequest, HTTPXRequest, RequestData

from bot.errors import DeliveryError, GaveUpError, TryLaterError, UnreachableError

# A call must end before the sender's own timeout (4 s, under half the lease of 10 s), or a message goes out twice.
_CONNECT: Final = 2.0  # seconds
_READ: Final = 3.5
_POOL: Final = 1.0
_TOO_MANY: Final = 429
_TOKEN_PAUSE: Final = 60.0  # seconds the channel waits after its token was refused: a person must mend that
_GONE = (
    "chat not found",
    "peer_id_invalid",
    "user not found",
    "user is deactivated",
    "bot was blocked",
    "chat_id is empty",
)
_UNPARSED = ("can't parse entities", "can't find end", "unsupported start tag")


class SlowDownError(TelegramError):
    """429: the library's own RetryAfter is about to change its type."""

    def __init__(self, after: float) -> None:
        super().__init__("Too many requests")
        self.after = after  # seconds


class _Request(HTTPXRequest):
    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """One HTTP request; raises SlowDownError for 429."""
        code, body = await super().do_request(
            url, method, request_data, read_timeout, write_timeout, connect_timeout, pool_timeout
        )
        if code == _TOO_MANY:
            raise SlowDownError(_retry_after(body))
        return code, body

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        """The body's JSON object; what cannot be read is not quoted anywhere."""
        try:
            found = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict) or not {"result", "description"} & found.keys():
            raise TelegramError("Invalid server response")
        return found


def _retry_after(body: bytes) -> float:
    try:
        return max(1.0, float(json.loads(body)["parameters"]["retry_after"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return 1.0


class Client(Bot):
    """The Bot API at `api_url` (https://api.telegram.org or one's own)."""

    def __init__(self, token: str, api_url: str) -> None:
        """Opens no connection."""
        base = api_url.rstrip("/")
        sending = _Request(64, read_timeout=_READ, write_timeout=_READ, connect_timeout=_CONNECT, pool_timeout=_POOL)
        polling = _Request(2, read_timeout=_READ, write_timeout=_READ, connect_timeout=_CONNECT, pool_timeout=_POOL)
        super().__init__(
            token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=sending,
            get_updates_request=polling,
        )

    async def raw_updates(self, offset: int | None, seconds: int, allowed: Sequence[str]) -> list[Any]:
        """getUpdates as JSON: one update that cannot be read must not hide the others, as the library's own call does."""
        data = {"offset": offset, "timeout": seconds, "limit": 100, "allowed_updates": list(allowed)}
        found = await self._post("getUpdates", data, read_timeout=seconds + _READ)
        if not isinstance(found, list):
            raise TelegramError("Invalid server response")
        return found

    async def send_file(self, chat: int, kind: str, file: str | bytes, **more: Any) -> TelegramMessage:
        """Send a file: its bytes, or the id of one that Telegram has, good for one kind only (Bot API, "Sending files")."""
        sends: dict[str, Callable[..., Awaitable[TelegramMessage]]] = {
            "photo": self.send_photo, "voice": self.send_voice, "audio": self.send_audio, "video": self.send_video,
            "video_note": self.send_video_note, "animation": self.send_animation, "sticker": self.send_sticker,
        }  # fmt: skip
        return await sends.get(kind, self.send_document)(chat, file, **more)

    async def close_connections(self) -> None:
        """Let go of the connections; the next call needs a new client."""
        for request in self._request:
            await request.shutdown()


def is_unparsed(error: Exception) -> bool:
    """Telegram did not understand our HTML."""
    return isinstance(error, BadRequest) and any(sign in error.message.lower() for sign in _UNPARSED)


def delivery_error(error: Exception) -> DeliveryError:
    """What a failed call means for the message: wait, give up, or nobody is there. The text names no person."""
    if isinstance(error, SlowDownError):
        return TryLaterError("Telegram asks to slow down", after=error.after)
    if isinstance(error, Forbidden):
        return UnreachableError()
    if isinstance(error, BadRequest):
        return UnreachableError() if any(sign in error.message.lower() for sign in _GONE) else GaveUpError()
    if isinstance(error, InvalidToken):
        return TryLaterError("Telegram refused the token", after=_TOKEN_PAUSE)
    return TryLaterError(f"Telegram could not be reached: {type(error).__name__}")
