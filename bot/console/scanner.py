"""An optional virus scanner: a clamd looks at a caller's file before an operator sees it."""

from __future__ import annotations

import asyncio
import struct

import structlog

from bot.dialogue.knowledge import N_
from bot.errors import RefusedError

_CHUNK = 64 * 1024
_SECONDS = 30.0  # for one file

log = structlog.get_logger(__name__)


class InfectedError(RefusedError):
    """The scanner knows this file."""

    status = 403


class Scanner:
    """Speaks clamd's INSTREAM. `address` is a socket's path or host:port; without one every file passes."""

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def on(self) -> bool:
        """Whether files are looked at."""
        return bool(self._address)

    async def look(self, data: bytes) -> None:
        """Raises InfectedError for a known virus, and RefusedError when the scanner cannot say: then nothing is shown."""
        try:
            async with asyncio.timeout(_SECONDS):
                verdict = await self._ask(data)
        except (OSError, EOFError, ValueError) as error:  # TimeoutError is an OSError
            verdict = type(error).__name__
        if verdict.endswith(" FOUND"):
            raise InfectedError(N_("The virus scanner found something harmful in this file. It is not shown."))
        if verdict != "stream: OK":
            log.error("the virus scanner gives no answer", answer=verdict[:80])
            raise RefusedError(N_("The virus scanner gives no answer just now, so the file is not shown. Please try again later."))

    async def _ask(self, data: bytes) -> str:
        if self._address.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(self._address)
        else:
            host, _, port = self._address.rpartition(":")
            reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(b"zINSTREAM\0")
            for begin in range(0, len(data), _CHUNK):
                piece = data[begin : begin + _CHUNK]
                writer.write(struct.pack(">I", len(piece)) + piece)
                await writer.drain()
            writer.write(struct.pack(">I", 0))
            return (await reader.readuntil(b"\0"))[:-1].decode("utf-8", "replace")
        finally:
            writer.close()
