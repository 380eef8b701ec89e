"""The channel against a Bot API server, over HTTP: sending, deleting, files, polling and webhook, and all that breaks."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from bot.channels.telegram import TelegramChannel
from bot.channels.telegram_intake import webhook_secret
from bot.dialogue.message import Envelope, Kind
from bot.dialogue.reply import Attachment, Button, Reply
from bot.errors import GaveUpError, StoreAwayError, TryLaterError, UnreachableError
from bot.settings import TelegramSettings
from tests.fakes.telegram_server import TOKEN, TelegramServer

CALLER = 4242


class Door:
    """Stands for the inbox: keeps what it was handed; `broken` may raise."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.broken: Callable[[Sequence[Envelope]], None] = lambda _envelopes: None

    async def receive(self, envelopes: Sequence[Envelope]) -> None:
        self.broken(envelopes)
        self.taken += envelopes

    @property
    def texts(self) -> list[str]:
        return [envelope.message.text for envelope in self.taken]


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramServer]:
    async with TelegramServer() as server:
        yield server


@pytest.fixture
def door() -> Door:
    return Door()


def channel_of(telegram: TelegramServer, *, public_url: str = "", desk_chat: int = 0) -> TelegramChannel:
    """A channel of the fake's bot; phrases are marked with their language."""
    config = TelegramSettings(token=SecretStr(TOKEN), api_url=telegram.url, desk_chat=desk_chat)
    return TelegramChannel(
        config, lambda phrase, language: f"{phrase} [{language}]", public_url=public_url, registry=CollectorRegistry()
    )


@pytest.fixture
async def channel(telegram: TelegramServer) -> AsyncIterator[TelegramChannel]:
    made = channel_of(telegram)
    yield made
    await made.stop()
    await made.close()


async def until(condition: Callable[[], object], seconds: float = 8.0) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


async def say(channel: TelegramChannel, text: str, *buttons: Button, to: int = CALLER) -> list[str]:
    """Send a reply, piece by piece."""
    return [await channel.send(str(to), payload) for payload in channel.render(Reply(text, buttons))]


# Sending


async def test_a_reply_arrives(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.say(CALLER, "hello")
    (reference,) = await say(channel, "**Да** <1>", Button("yes", "Да"))
    sent = telegram.world.sent[0]
    assert (sent["text"], str(sent["message_id"]), sent["chat"]) == ("Да <1>", reference, CALLER)
    assert sent["content"]["entities"] == [{"type": "bold", "offset": 0, "length": 2}]
    assert sent["markup"] == {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}


@pytest.mark.parametrize("kind", ["photo", "document"])
async def test_a_file_arrives(telegram: TelegramServer, channel: TelegramChannel, kind: str) -> None:
    telegram.world.say(CALLER, "hello")
    file = Attachment("f" * 32, kind, "image/png", "photo.png", 4)
    (payload,) = channel.render(Reply("", attachment=file))
    reference = await channel.send_file(str(CALLER), payload, b"data")
    (sent,) = telegram.world.sent
    assert str(sent["message_id"]) == reference
    assert sent["content"][kind]
    assert [data for _, data in telegram.world.files.values()] == [b"data"]
    with pytest.raises(UnreachableError):
        await channel.send_file("999", payload, b"data")


async def test_a_long_answer_arrives_whole(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.limits.enforced = False
    telegram.world.say(CALLER, "hello")
    text = "\n\n".join(f"**Абзац {n}.** " + "Қазақстан 😀 " * 90 for n in range(12))
    references = await say(channel, text, Button("menu", "Темы"))
    assert len(references) > 2
    assert "".join(telegram.world.to(CALLER)).count("😀") == text.count("😀")
    assert [bool(sent["markup"]) for sent in telegram.world.sent] == [False] * (len(references) - 1) + [True]


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        ({"code": 500}, TryLaterError),
        ({"code": 502, "garbage": True}, TryLaterError),
        ({"garbage": True}, TryLaterError),
        ({"cut": True}, TryLaterError),
        ({"code": 401}, TryLaterError),
        ({"code": 404}, TryLaterError),
        ({"code": 403}, UnreachableError),
        ({"code": 403, "description": "Forbidden: user is deactivated"}, UnreachableError),
        ({"code": 400, "description": "Bad Request: chat not found"}, UnreachableError),
        ({"code": 400, "description": "Bad Request: PEER_ID_INVALID"}, UnreachableError),
        ({"code": 400, "description": "Bad Request: message is too long"}, GaveUpError),
        ({"code": 413, "description": "Request Entity Too Large"}, TryLaterError),
    ],
)
async def test_failures(
    telegram: TelegramServer, channel: TelegramChannel, trouble: dict[str, object], kind: type[Exception]
) -> None:
    telegram.world.say(CALLER, "hello")
    telegram.trouble("sendMessage", **trouble)
    with pytest.raises(kind) as caught:
        await say(channel, "hi")
    assert type(caught.value) is kind
    assert TOKEN not in str(caught.value)
    assert await say(channel, "again")


