"""A caller who uses the web chat's HTTP interface as its page does."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import httpx


class WebCaller:
    """One phone with one talk."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=10)
        self.token = self.http.post("/chat/pass").json()["token"]
        self.seen = 0
        self.lines: list[dict[str, Any]] = []

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Chat-Pass": self.token}

    def post(self, *, identity: str = "", **body: str) -> httpx.Response:
        """Send a text, choice or command; the answer of the server."""
        return self.http.post("/chat/messages", json={"id": identity or uuid.uuid4().hex, **body}, headers=self.headers)

    def wait(self, replies: int = 1, seconds: float = 20.0) -> list[dict[str, Any]]:
        """Read the stream until so many further lines of the other side came; those lines."""
        found: list[dict[str, Any]] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(found) < replies:
            with self.http.stream("GET", "/chat/stream", params={"after": self.seen}, headers=self.headers) as stream:
                for row in stream.iter_lines():
                    if row.startswith("data: "):
                        line = json.loads(row[6:])
                        self.seen = max(self.seen, line["id"])
                        self.lines.append(line)
                        if not line["mine"]:
                            found.append(line)
                    if len(found) >= replies or time.monotonic() > end:
                        break
        assert len(found) >= replies, f"{len(found)} of {replies} replies came"
        return found

    def say(self, words: str, replies: int = 1) -> str:
        """Write something; what is answered, as HTML."""
        assert self.post(text=words).status_code == 202
        return "\n".join(line["html"] for line in self.wait(replies))

    def press(self, button: str, replies: int = 1) -> str:
        """Press a button; what is answered."""
        assert self.post(choice=button).status_code == 202
        return "\n".join(line["html"] for line in self.wait(replies))
