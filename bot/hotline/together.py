"""Doing together what waits: while one transaction runs, the next one gathers its work.

Alone nothing waits for company; under load many share one commit and one round trip to the database for each step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """Hands items to `do` in the order they came, one batch at a time."""

    def __init__(self, do: Callable[[Sequence[T]], Awaitable[Sequence[R | BaseException]]], most: int = 64) -> None:
        """`do` returns for each item what came of it; what it raises all of its items raise."""
        self._do = do
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: T) -> R:
        """Have `item` done; what came of it. A caller who is cancelled does not stop it."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._settle(batch)
        finally:
            self._running = None

    async def _settle(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        results: Sequence[R | BaseException]
        try:
            results = await self._do([item for item, _ in batch])
        except BaseException as error:
            results = [error] * len(batch)
            if not isinstance(error, Exception):
                raise
        finally:
            for (_, future), result in zip(batch, results, strict=True):
                if future.done():  # its caller was cancelled
                    continue
                if isinstance(result, BaseException):
                    future.set_exception(result)
                else:
                    future.set_result(result)