async def test_slow_down_names_its_time(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.say(CALLER, "hello")
    telegram.trouble("sendMessage", code=429, retry_after=7)
    with pytest.raises(TryLaterError) as caught:
        await say(channel, "hi")
    assert caught.value.after == 7


async def test_more_than_the_rates(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.say(CALLER, "hello")
    for _ in range(3):  # a short burst is let through
        await say(channel, "hi")
    with pytest.raises(TryLaterError) as caught:
        await say(channel, "hi")
    assert caught.value.after == 1
    assert len(telegram.world.sent) == 3


async def test_a_silent_server_is_given_up_in_time(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.say(CALLER, "hello")
    telegram.trouble("sendMessage", delay=20)
    began = time.monotonic()
    with pytest.raises(TryLaterError):
        await say(channel, "hi")
    assert time.monotonic() - began < 4


async def test_no_server() -> None:
    config = TelegramSettings(desk_chat=0, token=SecretStr(TOKEN), api_url=f"http://127.0.0.1:{free_port()}")
    channel = TelegramChannel(config, lambda phrase, _: phrase, registry=CollectorRegistry())
    with pytest.raises(TryLaterError):
        await say(channel, "hi")
    await channel.typing("1", "2")
    await channel.close()


async def test_html_that_telegram_refuses_goes_out_plain(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.say(CALLER, "hello")
    await channel.send(str(CALLER), {"text": "<b>1 &lt; 2", "parse_mode": "HTML"})
    assert telegram.world.to(CALLER) == ["1 < 2"]


async def test_blocked_and_unknown(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.block(CALLER)
    for chat in (CALLER, 999):
        with pytest.raises(UnreachableError):
            await say(channel, "hi", to=chat)


async def test_deleting(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.limits.enforced = False
    for number in range(130):
        telegram.world.say(CALLER, f"m{number}")
    known = [str(number) for _, number in telegram.world.messages]
    await channel.delete(str(CALLER), [*known, "999999", "not a number"])
    assert not telegram.world.messages
    assert [call["method"] for call in telegram.calls] == ["deleteMessages"] * 2


async def test_deleting_passes_over_what_is_too_old(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.say(CALLER, "old", ago=49 * 3600)
    for number in range(20):
        telegram.world.say(CALLER, f"m{number}")
    await channel.delete(str(CALLER), [str(number) for _, number in telegram.world.messages])
    assert telegram.world.visible(CALLER) == ["old"]
    assert len(telegram.calls) < 12


async def test_deleting_waits_when_told(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.say(CALLER, "x")
    telegram.trouble("deleteMessage", code=429, retry_after=3)
    references = [str(number) for _, number in telegram.world.messages]
    with pytest.raises(TryLaterError):
        await channel.delete(str(CALLER), references)
    await channel.delete(str(CALLER), references)
    assert not telegram.world.messages


async def test_files(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.send(CALLER, "voice")
    assert b"".join([piece async for piece in channel.media("file-1")]) == b"content of voice 1"


async def test_files_that_cannot_be_had(telegram: TelegramServer, channel: TelegramChannel) -> None:
    telegram.world.files["big"] = ("big", bytes(20 * 1024 * 1024 + 1))
    for reference in ("gone", "big"):
        with pytest.raises(GaveUpError):
            [piece async for piece in channel.media(reference)]


async def test_typing(telegram: TelegramServer, channel: TelegramChannel) -> None:
    await channel.typing(str(CALLER), "2")
    assert telegram.world.actions[0]["action"] == "typing"


# Polling


async def test_polling_takes_everything_in_order(
    telegram: TelegramServer, channel: TelegramChannel, door: Door
) -> None:
    telegram.world.webhook.url = "https://old.example/hook"
    telegram.world.say(CALLER, "before the start")
    await channel.start(door.receive)
    await until(lambda: door.texts)
    for number in range(150):
        telegram.world.say(CALLER + number % 7, f"m{number}")
    await until(lambda: len(door.taken) == 151)
    assert door.texts == ["before the start", *(f"m{number}" for number in range(150))]
    assert len({envelope.external_id for envelope in door.taken}) == 151
    await until(lambda: not telegram.world.pending)


async def test_an_update_is_confirmed_only_when_stored(
    telegram: TelegramServer, channel: TelegramChannel, door: Door
) -> None:
    def away(_envelopes: Sequence[Envelope]) -> None:
        raise StoreAwayError

    door.broken = away
    await channel.start(door.receive)
    telegram.world.say(CALLER, "kept")
    await until(lambda: sum(call["method"] == "getUpdates" for call in telegram.calls) > 2)
    assert len(telegram.world.pending) == 1
    door.broken = lambda _envelopes: None
    await until(lambda: door.texts == ["kept"])
    await until(lambda: not telegram.world.pending)


@pytest.mark.parametrize(
    "trouble",
    [{"code": 500}, {"code": 502, "garbage": True}, {"garbage": True}, {"cut": True}, {"code": 429, "retry_after": 1}, {"code": 401}],
)  # fmt: skip
async def test_polling_outlives(
    telegram: TelegramServer, channel: TelegramChannel, door: Door, trouble: dict[str, object]
) -> None:
    telegram.trouble("getUpdates", times=2, **trouble)
    telegram.world.say(CALLER, "hello")
    await channel.start(door.receive)
    await until(lambda: door.texts == ["hello"])


async def test_an_update_that_cannot_be_stored_does_not_stop_the_rest(
    telegram: TelegramServer, channel: TelegramChannel, door: Door
) -> None:
    def poison(envelopes: Sequence[Envelope]) -> None:
        if any(envelope.message.text == "poison" for envelope in envelopes):
            raise ValueError("poison")

    door.broken = poison
    for text in ("a", "poison", "b"):
        telegram.world.say(CALLER, text)
    await channel.start(door.receive)
    await until(lambda: "b" in door.texts and not telegram.world.pending)
    assert set(door.texts) == {"a", "b"}


async def test_two_pollers_take_turns_quietly(telegram: TelegramServer, channel: TelegramChannel, door: Door) -> None:
    other, registry = channel_of(telegram), Door()
    await channel.start(door.receive)
    await other.start(registry.receive)
    await asyncio.sleep(1.5)
    telegram.world.say(CALLER, "hello")
    await until(lambda: "hello" in door.texts + registry.texts)
    await other.stop()
    await other.close()


async def test_stop_is_quick(telegram: TelegramServer, channel: TelegramChannel, door: Door) -> None:
    await channel.start(door.receive)
    await until(lambda: any(call["method"] == "getUpdates" for call in telegram.calls))
    began = time.monotonic()
    await channel.stop()
    assert time.monotonic() - began < 1
    telegram.world.say(CALLER, "later")
    assert await say(channel, "sending goes on")


async def test_a_press_is_acknowledged_and_its_buttons_go(
    telegram: TelegramServer, channel: TelegramChannel, door: Door
) -> None:
    await channel.start(door.receive)
    telegram.world.say(CALLER, "hello")
    await say(channel, "?", Button("t:work", "Работа"))
    telegram.world.press(CALLER, "t:work")
    await until(lambda: telegram.world.answered and telegram.world.edited)
    assert not telegram.world.button(CALLER, "t:work")
    choice = door.taken[-1].message
    assert (choice.kind, choice.choice, choice.text) == (Kind.CHOICE, "t:work", "Работа")


async def test_in_a_group_it_excuses_itself_once_and_leaves(
    telegram: TelegramServer, channel: TelegramChannel, door: Door
) -> None:
    await channel.start(door.receive)
    telegram.world.invite(-500)
    telegram.world.group_say(-500, CALLER, "работа есть?")
    await until(lambda: telegram.world.left == [-500])
    assert telegram.world.to(-500) == ["I work only in private chats. Please write to me directly. [ru]"]
    assert not door.taken


async def test_it_stays_in_the_desk(telegram: TelegramServer, door: Door) -> None:
    channel = channel_of(telegram, desk_chat=-700)
    await channel.start(door.receive)
    telegram.world.invite(-700, forum=True)
    telegram.world.say(CALLER, "hello")
    await until(lambda: door.texts)
    await channel.stop()
    assert not telegram.world.left
    await channel.close()


async def test_commands_in_every_language(telegram: TelegramServer, channel: TelegramChannel, door: Door) -> None:
    telegram.trouble("setMyCommands", code=429, retry_after=1)
    telegram.trouble("setMyDescription", code=500)
    await channel.start(door.receive)
    await until(lambda: len(telegram.world.commands) == 6 and len(telegram.world.texts) == 12)
    assert telegram.world.commands["all_private_chats:tg"][1] == {"command": "menu", "description": "Topics [tg]"}
    assert telegram.world.commands["all_private_chats:"][1] == {"command": "menu", "description": "Topics [ru]"}


# Webhook


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@asynccontextmanager
async def serving(channel: TelegramChannel, port: int) -> AsyncIterator[None]:
    """The channel's routes over HTTP."""
    app = FastAPI()
    app.include_router(channel.router())
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def hooked(telegram: TelegramServer, door: Door) -> AsyncIterator[str]:
    """A channel that is reached by webhook; the address of its route."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    channel = channel_of(telegram, public_url=base + "/")
    async with serving(channel, port):
        await channel.start(door.receive)
        await until(lambda: telegram.world.webhook.url)
        yield f"{base}/telegram/webhook"
        await channel.stop()
    await channel.close()


async def test_webhook(telegram: TelegramServer, hooked: str, door: Door) -> None:
    assert telegram.world.webhook.url == hooked
    assert telegram.world.webhook.secret == webhook_secret(TOKEN)
    for number in range(30):
        telegram.world.say(CALLER + number % 3, f"m{number}")
    await until(lambda: len(door.taken) == 30 and not telegram.world.pending)
    mine = [envelope.message.text for envelope in door.taken if envelope.sender == str(CALLER)]
    assert mine == [f"m{number}" for number in range(0, 30, 3)]


async def test_webhook_repeats_what_was_not_stored(telegram: TelegramServer, hooked: str, door: Door) -> None:
    failures = [StoreAwayError(), ValueError(), StoreAwayError()]

    def fail(_envelopes: Sequence[Envelope]) -> None:
        if failures:
            raise failures.pop()

    door.broken = fail
    telegram.world.say(CALLER, "kept")
    await until(lambda: door.texts == ["kept"])
    await until(lambda: not telegram.world.pending)


async def test_a_repeated_update_keeps_its_id(telegram: TelegramServer, hooked: str, door: Door) -> None:
    telegram.world.repeat(telegram.world.say(CALLER, "twice"))
    await until(lambda: door.texts == ["twice", "twice"])
    assert len({envelope.external_id for envelope in door.taken}) == 1


@pytest.mark.parametrize("secret", [None, "", "wrong", "ё"])
async def test_strangers_are_refused(hooked: str, door: Door, secret: str | None) -> None:
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret.encode()}
    async with httpx.AsyncClient() as web:
        answer = await web.post(hooked, json={"update_id": 1}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 403
    assert not door.taken


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[" * 100_000, 400), (b"null", 400), (b'{"update_id": "x"}', 400), (b"\xff\xfe", 400), (b"x" * 1_000_001, 413), (b'{"update_id": 1}', 200)],
)  # fmt: skip
async def test_garbage_on_the_webhook(hooked: str, door: Door, body: bytes, status: int) -> None:
    async with httpx.AsyncClient() as web:
        answer = await web.post(
            hooked, content=body, headers={"X-Telegram-Bot-Api-Secret-Token": webhook_secret(TOKEN)}
        )
    assert answer.status_code == status
    assert not door.taken


async def test_polling_has_no_route(channel: TelegramChannel) -> None:
    assert not channel.router().routes


# Privacy


async def test_logs_hold_no_token_id_or_text(
    telegram: TelegramServer, channel: TelegramChannel, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # as bot.log does
    for trouble in ({"garbage": True}, {"code": 500}, {"cut": True}, {"code": 401}):
        telegram.trouble("getUpdates", **trouble)
        telegram.trouble("sendMessage", **trouble)
    telegram.world.say(CALLER, "секретное слово")
    await channel.start(door.receive)
    await until(lambda: door.texts)
    for _ in range(4):
        with suppress(TryLaterError):
            await say(channel, "секретное слово")
    records = [record.getMessage() + str(record.args) + str(record.exc_info) for record in caplog.records]
    assert not [r for r in records if TOKEN in r or str(CALLER) in r or "секретное" in r or "привет" in r]
