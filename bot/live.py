"""Server-sent events that end by themselves when the service stops, so that a stop need not cut anybody off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class EventStream(StreamingResponse):
    """A response of server-sent events. Ends early when the app's `state.stopping` is set; the page comes back by itself."""

    def __init__(self, events: AsyncGenerator[str, None], headers: Mapping[str, str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={**headers, "X-Accel-Buffering": "no"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self.body_iterator = _until(scope["app"].state.stopping, self._events)
        await super().__call__(scope, receive, send)


async def _until(stopping: asyncio.Event, events: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    stop = asyncio.create_task(stopping.wait())
    following: asyncio.Task[str] | None = None
    try:
        while not stopping.is_set():
            following = asyncio.create_task(anext(events, ""))
            await asyncio.wait({following, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done() or not (event := following.result()):
                return
            yield event
    finally:
        stop.cancel()
        if following is not None and not following.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        await events.aclose()
