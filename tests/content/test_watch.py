"""What changed while the service was starting is taken over, without a further change."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from unittest.mock import patch

from bot.content import catalogue
from bot.content.watch import ContentWatch
from tests.acceptance.serving import ROOT

INTENTS = ROOT / "intents"


async def test_content_is_looked_at_once_when_the_start_is_over() -> None:
    content, _ = catalogue.load(INTENTS)
    published: list[str] = []
    stop = asyncio.Event()

    def publish(edition: str) -> None:
        published.append(edition)
        stop.set()

    watch = ContentWatch(INTENTS, lambda: "new", replace(content, revision="as it was at start"), lambda: date(2026, 11, 24))
    with patch("bot.content.watch._SETTLE", 0.1):
        await asyncio.wait_for(watch.run(stop, publish), 60)
    assert published == ["new"]
    assert watch.errors == ()
