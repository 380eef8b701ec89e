"""Structured logs that cannot hold what a caller wrote or who a caller is."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Fields that may carry content, identity or secrets: their values never reach a log line.
_FORBIDDEN = frozenset(
    {
        "text", "message", "body", "payload", "caption", "answer", "reply", "quote", "phrase", "note", "draft",
        "sender", "address", "chat", "chat_id", "user", "user_id", "phone", "name", "username", "email",
        "token", "secret", "password", "authorization", "cookie", "url", "session",
    }
)  # fmt: skip
_LONG_NUMBER = re.compile(r"\d{6,}")
_BOT_TOKEN = re.compile(r"\d{5,}:[\w-]{20,}")
_MAX_VALUE = 300  # characters


def configure(level: str = "INFO", *, json: bool = False) -> None:
    """Set up logging for this process: structlog and the standard library alike."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        scrub,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[*shared, _failure, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        processor=renderer, foreign_pre_chain=[*shared, _failure]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("httpx", "httpcore", "telegram", "aiohttp.access", "uvicorn", "uvicorn.access", "uvicorn.error", "watchfiles", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # their lines hold addresses with tokens and ids


def scrub(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what must not be logged, whoever logs it."""
    for key, value in list(event.items()):
        if key in _FORBIDDEN:
            event[key] = "[removed]"
        elif isinstance(value, str) and key != "timestamp":
            event[key] = _plain(value)
    return event


def _plain(value: str) -> str:
    hidden = _BOT_TOKEN.sub("[token]", value)
    return _LONG_NUMBER.sub("[number]", hidden)[:_MAX_VALUE]


def _failure(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception is logged as its type and place; its message may quote a caller."""
    info = event.pop("exc_info", None)
    if info:
        kind, _, trace = info if isinstance(info, tuple) else sys.exc_info()
        if isinstance(info, BaseException):
            kind, trace = type(info), info.__traceback__
        places = []
        while trace is not None:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["error"] = getattr(kind, "__name__", "unknown")
        event["at"] = " < ".join(reversed(places[-4:]))
    return event
