"""WhatsApp: what Meta posts, what we send, and what its errors mean."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.channels.whatsapp import WhatsAppChannel, WhatsAppWebhook
from bot.channels.whatsapp_payload import country_of, payloads, read_webhook
from bot.dialogue.message import Envelope, Kind
from bot.dialogue.reply import Attachment, Button, Reply
from bot.errors import DeliveryError, GaveUpError, OutsideWindowError, StoreAwayError, TryLaterError, UnreachableError
from bot.hotline.records import Status, StatusUpdate
from bot.settings import WhatsAppSettings
from tests.fakes.whatsapp_server import WhatsAppServer, fault_of, pressed, text, webhook

SENDER = "996555123456"


def message(kind: str, part: object, **more: object) -> dict[str, Any]:
    return {"from": SENDER, "id": "wamid.x", "timestamp": "1764000000", "type": kind, kind: part, **more}


KINDS = [
    (text("салам", sender=SENDER, identity="wamid.x", at=1764000000), Kind.TEXT),
    (pressed("i:overstayed", "Просрочил", "wamid.x", SENDER), Kind.CHOICE),
    (pressed("t:work", "Работа", "wamid.x", SENDER, "list_reply"), Kind.CHOICE),
    (message("button", {"payload": "menu", "text": "Меню"}), Kind.CHOICE),
    (message("button", {"payload": "Показать", "text": "Показать"}), Kind.TEXT),
    (message("image", {"id": "55", "mime_type": "image/jpeg", "caption": "вот"}), Kind.PHOTO),
    (message("audio", {"id": "55", "mime_type": "audio/ogg", "voice": True}), Kind.VOICE),
    (message("video", {"id": "55"}), Kind.VIDEO),
    (message("document", {"id": "55", "filename": "../../etc/passwd"}), Kind.DOCUMENT),
    (message("sticker", {"id": "55"}), Kind.STICKER),
    (message("location", {"latitude": 42.87, "longitude": 74.59}), Kind.LOCATION),
    (message("contacts", [{"name": {}}]), Kind.CONTACT),
    (message("reaction", {"emoji": "👍"}), Kind.REACTION),
    (message("unsupported", None, errors=[{"code": 131051}]), Kind.OTHER),
    (message("order", {}), Kind.OTHER),
    (message("system", {"body": "changed number"}), Kind.OTHER),
]


@pytest.mark.parametrize(("posted", "kind"), KINDS, ids=[f"{m['type']}-{k.value}" for m, k in KINDS])
def test_every_kind_becomes_an_envelope(posted: dict[str, Any], kind: Kind) -> None:
    (envelope,) = read_webhook(webhook(posted)).envelopes
    assert envelope.message.kind is kind
    assert (envelope.channel, envelope.external_id, envelope.sender) == ("whatsapp", "wamid.x", SENDER)
    assert envelope.message.country_hint == "KG"


def test_what_is_inside() -> None:
    (first, second) = read_webhook(webhook(KINDS[0][0], KINDS[10][0])).envelopes
    assert first.message.text == "салам"
    assert first.message.sent_at == datetime.fromtimestamp(1764000000, UTC)
    assert second.message.place == (42.87, 74.59)


def test_statuses() -> None:
    known = [{"id": "w1", "status": s} for s in ("sent", "delivered", "read", "failed", "deleted")]
    assert read_webhook(webhook(statuses=tuple(known))).statuses == tuple(
        StatusUpdate("whatsapp", "w1", s) for s in (Status.SENT, Status.DELIVERED, Status.READ, Status.FAILED)
    )


def test_countries_are_only_told_from_known_codes() -> None:
    assert (country_of("77010000001"), country_of("998901234567"), country_of("abc")) == ("KZ", "UZ", "")


_JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=10), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["entry", "changes", "value", "messages", "statuses", "field", "from", "id", "type", "text", "body", "timestamp", "interactive"]), inner, max_size=5), max_leaves=25)  # fmt: skip


@given(_JSON)
def test_no_body_is_an_error(body: object) -> None:
    read_webhook(body)
    read_webhook({"entry": [{"changes": [{"field": "messages", "value": {"messages": [body], "statuses": [body]}}]}]})


def buttons(number: int, length: int) -> tuple[Button, ...]:
    return tuple(Button(f"i:{place}", f"{place}".ljust(length, "я")) for place in range(number))


def test_buttons_of_one_title_become_numbers_since_meta_refuses_them() -> None:
    (body,) = payloads(Reply("?", (Button("i:a", "Документы"), Button("i:b", "Документы"))))
    assert body["text"]["body"] == "?\n\n1. Документы\n2. Документы"


@pytest.mark.parametrize(
    ("number", "length", "form"),
    [(0, 1, "text"), (2, 20, "button"), (3, 20, "button"), (3, 21, "list"), (4, 5, "list"), (10, 24, "list"), (11, 5, "text"), (2, 25, "text")],
)
def test_buttons_degrade_to_lists_then_to_numbers(number: int, length: int, form: str) -> None:
    *_, last = payloads(Reply("Текст **важно** [112](tel:112)", buttons(number, length)))
    assert (last["interactive"]["type"] if last["type"] == "interactive" else "text") == form
    if form == "text" and number:
        assert f"{number}. " in last["text"]["body"]


@given(st.text(min_size=1, max_size=9000).filter(str.strip), st.integers(0, 12), st.integers(1, 24))
def test_whatever_is_said_meta_takes_it(words: str, number: int, length: int) -> None:
    for body in payloads(Reply(words, buttons(number, max(length, 2)))):
        assert fault_of(dict(body)) == ""


@pytest.fixture
async def server() -> AsyncIterator[WhatsAppServer]:
    started = await WhatsAppServer().start()
    yield started
    await started.stop()


def settings(server: WhatsAppServer) -> WhatsAppSettings:
    return WhatsAppSettings(
        token=SecretStr(server.token), phone_id=server.phone_id, app_secret=SecretStr(server.app_secret),
        verify_token=SecretStr("word"), api_url=server.url,
    )  # fmt: skip


@pytest.fixture
async def channel(server: WhatsAppServer) -> AsyncIterator[WhatsAppChannel]:
    made = WhatsAppChannel(settings(server))
    yield made
    await made.close()


async def test_a_message_is_sent(server: WhatsAppServer, channel: WhatsAppChannel) -> None:
    (body,) = channel.render(Reply("Здравствуйте", buttons(2, 4)))
    assert await channel.send(SENDER, body) == "wamid.1"
    assert server.to(SENDER)[0]["interactive"]["body"]["text"] == "Здравствуйте"


@pytest.mark.parametrize(
    ("status", "code", "kind", "after"),
    [(400, 130429, TryLaterError, 1.0), (400, 131056, TryLaterError, None), (429, 4, TryLaterError, 1.0), (500, 131000, TryLaterError, None),
     (400, 131026, UnreachableError, None), (400, 131047, OutsideWindowError, None), (400, 100, GaveUpError, None), (502, "<html>bad", TryLaterError, None),
     (200, "garbage", TryLaterError, None)],
)  # fmt: skip
async def test_errors_are_sorted(
    server: WhatsAppServer, channel: WhatsAppChannel, status: int, code: object, kind: type[DeliveryError], after: float | None
) -> None:
    server.failures = [(status, code)]
    with pytest.raises(kind) as caught:
        await channel.send(SENDER, {"type": "text", "text": {"body": "x"}})
    assert type(caught.value) is kind
    assert getattr(caught.value, "after", None) == after
    assert SENDER not in str(caught.value)


async def test_media_is_read_through_us_and_nothing_else_is_fetched(server: WhatsAppServer, channel: WhatsAppChannel) -> None:
    server.media["55"] = b"voice"
    assert b"".join([chunk async for chunk in channel.media("55")]) == b"voice"
    for hostile in ("../control/sent", "55/../../x", "http://169.254.169.254/", "99"):
        with pytest.raises(GaveUpError):
            [chunk async for chunk in channel.media(hostile)]


@pytest.mark.parametrize(("kind", "mime", "form"), [("photo", "image/png", "image"), ("document", "application/pdf", "document")])
async def test_a_file_is_uploaded_and_sent(server: WhatsAppServer, channel: WhatsAppChannel, kind: str, mime: str, form: str) -> None:
    file = Attachment("f" * 32, kind, mime, "name.x", 4)
    (payload,) = channel.render(Reply("", attachment=file))
    assert (await channel.send_file(SENDER, payload, b"data")).startswith("wamid.")
    (sent,) = server.to(SENDER)
    assert sent["type"] == form
    assert server.media[sent[form]["id"]] == b"data"
    assert sent[form].get("filename", "name.x") == "name.x"


class Door:
    """Stands for the inbox."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.statuses: list[StatusUpdate] = []
        self.away = False

    async def receive(self, envelopes: Sequence[Envelope]) -> None:
        if self.away:
            raise StoreAwayError
        self.taken += envelopes

    async def update(self, updates: Sequence[StatusUpdate]) -> None:
        self.statuses += updates


