"""From first message to operator and back over WhatsApp, in every language, against a real service and console."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import Any

import httpx

from bot.content.phrasebook import Phrasebook
from bot.hotline.desk import ENDED, JOINED
from tests.acceptance.meta import hook, meta, service, until, words
from tests.acceptance.serving import ROOT, Serving
from tests.fakes.whatsapp_server import WhatsAppServer, pressed, text, webhook

__all__ = ["meta", "service"]

_PASSWORD = "four calm horses run"
# language, phone, question, a word of the answer's source line, the operator's words, the caller's words
_TALKS = [
    ("ru", "77010000001", "хозяин не платит зарплату третий месяц", "Источник", "Здравствуйте, я читаю.", "он ещё и телефон не берёт"),
    ("kk", "77010000002", "бастығым жалақымды төлемей жүр", "Дереккөз", "Сәлеметсіз бе, оқып отырмын.", "телефонын да көтермейді"),
    ("ky", "996555000003", "кожоюн айлыгымды бербей жатат", "Булак", "Саламатсызбы, окуп жатам.", "телефонун да албай жатат"),
    ("tg", "992900000004", "хӯҷаин маошамро намедиҳад", "Манбаъ", "Салом, ман мехонам.", "телефонашро ҳам намебардорад"),
    ("uz", "998900000005", "xo'jayin oyligimni bermayapti", "Manba", "Salom, o‘qiyapman.", "telefonini ham ko'tarmayapti"),
    ("uz_Cyrl", "998900000006", "хўжайин ойлигимни бермаяпти", "Манба", "Салом, ўқияпман.", "телефонини ҳам кўтармаяпти"),
]
_SAY = Phrasebook.load(ROOT / "locales", [talk[0] for talk in _TALKS]).say


class Phone:
    """One caller's WhatsApp."""

    def __init__(self, meta: WhatsAppServer, service: Serving, sender: str) -> None:
        self.meta, self.service, self.sender = meta, service, sender
        self.numbers = itertools.count(1)

    @property
    def all(self) -> list[str]:
        return [words(message) for message in self.meta.to(self.sender)]

    async def write(self, said: str, *, answers: int = 1) -> str:
        """Write, and wait for so many messages; what they say."""
        return await self._send(text(said, self._id(), self.sender), answers)

    async def press(self, button: str) -> str:
        """Press a button or pick a row."""
        return await self._send(pressed(button, "x", self._id(), self.sender, "list_reply"), 1)

    async def hears(self, phrase: str, seconds: float = 25.0) -> None:
        """Wait until a message says this."""
        async with asyncio.timeout(seconds):
            while not any(phrase in message for message in self.all):
                await asyncio.sleep(0.05)

    def _id(self) -> str:
        return f"{self.sender}-{next(self.numbers)}"

    async def _send(self, posted: dict[str, Any], answers: int) -> str:
        before = len(self.all)
        assert await self.meta.post(hook(self.service), webhook(posted)) == 200
        await until(self.meta, self.sender, before + answers)
        return "\n".join(self.all[before:])


class Operator:
    """An operator's browser, without the browser."""

    def __init__(self, service: Serving) -> None:
        done = service.run("users", "add", "Dina", "--role", "operator", *(a for t in _TALKS[:5] for a in ("--language", t[0])), "--console", "en")
        invitation = re.search(r"/console/welcome/\S+", done.stdout)
        assert invitation, done.stderr
        self.http = httpx.Client(base_url=service.url, follow_redirects=True, timeout=20)
        page = self.http.get(invitation.group()).text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        entered = self.http.post(invitation.group(), data={**hidden, "password": _PASSWORD, "again": _PASSWORD})
        found = re.search(r'data-csrf="([^"]+)"', entered.text)
        assert found, entered.text
        self.csrf = found.group(1)
        self.post("/console/desk/duty", duty="on")

    def post(self, path: str, **form: str) -> httpx.Response:
        answer = self.http.post(path, data={"csrf": self.csrf, **form})
        assert answer.status_code < 400, answer.text
        return answer

    def next_case(self) -> str:
        """The path of the case that opens."""
        return self.post("/console/desk/next").url.path


async def test_from_the_first_message_to_a_person_and_back_in_every_language(meta: WhatsAppServer, service: Serving) -> None:
    operator = await asyncio.to_thread(Operator, service)
    for language, sender, question, source, greeting, more in _TALKS:
        phone = Phone(meta, service, sender)
        await phone.write("/start")
        await phone.press(f"lang:{language}")
        await phone.write(question)
        assert source in await phone.press("stay:RU"), language
        await phone.press("operator")

        case = await asyncio.to_thread(operator.next_case)
        await phone.hears(_SAY(JOINED, language))
        await asyncio.to_thread(operator.post, f"{case}/say", text=greeting, client_id=f"click-{sender}")
        await phone.hears(greeting)

        told = len(phone.all)
        await phone.write(more, answers=0)
        async with asyncio.timeout(20):
            while more.replace("'", "&#39;") not in (await asyncio.to_thread(operator.http.get, f"{case}/lines")).text:
                await asyncio.sleep(0.1)
        assert len(phone.all) == told  # the bot is mute

        await asyncio.to_thread(operator.post, f"{case}/close", outcome="answered")
        await phone.hears(_SAY(ENDED, language))
        assert source in await phone.write(question), language
