"""A real service on WhatsApp: the fake Cloud API it talks to, and what its callers' phones show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.serving import Serving
from tests.fakes.whatsapp_server import WhatsAppServer


@pytest.fixture
async def meta() -> AsyncIterator[WhatsAppServer]:
    server = await WhatsAppServer().start()
    yield server
    await server.stop()


@pytest.fixture
async def service(tmp_path: Path, meta: WhatsAppServer) -> AsyncIterator[Serving]:
    made = Serving(tmp_path / "data", {
        "HOTLINE_WHATSAPP__TOKEN": meta.token, "HOTLINE_WHATSAPP__PHONE_ID": meta.phone_id, "HOTLINE_WHATSAPP__APP_SECRET": meta.app_secret,
        "HOTLINE_WHATSAPP__VERIFY_TOKEN": "word", "HOTLINE_WHATSAPP__API_URL": meta.url,
    })  # fmt: skip
    await asyncio.to_thread(made.start)
    yield made
    made.kill()


def hook(service: Serving) -> str:
    return f"{service.url}/whatsapp/webhook"


def words(message: dict[str, Any]) -> str:
    """All that a phone would show of a message."""
    if message["type"] == "text":
        return str(message["text"]["body"])
    part = message["interactive"]
    rows = [row["title"] for section in part["action"].get("sections", []) for row in section["rows"]]
    rows += [button["reply"]["title"] for button in part["action"].get("buttons", [])]
    return "\n".join([part["body"]["text"], *rows])


async def until(meta: WhatsAppServer, sender: str, count: int, seconds: float = 25.0) -> list[dict[str, Any]]:
    """Wait until this phone has so many messages."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and len(meta.to(sender)) < count:
        await asyncio.sleep(0.05)
    found = meta.to(sender)
    assert len(found) >= count, [words(m) for m in found]
    return found
