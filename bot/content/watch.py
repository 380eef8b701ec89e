"""Picks up changes of the content while serving; a broken change is reported and never served."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from prometheus_client import Counter, Gauge
from watchfiles import Change, awatch

from bot.content.inspection import inspect
from bot.content.schema import Content
from bot.errors import HotlineError, Problem

log = structlog.get_logger(__name__)

_ERRORS = Gauge("hotline_content_errors", "Errors in the content files; while there are any, the last good content is served")
_RELOADS = Counter("hotline_content_reloads", "Times changed content was taken or refused", ["result"])
_SETTLE = 2_000  # ms: the first look takes two seconds of work, which a service that starts needs itself
_SHOWN = 10  # problems in one log line's worth

E = TypeVar("E")


class ContentWatch(Generic[E]):
    """Watches a content directory; `build` makes the new edition and may block."""

    def __init__(self, directory: Path, build: Callable[[], E], content: Content, today: Callable[[], date]) -> None:
        self._directory = directory
        self._build = build
        self._today = today
        self._revision = content.revision
        self.errors: tuple[Problem, ...] = ()  # of what is on disk now, which is then not what is served
        self._report(tuple(p for p in content.problems if p.severity == "error"))

    async def run(self, stop: asyncio.Event, publish: Callable[[E], None]) -> None:
        """Until `stop`: after each change inspect, build, publish; and once what was loaded, when the start is over.

        What changes during a look is kept by the watcher, so that no change falls between two of them.
        """
        looked = False
        async for changes in awatch(
            self._directory, stop_event=stop, debounce=800, step=100, rust_timeout=_SETTLE, yield_on_timeout=True, watch_filter=_is_content
        ):
            if changes or not looked:
                looked = True
                await self._look(publish)

    def _report(self, errors: tuple[Problem, ...]) -> None:
        self.errors = errors
        _ERRORS.set(len(errors))

    async def _look(self, publish: Callable[[E], None]) -> None:
        try:
            await self._take(publish)
        except Exception:  # a file that changes while it is read must not end the watch: the change itself wakes it again
            _RELOADS.labels("failed").inc()
            log.exception("content could not be looked at")

    async def _take(self, publish: Callable[[E], None]) -> None:
        content, problems = await asyncio.to_thread(inspect, self._directory, self._today())
        self._report(tuple(p for p in problems if p.severity == "error"))
        if content is None or self.errors:
            _RELOADS.labels("refused").inc()
            for problem in self.errors[:_SHOWN]:
                log.error("content not taken: the last good content is served", problem=str(problem))
            return
        if content.revision == self._revision:
            return
        try:
            edition = await asyncio.to_thread(self._build)
        except HotlineError:
            _RELOADS.labels("failed").inc()
            log.exception("content could not be built")
            self._report((Problem(self._directory.name, 0, 0, "The bot could not learn this content.", "Ask whoever runs the service to look at its log."),))
            return
        publish(edition)
        self._revision = content.revision
        _RELOADS.labels("taken").inc()
        log.info("content taken", revision=content.revision, intents=len(content.intents))


def _is_content(_change: Change, path: str) -> bool:
    return path.endswith((".yaml", ".yml"))
