"""How fast Telegram lets a bot send (core.telegram.org/bots/faq), and trouble on demand."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any


class ApiError(Exception):
    """An answer with ok: false."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


@dataclass
class _Bucket:
    capacity: float
    refill: float  # a second
    left: float = -1.0
    at: float = 0.0

    def take(self, now: float) -> float:
        """Seconds to wait; 0: taken."""
        self.left = self.capacity if self.left < 0 else min(self.capacity, self.left + (now - self.at) * self.refill)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) / self.refill


@dataclass
class Limits:
    """Sends are counted per chat, per group and over all; too many: 429 with retry_after."""

    enforced: bool = True
    overall: float = 30.0  # a second
    chat: float = 1.0  # a second, in a private chat
    burst: float = 3.0  # so many at once are let through in a private chat
    group: int = 20  # a minute
    refused: int = 0
    _all: _Bucket | None = None
    _chats: dict[int, _Bucket] = field(default_factory=dict)
    _groups: dict[int, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def check(self, chat: int) -> None:
        """Count one send to `chat`; raises ApiError 429 when it is one too many."""
        if not self.enforced:
            return
        now = time.monotonic()
        self._all = self._all or _Bucket(self.overall, self.overall)
        wait = self._group_wait(chat, now) if chat < 0 else self._chat_wait(chat, now)
        wait = wait or self._all.take(now)
        if wait:
            self.refused += 1
            seconds = max(1, math.ceil(wait))
            raise ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)

    def _chat_wait(self, chat: int, now: float) -> float:
        return self._chats.setdefault(chat, _Bucket(self.burst, self.chat)).take(now)

    def _group_wait(self, chat: int, now: float) -> float:
        sent = self._groups[chat]
        while sent and now - sent[0] >= 60:
            sent.popleft()
        if len(sent) >= self.group:
            return 60 - (now - sent[0])
        sent.append(now)
        return 0.0


@dataclass
class Trouble:
    """What goes wrong with the next calls."""

    method: str = ""  # "": any
    chat: int = 0  # 0: any
    times: int = 1
    code: int = 0  # HTTP status; 0 with `garbage` or `delay` only
    description: str = ""
    retry_after: int = 0
    delay: float = 0.0  # seconds before the answer
    garbage: bool = False  # 200 with a body that is no JSON
    cut: bool = False  # the connection is closed without an answer
    done: bool = False  # Telegram did it all the same: only the answer is lost

    def hits(self, method: str, chat: int) -> bool:
        """Whether this call is meant; counts it."""
        if self.times <= 0 or self.method.lower() not in ("", method.lower()) or self.chat not in (0, chat):
            return False
        self.times -= 1
        return True

    def error(self) -> ApiError:
        """The answer it leads to."""
        texts = {403: "Forbidden: bot was blocked by the user", 401: "Unauthorized", 502: "Bad Gateway"}
        if self.code == 429:
            after = self.retry_after or 1
            return ApiError(429, self.description or f"Too Many Requests: retry after {after}", retry_after=after)
        return ApiError(self.code, self.description or texts.get(self.code, "Internal Server Error"))
