"""People who work at the console, each in a browser of their own."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

import pyotp
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bot.content.phrasebook import Phrasebook
from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import ROOT, Serving

SAY = Phrasebook.load(ROOT / "locales", ["ru"]).say
PASSWORD = "four calm horses run"
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


def hear(caller: WebCaller, words: str, seconds: float = 15.0) -> dict[str, Any]:
    """Read what the caller is told until a line has these words; that line."""
    caller.http.timeout = seconds + 25  # the stream says "still here" every 20 seconds
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        line = caller.wait(seconds=seconds)[-1]
        if words in line["html"]:
            return line
    raise AssertionError(f"{words!r} was not heard")


@dataclass
class Member:
    """One person with a browser."""

    name: str
    page: Page
    context: BrowserContext
    secret: str = ""
    problems: list[str] = field(default_factory=list)

    def begin_shift(self) -> None:
        """Go on duty."""
        self.page.goto("/console/desk")
        self.page.get_by_role("button", name="Begin the shift").click()
        expect(self.page.get_by_text("You are off duty.")).to_have_count(0)

    def take_next(self) -> str:
        """Press "Next case"; the id of the case that opens."""
        self.page.get_by_role("button", name="Next case").click()
        self.page.wait_for_url(re.compile(r"/console/cases/[0-9a-f]{32}$"))
        expect(self.page.locator("#text")).to_be_visible()
        return self.page.url.rsplit("/", 1)[1]

    def send(self, words: str) -> None:
        """Write to the caller."""
        self.page.locator("#text").fill(words)
        self.page.get_by_role("button", name="Send", exact=True).click()
        expect(self.page.locator("#lines .person").last).to_contain_text(words)


class Crew:
    """Makes accounts with the command line and logs them in with the browser."""

    def __init__(self, service: Serving, browser: Browser) -> None:
        self.service = service
        self.browser = browser
        self.members: list[Member] = []

    def invite(self, name: str, *roles: str, languages: tuple[str, ...] = ("ru", "uz", "kk", "ky", "tg")) -> str:
        """An account; the path of its invitation."""
        arguments = [argument for role in roles for argument in ("--role", role)]
        arguments += [argument for language in languages for argument in ("--language", language)]
        done = self.service.run("users", "add", name, *arguments, "--console", "en")
        assert done.returncode == 0, done.stderr
        found = re.search(r"/console/welcome/\S+", done.stdout)
        assert found, done.stdout
        return found.group()

    def join(
        self, name: str, *roles: str, languages: tuple[str, ...] = ("ru", "uz", "kk", "ky", "tg"), phone: bool = False
    ) -> Member:
        """A new member, logged in, with the second factor when the roles need it."""
        path = self.invite(name, *(roles or ("operator",)), languages=languages)
        context = self.browser.new_context(
            base_url=self.service.url, viewport=PHONE if phone else DESKTOP, locale="en-GB", reduced_motion="reduce"
        )
        page = context.new_page()
        member = Member(name, page, context)
        page.on("console", lambda message: member.problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: member.problems.append(str(error)))
        page.goto(path)
        page.get_by_label("New password: 12 characters or more").fill(PASSWORD)
        page.get_by_label("Once more").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url(re.compile(r"/console/(desk|board|users|content|enrol)$"))
        if page.url.endswith("/enrol"):
            member.secret = page.locator("code.secret").inner_text()
            page.get_by_label("Six digits").fill(pyotp.TOTP(member.secret).at(time.time()))
            page.get_by_role("button", name="Continue").click()
            page.get_by_role("link", name="I wrote them down").click()
            page.wait_for_url(re.compile(r"/console/(desk|board|users|content)$"))
        self.members.append(member)
        return member

    def leave(self) -> None:
        """Close every browser."""
        for member in self.members:
            member.context.close()
