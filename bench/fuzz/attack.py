"""All targets over one temporary database, and how they are tried."""

from __future__ import annotations

import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from bench.fuzz.channels import TelegramTarget, WebChatTarget, WhatsAppTarget
from bench.fuzz.door import Door
from bench.fuzz.files import CatalogueTarget, ContentTarget, NeedsTarget, TemplateTarget
from bench.fuzz.hostile import Hostile, check
from bench.fuzz.house import ConsoleTarget, targets_of
from bench.fuzz.talk import DialogueTarget, MarkupTarget, MatcherTarget
from bot.matching.matcher import Matcher
from storage.cipher import Cipher, Key
from storage.migration import migrate
from storage.store import open_store

_SLOW = 4.0  # seconds of CPU for one input: a hang in the making
SHARES = {  # inputs of 100, and more than that: what is behind the doors comes on top
    "telegram webhook": 16, "whatsapp webhook": 16, "web chat": 16, "dialogue": 20,
    "matcher": 8, "markup": 10, "templates": 4, "content": 4, "catalogues": 4, "needs map": 6, "console": 6, "media": 8, "desk updates": 6,
}  # fmt: skip


Target = Callable[[Hostile], Awaitable[None]]


class Bench:
    """All targets, made over one temporary database."""

    def __init__(self) -> None:
        self.targets: dict[str, Target] = {}
        self._stack = AsyncExitStack()
        self.door: Door

    async def __aenter__(self) -> Bench:
        """Open the database, train the small matcher."""
        from tests.matching.lessons import small_lesson

        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder}/fuzz.db"
        await migrate(url)
        store = await open_store(url, Cipher([Key("k1", b"k" * 32)]))
        self._stack.push_async_callback(store.close)
        matcher = Matcher.train(small_lesson(), semantic=False)
        self.door = Door(store, matcher)
        self.targets = {
            "telegram webhook": TelegramTarget(self.door), "whatsapp webhook": WhatsAppTarget(self.door), "web chat": WebChatTarget(self.door),
            "dialogue": DialogueTarget(), "matcher": MatcherTarget(matcher), "markup": MarkupTarget(), "templates": TemplateTarget(), "content": ContentTarget(folder), "catalogues": CatalogueTarget(folder), "needs map": NeedsTarget(),
        }  # fmt: skip
        inside = f"sqlite:///{folder}/console.db"
        await migrate(inside)
        second = await open_store(inside, Cipher([Key("k1", b"k" * 32)]))
        self._stack.push_async_callback(second.close)
        self.targets |= targets_of(await ConsoleTarget.make(second))
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._stack.aclose()


@dataclass
class Result:
    """What one target was tried with."""

    tried: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    first: dict[str, tuple[int, str]] = field(default_factory=dict)  # kind: seed and where it was raised


async def attack(target: Target, inputs: int, *, seed: int, seconds: float = 1e9) -> Result:
    """Try a target with so many inputs, for at most `seconds`."""
    result, began = Result(), time.monotonic()
    for number in range(seed, seed + inputs):
        if time.monotonic() - began > seconds:
            break
        started = time.process_time()
        result.tried += 1
        try:
            await target(Hostile(random.Random(number)))
            check(time.process_time() - started < _SLOW, "slow")
        except Exception as error:  # every kind is counted
            kind = f"{type(error).__name__}: {error}"[:90] if isinstance(error, AssertionError) else type(error).__name__
            kind += f" in {traceback.extract_tb(error.__traceback__)[-1].name}"
            result.first.setdefault(kind, (number, "".join(traceback.format_exception(error)[-5:])))
            result.failures[kind] += 1
    result.seconds = time.monotonic() - began
    return result
