"""An operator at the console, over HTTP as the page does it, with the second factor."""

from __future__ import annotations

import re
import time
from typing import Any

import httpx
import pyotp

from tests.acceptance.serving import Serving

_PASSWORD = "four calm horses run"
_LANGUAGES = ("ru", "uz", "kk", "ky", "tg")


class Member:
    """An account made on the command line and used in one browser; `code` is what its authenticator app shows."""

    def __init__(self, service: Serving, name: str, *roles: str) -> None:
        self.name = name
        words = [word for role in roles or ("operator",) for word in ("--role", role)]
        words += [word for language in _LANGUAGES for word in ("--language", language)]
        done = service.run("users", "add", name, *words, "--console", "en")
        found = re.search(r"/console/welcome/\S+", done.stdout)
        assert found, done.stderr
        self.http = httpx.Client(base_url=service.url, timeout=20, follow_redirects=True)
        self.http.get(found.group())
        self.http.post(found.group(), data={"password": _PASSWORD, "again": _PASSWORD})
        page = self.http.get("/console/enrol").text
        secret = re.search(r'name="secret" value="(\w+)"', page)
        assert secret, page[:500]
        self._totp = pyotp.TOTP(secret[1])
        answer = self.post("/console/enrol", secret=secret[1], code=self._totp.at(time.time()), password=_PASSWORD)
        assert "wrote them down" in answer.text

    def code(self) -> str:
        """Six digits; those of a step can be used once."""
        return self._totp.at(time.time() + 30)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Look at something."""
        return self.http.get(path, headers=headers)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """Do something, with the word of the session."""
        token = re.search(r'name="csrf" value="([^"]+)"', self.http.get("/console/account").text)
        token = token or re.search(r'name="csrf" value="([^"]+)"', self.http.get("/console/enrol").text)
        assert token
        return self.http.post(path, data={"csrf": token[1], **fields})

    def next_case(self) -> str:
        """Begin the shift and take the most urgent case; its id."""
        self.post("/console/desk/duty", duty="on")
        url = str(self.post("/console/desk/next").url)
        assert "/console/cases/" in url, url
        return url.rsplit("/", 1)[1]
