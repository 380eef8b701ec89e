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
        self.case = ""  # the last one taken with `next_or_open`
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
        self.http.get("/console/desk")
        if "operator" in (roles or ("operator",)):
            self.post("/console/desk/duty", duty="on")

    def code(self) -> str:
        """Six digits; those of a step can be used once."""
        return self._totp.at(time.time() + 30)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Look at something."""
        return self.http.get(path, headers=headers)

    def post(self, path: str, **fields: Any) -> httpx.Response:
        """Do something, with the word of the session."""
        return self.http.post(path, data={"csrf": self._word(), **fields})

    def send_file(self, path: str, content: bytes) -> httpx.Response:
        """A file as the body, the way the composer sends it."""
        return self.http.post(path, content=content, headers={"X-CSRF-Token": self._word(), "HX-Request": "true"})

    def _word(self) -> str:
        for page in ("/console/account", "/console/enrol"):
            if token := re.search(r'name="csrf" value="([^"]+)"', self.http.get(page).text):
                return token[1]
        raise AssertionError("no page with a form")

    def next_or_open(self) -> str:
        """The page of the case at hand; while there is none, press "next case"."""
        if not self.case:
            url = str(self.post("/console/desk/next").url)
            self.case = url.rsplit("/", 1)[1] if "/console/cases/" in url else ""
        return self.get(f"/console/cases/{self.case}").text if self.case else ""

    def close(self, outcome: str = "answered") -> None:
        """End the case at hand."""
        assert self.post(f"/console/cases/{self.case}/close", outcome=outcome).status_code == 200
        self.case = ""
