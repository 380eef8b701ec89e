"""Wake-ups inside one process: topics, marks, and waiting without missing what happens in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

_REMEMBERED = 10_000  # topics whose last wake-up is known; older ones count as woken at `_floor`


class Wakeups:
    """Belongs to one event loop; only `fire` of that loop's thread may be called."""

    def __init__(self) -> None:
        self._count = 0
        self._floor = 0
        self._last: dict[str, int] = {}
        self._waiting: dict[str, set[asyncio.Future[None]]] = {}

    def mark(self, topic: str) -> int:
        """A number that grows with each wake-up of the topic."""
        return self._last.get(topic, self._floor)

    def fire(self, topics: Iterable[str]) -> None:
        """Wake all who wait for these topics."""
        for topic in topics:
            self._count += 1
            self._last.pop(topic, None)  # so that the dict stays in the order of wake-ups
            self._last[topic] = self._count
            for future in self._waiting.pop(topic, ()):
                if not future.done():
                    future.set_result(None)
        if len(self._last) > _REMEMBERED:
            for topic in list(self._last)[: _REMEMBERED // 2]:
                self._floor = self._last.pop(topic)

    def fire_all(self) -> None:
        """Wake everyone: it is not known what was missed."""
        self._floor = self._count = self._count + 1
        self._last.clear()
        self.fire(list(self._waiting))

    async def wait(self, topic: str, seconds: float, mark: int | None = None) -> bool:
        """True when the topic was woken after `mark` (None: from now on), False after `seconds`."""
        if mark is not None and self.mark(topic) > mark:
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(topic, set()).add(future)
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await future
        except TimeoutError:
            return False
        finally:
            with contextlib.suppress(KeyError):
                self._waiting[topic].discard(future)
                if not self._waiting[topic]:
                    del self._waiting[topic]
        return True
