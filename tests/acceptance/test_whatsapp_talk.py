"""Talks over WhatsApp's HTTP against a real service: five languages, buttons and lists, duplicates, failures, kill -9."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.acceptance.meta import hook, meta, service, until, words
from tests.acceptance.serving import Serving
from tests.fakes.whatsapp_server import WhatsAppServer, pressed, text, webhook

__all__ = ["meta", "service"]

_TALKS = [
    ("ru", "77010000001", "хозяин не платит зарплату третий месяц", "Источник"),
    ("kk", "77010000002", "бастығым жалақымды төлемей жүр", "Дереккөз"),
    ("ky", "996555000003", "кожоюн айлыгымды бербей жатат", "Булак"),
    ("tg", "992900000004", "хӯҷаин маошамро намедиҳад", "Манбаъ"),
    ("uz", "998900000005", "xo'jayin oyligimni bermayapti", "Manba"),
    ("uz_Cyrl", "998900000006", "хўжайин ойлигимни бермаяпти", "Манба"),
]


@pytest.mark.parametrize(("language", "sender", "question", "source"), _TALKS, ids=[talk[0] for talk in _TALKS])
async def test_a_talk_in_each_language(
    meta: WhatsAppServer, service: Serving, language: str, sender: str, question: str, source: str
) -> None:
    assert await meta.post(hook(service), webhook(text("/start", f"{sender}-1", sender))) == 200
    await until(meta, sender, 1)
    assert await meta.post(hook(service), webhook(pressed(f"lang:{language}", "x", f"{sender}-2", sender, "list_reply"))) == 200
    before = len(await until(meta, sender, 2))
    assert await meta.post(hook(service), webhook(text(question, f"{sender}-3", sender))) == 200
    asked = await until(meta, sender, before + 1)
    country = {"77": "KZ", "996": "KG", "992": "TJ", "998": "UZ"}
    proposed = next(code for prefix, code in country.items() if sender.startswith(prefix))
    assert asked[-1]["interactive"]["action"]["sections"][0]["rows"][0]["id"] == f"stay:{proposed}"
    await meta.post(hook(service), webhook(pressed("stay:RU", "RU", f"{sender}-4", sender, "list_reply")))
    answered = await until(meta, sender, before + 2)
    assert source in "\n".join(words(message) for message in answered)


async def test_a_number_typed_picks_from_the_list(meta: WhatsAppServer, service: Serving) -> None:
    sender = "77010000009"
    await meta.post(hook(service), webhook(text("/start", "n-1", sender)))
    await until(meta, sender, 1)
    await meta.post(hook(service), webhook(text("1", "n-2", sender)))
    assert "STOP" in words((await until(meta, sender, 2))[1])


async def test_duplicates_failures_and_kill_lose_nothing_and_answer_once(meta: WhatsAppServer, service: Serving) -> None:
    sender = "77010000010"
    meta.failures = [(429, 130429), (500, 131000), (200, "garbage")]
    body = webhook(text("/start", "d-1", sender))
    assert [await meta.post(hook(service), body) for _ in range(3)] == [200, 200, 200]
    service.kill()
    await asyncio.to_thread(service.start)
    await until(meta, sender, 1, 40)
    assert await meta.post(hook(service), body) == 200
    await asyncio.sleep(2)
    assert len(meta.to(sender)) == 1


async def test_a_forged_signature_is_refused(meta: WhatsAppServer, service: Serving) -> None:
    assert await meta.post(hook(service), webhook(text("x")), signature="sha256=00") == 403
    await asyncio.sleep(0.5)
    assert meta.sent == []


async def test_seven_days_of_webhooks_at_once_get_one_apology_each(meta: WhatsAppServer, service: Serving) -> None:
    old = int(time.time()) - 6 * 86_400
    batches = [webhook(*(text(f"вопрос {n}", f"old-{who}-{n}", f"7701000010{who}", old + n) for n in range(10))) for who in range(5)]
    assert [await meta.post(hook(service), batch) for batch in batches] == [200] * 5
    for who in range(5):
        await until(meta, f"7701000010{who}", 1, 40)
    await asyncio.sleep(2)
    assert [len(meta.to(f"7701000010{who}")) for who in range(5)] == [1] * 5
