"""Files and places over Telegram and WhatsApp, between callers and an operator at the console of a real `hotline serve`."""

from __future__ import annotations

import asyncio
import base64
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.acceptance.member import Member
from tests.acceptance.serving import Serving
from tests.console.test_media import PLACE, jpeg
from tests.fakes.telegram_control import TelegramProcess
from tests.fakes.whatsapp_server import WhatsAppServer, pressed, text, webhook

PHONE, OTHER_PHONE, CHAT = "77010000021", "77010000022", 72_000_001
PHOTO, VOICE = jpeg(), b"OggS\0\x02" + bytes(range(200))
DOCUMENT = b"<!doctype html><script>alert(1)</script>"  # a file may call itself what it likes
YEAR = 365 * 86_400_000_000  # microseconds, as the database counts
Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Files:
    """A service with both messengers, their callers, and two operators at the console."""

    def __init__(self, telegram: TelegramProcess, meta: WhatsAppServer, run: Run, service: Serving) -> None:
        self.telegram = telegram
        self.meta = meta
        self.service = service
        self._run = run
        self.aida, self.bek = Member(service, "Aida"), Member(service, "Bek")

    def whatsapp(self, *messages: dict[str, Any]) -> None:
        """Meta posts what phones sent, each by itself."""
        for message in messages:
            assert self._run(self.meta.post(f"{self.service.url}/whatsapp/webhook", webhook(message))) == 200

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for what came about on WhatsApp."""
        self.telegram.until(condition, what)

    def ask(self, way: str) -> None:
        """A caller asks for a person and sends three files and a place."""
        if way == "telegram":
            self.telegram.act("say", chat=CHAT, text="/operator", language="ru")
            for kind, content in (("voice", VOICE), ("photo", PHOTO), ("document", DOCUMENT)):
                self.telegram.act("send", chat=CHAT, kind=kind, content=base64.b64encode(content).decode())
            self.telegram.act("send", chat=CHAT, kind="location")
            self.telegram.act("say", chat=CHAT, text="это всё")
            return
        self.meta.media |= {"m1": VOICE, "m2": PHOTO, "m3": DOCUMENT}
        self.whatsapp(
            text("/operator", "w-0", PHONE), sent("audio", {"id": "m1", "mime_type": "audio/ogg; codecs=opus", "voice": True}),
            sent("image", {"id": "m2", "mime_type": "image/jpeg"}), sent("document", {"id": "m3", "filename": "../../паспорт.pdf"}),
            sent("location", {"latitude": 43.25, "longitude": 76.95}), text("это всё", "w-4", PHONE),
        )  # fmt: skip

    def photo_to(self, way: str) -> bytes:
        """Wait for the photo that the caller got."""
        if way == "whatsapp":
            self.until(lambda: any(m["type"] == "image" for m in self.meta.to(PHONE)), "a photo on WhatsApp")
            return self.meta.media[next(m["image"]["id"] for m in self.meta.to(PHONE) if m["type"] == "image")]

        def photos() -> list[dict[str, Any]]:
            return [sent for sent in self.telegram.to(CHAT) if sent["method"] == "sendPhoto"]

        self.until(photos, "a photo on Telegram")
        return self.telegram.file(photos()[0]["content"]["photo"][-1]["file_id"])

    def a_year_goes_by(self, case: str) -> None:
        """Everything becomes a year older, and what is past its time is purged."""
        with sqlite3.connect(self.service.data / "hotline.db", timeout=10) as database:
            for table, column in (("case", "closed"), ("case", "opened"), ("message", "created")):
                changed = database.execute(f'UPDATE "{table}" SET {column} = {column} - ?', (YEAR,))
                assert changed.rowcount
        purged = self.service.run("purge")
        assert purged.returncode == 0, purged.stderr
        assert case not in purged.stdout


def sent(kind: str, body: dict[str, Any], phone: str = PHONE) -> dict[str, Any]:
    """A message of a phone that is no text."""
    return {"from": phone, "id": f"{phone}-{kind}-{body.get('id')}", "timestamp": str(int(time.time())), "type": kind, kind: body}


@contextmanager
def running_meta() -> Iterator[tuple[WhatsAppServer, Run]]:
    """WhatsApp beside the test, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    meta = run(WhatsAppServer().start())
    try:
        yield meta, run
    finally:
        run(meta.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    with running_meta() as (meta, run), TelegramProcess() as telegram:
        service = Serving(tmp_path_factory.mktemp("files") / "data", {
            "HOTLINE_TELEGRAM__TOKEN": telegram.token, "HOTLINE_TELEGRAM__API_URL": telegram.url,
            "HOTLINE_WHATSAPP__TOKEN": meta.token, "HOTLINE_WHATSAPP__PHONE_ID": meta.phone_id, "HOTLINE_WHATSAPP__APP_SECRET": meta.app_secret,
            "HOTLINE_WHATSAPP__VERIFY_TOKEN": "word", "HOTLINE_WHATSAPP__API_URL": meta.url,
        })  # fmt: skip
        try:
            yield Files(telegram, meta, run, service.start())
        finally:
            service.kill()


def look(member: Member, urls: list[str], case: str) -> None:
    """What the operator's browser gets for voice, photo and document."""
    voice, photo, document = (member.get(url) for url in urls)
    assert (voice.status_code, voice.headers["content-type"], voice.content) == (200, "audio/ogg", VOICE)
    assert (voice.headers["accept-ranges"], voice.headers["cache-control"]) == ("bytes", "no-store")
    jump = member.get(urls[0], Range="bytes=100-")
    assert (jump.status_code, jump.content, jump.headers["content-range"]) == (206, VOICE[100:], f"bytes 100-{len(VOICE) - 1}/{len(VOICE)}")
    assert (photo.status_code, photo.headers["content-type"]) == (200, "image/jpeg")
    assert photo.content.startswith(b"\xff\xd8")
    assert PLACE in PHOTO
    assert PLACE not in photo.content
    assert b"GPS" not in photo.content
    assert (document.status_code, document.headers["content-type"], document.content) == (200, "application/octet-stream", DOCUMENT)
    assert re.fullmatch(rf'attachment; filename="{case[:8]}-\d+\.bin"', document.headers["content-disposition"])
    for answer in (voice, photo, document):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("way", ["telegram", "whatsapp"])
def test_files_reach_whom_they_are_for_and_nobody_else(files: Files, way: str) -> None:
    files.ask(way)
    aida = files.aida
    files.until(lambda: "это всё" in aida.next_or_open(), "the case with all that was sent")
    case, page = aida.case, aida.get(f"/console/cases/{aida.case}").text
    urls = list(dict.fromkeys(re.findall(rf"/console/cases/{case}/media/\d+", page)))
    assert len(urls) == 3
    assert f'<audio controls preload="none" src="{urls[0]}">' in page
    assert "43.25000, 76.95000" in page
    look(aida, urls, case)

    # nobody else: not a colleague, not a stranger, not with another case's name
    assert {files.bek.get(url).status_code for url in urls} == {404}
    with httpx.Client(base_url=files.service.url) as stranger:
        assert {stranger.get(url).status_code for url in urls} <= {303, 401, 403}
    assert aida.get(f"/console/cases/{'0' * 32}/media/{urls[0].rsplit('/', 1)[1]}").status_code == 404

    # and back: what the operator sends has lost its place too
    assert aida.send_file(f"/console/cases/{case}/file?client_id=photo-{way}", PHOTO).status_code < 300
    got = files.photo_to(way)
    assert got.startswith(b"\xff\xd8")
    assert PLACE not in got
    aida.close()

    # with the case all of it goes
    files.a_year_goes_by(case)
    assert {aida.get(url).status_code for url in urls} == {404}


def test_a_burst_of_photos_on_whatsapp_gets_one_answer(files: Files) -> None:
    files.whatsapp(text("/start", "b-1", OTHER_PHONE), pressed("lang:ru", "x", "b-2", OTHER_PHONE, "list_reply"))
    files.until(lambda: len(files.meta.to(OTHER_PHONE)) == 2, "languages and menu")
    files.whatsapp(*(sent("image", {"id": f"p{n}", "mime_type": "image/jpeg"}, OTHER_PHONE) for n in range(10)))
    files.whatsapp(text("/language", "b-3", OTHER_PHONE))
    # answers of one talk come in order: whatever the photos led to came before the list of languages
    files.until(lambda: "lang:kk" in str(files.meta.to(OTHER_PHONE)[2:]), "the list of languages")
    assert len(files.meta.to(OTHER_PHONE)) == 4
    assert files.meta.read
