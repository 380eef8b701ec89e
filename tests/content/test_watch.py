"""What changed while the service was starting is taken over, without a further change."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path
from unittest.mock import patch

from bot.content import catalogue
from bot.content.inspection import inspect
from bot.content.schema import Content
from bot.content.watch import ContentWatch
from bot.errors import Problem
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
    with patch("bot.content.watch._SETTLE", 100):
        await asyncio.wait_for(watch.run(stop, publish), 60)
    assert published == ["new"]
    assert watch.errors == ()


async def test_a_change_during_a_look_is_looked_at_next(tmp_path: Path) -> None:
    directory = tmp_path / "intents"
    shutil.copytree(INTENTS, directory)
    content, _ = catalogue.load(directory)
    stop, looks = asyncio.Event(), 0

    def look(where: Path, today: date) -> tuple[Content | None, tuple[Problem, ...]]:
        nonlocal looks
        looks += 1
        if looks == 1:  # read already, when somebody saves it
            (directory / "danger" / "held_captive.yaml").write_text("title: [broken\n", "utf-8")
            return content, ()
        stop.set()
        return inspect(where, today)

    watch = ContentWatch(directory, lambda: "new", content, lambda: date(2026, 11, 24))
    with patch("bot.content.watch._SETTLE", 100), patch("bot.content.watch.inspect", look):
        await asyncio.wait_for(watch.run(stop, lambda _: None), 60)
    assert [problem.file for problem in watch.errors] == ["intents/danger/held_captive.yaml"]