@pytest.fixture
async def hook(server: WhatsAppServer, channel: WhatsAppChannel) -> AsyncIterator[tuple[AsyncClient, Door, WhatsAppWebhook]]:
    door = Door()
    page = WhatsAppWebhook(channel, settings(server), door.receive, door.update)
    app = FastAPI()
    app.include_router(page.router())
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        yield client, door, page


async def test_metas_check_of_the_address(hook: tuple[AsyncClient, Door, WhatsAppWebhook]) -> None:
    client = hook[0]
    query = {"hub.mode": "subscribe", "hub.verify_token": "word", "hub.challenge": "12345"}
    assert (await client.get("/whatsapp/webhook", params=query)).text == "12345"
    assert (await client.get("/whatsapp/webhook", params={**query, "hub.verify_token": "guess"})).status_code == 403


async def test_only_signed_bodies_are_taken(server: WhatsAppServer, hook: tuple[AsyncClient, Door, WhatsAppWebhook]) -> None:
    import hashlib
    import hmac
    import json

    client, door, page = hook
    raw = json.dumps(webhook(text("салам"), statuses=({"id": "w", "status": "read"},))).encode()
    good = "sha256=" + hmac.new(server.app_secret.encode(), raw, hashlib.sha256).hexdigest()
    for bad in ("", "sha256=", good[:-1] + "0" if good[-1] != "0" else good[:-1] + "1", good.removeprefix("sha256=")):
        assert (await client.post("/whatsapp/webhook", content=raw, headers={"X-Hub-Signature-256": bad})).status_code == 403
    assert not door.taken
    assert (await client.post("/whatsapp/webhook", content=raw, headers={"X-Hub-Signature-256": good})).status_code == 200
    assert (len(door.taken), len(door.statuses)) == (1, 1)
    door.away = True
    assert (await client.post("/whatsapp/webhook", content=raw, headers={"X-Hub-Signature-256": good})).status_code == 503
    broken = b"{nonsense"
    sign = "sha256=" + hmac.new(server.app_secret.encode(), broken, hashlib.sha256).hexdigest()
    assert (await client.post("/whatsapp/webhook", content=broken, headers={"X-Hub-Signature-256": sign})).status_code == 400
    await page.drain()
    assert server.read == ["wamid.in1"]


