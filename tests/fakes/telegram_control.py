"""Telegram as a process of its own, for tests that look at the bot from outside: callers act, the bot's deeds are read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from tests.fakes.telegram_server import TOKEN

_ROOT = Path(__file__).parents[2]


class TelegramProcess:
    """Use as a context: the server runs as long as it."""

    token = TOKEN

    def __init__(self, *arguments: str) -> None:
        """`arguments` of the command, e.g. "--no-limits"."""
        command = [sys.executable, "-m", "tests.fakes.telegram_server", "--port", "0", *arguments]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.url = str(json.loads(self._process.stdout.readline())["url"])
        self._web = httpx.Client(base_url=self.url, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._web.close()
        self._process.kill()
        self._process.wait(10)
        if self._process.stdout:
            self._process.stdout.close()

    def act(self, action: str, **arguments: Any) -> Any:
        """One of the server's /control actions: say, send, press, block, trouble, …"""
        answer = self._web.post(f"/control/{action}", json=arguments)
        if answer.is_error:
            raise LookupError(answer.text)
        return answer.json()["result"]

    @property
    def state(self) -> dict[str, Any]:
        """Everything the bot did, and what waits for it."""
        found: dict[str, Any] = self._web.get("/control/state").json()
        return found

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the bot sent, in order."""
        found: list[dict[str, Any]] = self.state["sent"]
        return found

    def to(self, chat: int) -> list[dict[str, Any]]:
        """What the bot sent to one chat."""
        return [sent for sent in self.sent if sent["chat"] == chat]

    def visible(self, chat: int) -> list[str]:
        """The texts that stand in a chat now."""
        return [message.get("text", "") for message in self.chat(chat)]

    def chat(self, chat: int) -> list[dict[str, Any]]:
        """The messages that stand in a chat now."""
        found: list[dict[str, Any]] = self._web.get(f"/control/chat/{chat}").json()
        return found

    def standing(self, chat: int, thread: int = 0) -> str:
        """All texts that stand in a topic now."""
        return "\n".join(m.get("text") or m.get("caption", "") for m in self.chat(chat) if m.get("message_thread_id", 0) == thread)

    def file(self, identity: str) -> bytes:
        """A file's bytes."""
        return self._web.get(f"/control/file/{identity}").content

    def answer(self, chat: int, before: int, seconds: float = 30.0) -> dict[str, Any]:
        """The newest message to a chat, once there are more than `before` of them."""
        self.until(lambda: len(self.to(chat)) > before, f"an answer in chat {chat}", seconds)
        return self.to(chat)[-1]

    def until(self, condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Wait for something; raises AssertionError that says what did not happen."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"did not happen in {seconds} s: {what}"
            time.sleep(0.05)


def buttons(sent: dict[str, Any]) -> dict[str, str]:
    """The buttons under a message: callback data and title."""
    rows = (sent["markup"] or {}).get("inline_keyboard", [])
    return {button["callback_data"]: button["text"] for row in rows for button in row if "callback_data" in button}
