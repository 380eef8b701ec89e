"""A caller's file is shown when the virus scanner says so, and not otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.console.scanner import InfectedError, Scanner
from bot.dialogue.message import Kind
from bot.errors import RefusedError
from bot.hotline.ports import Store
from tests.builders.console import ConsoleHouse
from tests.console.test_media import jpeg, sent

VIRUS = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR"


class Clamd:
    """Answers as clamd does: `zINSTREAM`, pieces with their length, a zero, then one line that ends with NUL."""

    def __init__(self, *, answer: bytes = b"") -> None:
        self.answer = answer
        self.seen: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        data = b""
        while size := struct.unpack(">I", await reader.readexactly(4))[0]:
            data += await reader.readexactly(size)
        self.seen.append(data)
        writer.write(self.answer or (b"stream: Eicar-Test-Signature FOUND\0" if VIRUS in data else b"stream: OK\0"))
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self, path: Path) -> AsyncIterator[str]:
        async with await asyncio.start_unix_server(self.serve, path):
            yield str(path)


async def test_clean_infected_and_undecided(tmp_path: Path) -> None:
    clamd = Clamd()
    async with clamd.running(tmp_path / "clamd.ctl") as address:
        await Scanner(address).look(b"x" * 200_000)
        assert clamd.seen == [b"x" * 200_000]
        with pytest.raises(InfectedError):
            await Scanner(address).look(b"y" * 70_000 + VIRUS)
        for answer in (b"INSTREAM size limit exceeded. ERROR\0", b"\0", b"stream: OK", b"stream: OK\0"[:4]):
            clamd.answer = answer
            with pytest.raises(RefusedError, match="gives no answer"):
                await Scanner(address).look(b"x")
    with pytest.raises(RefusedError, match="gives no answer"):
        await Scanner(address).look(b"x")  # it is gone


async def test_by_host_and_port() -> None:
    clamd = Clamd()
    async with await asyncio.start_server(clamd.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        await Scanner(f"127.0.0.1:{port}").look(b"")
        with pytest.raises(InfectedError):
            await Scanner(f"127.0.0.1:{port}").look(VIRUS)


async def test_an_infected_file_is_not_shown_and_written_down(sqlite_store: Store, tmp_path: Path) -> None:
    house = ConsoleHouse(sqlite_store)
    member = await house.enter("Member")
    files = {"good": jpeg(), "bad": jpeg() + VIRUS}
    case, _ = await sent(house, files, "good", Kind.PHOTO)
    await house.desk.next_case(member.staff)  # type: ignore[arg-type]
    good = next(line.id for line in await house.house.lines() if line.kind == "photo")
    async with Clamd().running(tmp_path / "clamd.ctl") as address:
        house.pages.scanner = Scanner(address)
        shown = await member.get(f"/console/cases/{case}/media/{good}")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        files["good"] = files["bad"]
        refused = await member.get(f"/console/cases/{case}/media/{good}")
        assert (refused.status_code, VIRUS in refused.content) == (403, False)
        assert "virus scanner" in refused.text
    assert [entry.act for entry in await house.read(lambda ledger: ledger.office.audit.page(1))] == ["file refused"]
    away = await member.get(f"/console/cases/{case}/media/{good}")
    assert away.status_code == 400