_SET = WhatsAppSettings(token=SecretStr("wa-token"), phone_id="1001", templates="ru=hello ky=hello uz=hello_uz tg=hello_tg/ru")


@pytest.mark.parametrize(
    ("language", "expected"),
    [("ru", ("hello", "ru")), ("ky", ("hello", "ky_KG")), ("tg", ("hello_tg", "ru")), ("uz", ("hello_uz", "uz")), ("uz_Cyrl", ("hello_uz", "uz")), ("kk", None)],
)
def test_the_template_of_a_language(language: str, expected: tuple[str, str] | None) -> None:
    assert _SET.template(language) == expected


def test_templates_that_do_not_read_are_refused() -> None:
    with pytest.raises(ValueError, match="language=name"):
        WhatsAppSettings(templates="ru:hello")


async def test_after_24_hours_only_the_template_is_taken() -> None:
    server = await WhatsAppServer(outside={SENDER}, templates={("hello", "ru")}).start()
    channel = WhatsAppChannel(_SET.model_copy(update={"api_url": server.url}))
    try:
        with pytest.raises(OutsideWindowError):
            await channel.send(SENDER, channel.render(Reply("late"))[0])
        knock = channel.knock("ru")
        assert knock is not None
        assert await channel.send(SENDER, knock)
        not_approved = channel.knock("ky")
        assert not_approved is not None
        with pytest.raises(GaveUpError):
            await channel.send(SENDER, not_approved)
        assert [body["type"] for body in server.sent] == ["template"]
    finally:
        await channel.close()
        await server.stop()


def test_a_late_refusal_by_webhook_marks_the_message_as_not_delivered() -> None:
    errors = [{"code": 131047, "title": "Re-engagement message", "error_data": {"details": "more than 24 hours have passed"}}]
    failed = {"id": "wamid.9", "status": "failed", "timestamp": "1764000000", "recipient_id": SENDER, "errors": errors}
    assert read_webhook(webhook(statuses=(failed,))).statuses == (StatusUpdate("whatsapp", "wamid.9", Status.FAILED),)


async def test_reading_is_shown_once_a_person_and_dots_only_when_asked_for(
    server: WhatsAppServer, channel: WhatsAppChannel
) -> None:
    delivery = read_webhook(webhook(text("a", "w1", "7701"), text("b", "w2", "7702"), text("c", "w3", "7701")))
    await channel.seen(delivery.envelopes)
    assert (server.read, server.typing) == (["w3", "w2"], [])
    await channel.typing("7702", "w2")
    assert server.typing == ["w2"]
    server.token = "another"  # refused: of no consequence
    await channel.typing("7702", "w2")
    await channel.seen(delivery.envelopes)
    assert len(server.read) == 3
