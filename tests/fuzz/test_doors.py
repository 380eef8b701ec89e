"""No hostile input leads to a 500, an exception, a lost message or a mark that is not ours."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.fuzz.attack import Bench, attack
from bench.fuzz.channels import TELEGRAM, WebChatTarget
from bench.fuzz.hostile import Hostile
from bench.fuzz.talk import check_markup
from bot.channels.telegram_payload import arrival
from bot.channels.webchat import WebChat, WebChatPages
from bot.channels.whatsapp_payload import read_webhook
from bot.dialogue.message import Kind
from bot.hotline.codec import message_from_json, message_to_json
from bot.matching.matcher import Matcher
from bot.web import create_app
from tests.fakes.whatsapp_server import webhook
from tests.matching.lessons import small_lesson

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
INPUTS = {
    "telegram webhook": 600, "whatsapp webhook": 600, "web chat": 500, "dialogue": 800,
    "matcher": 400, "markup": 400, "templates": 200, "content": 120, "catalogues": 200, "needs map": 300, "console": 250, "media": 300, "desk updates": 300,
}  # fmt: skip
ATTACK = st.sampled_from(Hostile.ATTACKS)
WORDS = st.text() | st.text(alphabet=st.characters(categories=["Cf", "Cc", "Cs", "Mn", "So", "Lo"])) | st.lists(st.text(max_size=9) | ATTACK, max_size=9).map("".join)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench() as made:
        yield made


@pytest.mark.parametrize("name", INPUTS)
async def test_every_target(bench: Bench, name: str) -> None:
    result = await attack(bench.targets[name], INPUTS[name], seed=7_000_000)
    assert not result.failures, result.first
    assert result.tried == INPUTS[name]
    assert await bench.door.lost() == 0


async def test_what_fails_is_counted(bench: Bench) -> None:
    async def broken(hostile: Hostile) -> None:
        if hostile.random.random() < 0.5:
            raise KeyError("x")

    result = await attack(broken, 100, seed=1)
    assert 20 < result.failures.total() < 80


@given(WORDS)
def test_no_mark_that_is_not_ours(text: str) -> None:
    check_markup(text)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    return Matcher.train(small_lesson(), semantic=False)


@given(text=WORDS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_matcher_takes_any_text(matcher: Matcher, text: str) -> None:
    match = matcher.match(text)
    assert matcher.glance(text).level is not None
    assert all(candidate.score == candidate.score for candidate in match.candidates)


@given(st.integers(0, 2**40))
@settings(max_examples=200, deadline=None)
def test_whatever_telegram_posts_can_be_stored_and_read_again(seed: int) -> None:
    hostile = Hostile(random.Random(seed))
    found = arrival({**_whole(hostile.mutated(hostile.random.choice(TELEGRAM))), "update_id": 5}, NOW)
    if found.envelope:
        again = message_from_json(message_to_json(found.envelope.message))
        assert (again.kind, again.text) == (found.envelope.message.kind, found.envelope.message.text)


def _whole(update: Any) -> dict[str, Any]:
    return update if isinstance(update, dict) else {}


CHAT = {"id": 42, "type": "private"}


@pytest.mark.parametrize(
    "broken",
    [
        {"message_id": 1, "date": 10**30, "chat": CHAT, "text": "x"},
        {"message_id": 1, "date": 1, "chat": CHAT, "text": 5},
        {"message_id": 1, "date": 1, "chat": CHAT, "text": ["x"]},
        {"message_id": 1, "date": 1, "chat": CHAT, "from": {"id": 1, "is_bot": False, "first_name": "x", "language_code": 7}, "text": "x"},
        {"message_id": 1, "date": 1, "chat": CHAT, "voice": {"file_id": "x", "file_unique_id": "u", "duration": 1, "mime_type": [5]}},
        {"message_id": 1, "date": 1, "chat": CHAT, "location": {"latitude": "x", "longitude": 1}},
        {"message_id": 1, "date": 1, "chat": CHAT, "location": {"latitude": float("nan"), "longitude": 1}},
    ],
)
def test_a_broken_private_message_still_gets_an_answer(broken: dict[str, Any]) -> None:
    found = arrival({"update_id": 5, "message": broken}, NOW)
    assert found.envelope is not None
    assert (found.envelope.sender, found.envelope.message.kind) == ("42", Kind.OTHER)


@pytest.mark.parametrize("place", [(float("nan"), 1.0), (float("inf"), 1.0), (10**400, 1), (91, 0), ("1", "2"), (None, 1)])
def test_a_place_that_is_none(place: tuple[Any, Any]) -> None:
    message = {"from": "77010000001", "id": "x", "timestamp": "1", "type": "location", "location": {"latitude": place[0], "longitude": place[1]}}
    (envelope,) = read_webhook(webhook(message)).envelopes
    assert envelope.message.place is None


async def test_a_stream_from_beyond_the_last_line(bench: Bench) -> None:
    target = bench.targets["web chat"]
    assert isinstance(target, WebChatTarget)
    pages = WebChatPages(target.chat, bench.door.store, bench.door.receive, lambda _language: {}, exit_url="", embed_origins="")
    token = target.chat.passes.issue()
    await target._post({"id": "12345678", "text": "x"}, token)
    for after in (10**30, -(10**30), 2**63):
        body = (await pages.stream(token, after)).body_iterator
        assert await anext(body) == "retry: 1000\n\n"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await anext(body)


def _pages() -> FastAPI:
    async def receive(_envelopes: object) -> None:
        return None

    async def ready() -> dict[str, Any]:
        return {"ok": True}

    store: Any = None
    pages = WebChatPages(WebChat(b"k"), store, receive, lambda language: {"lang": language}, exit_url="", embed_origins="")
    return create_app([pages.router()], None, ready, https=False)  # type: ignore[arg-type]


APP = _pages()
SCHEMA = schemathesis.openapi.from_dict(APP.openapi()).exclude(path="/chat/stream")
SCHEMA.app = APP


@SCHEMA.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_openapi_holds(case: schemathesis.Case) -> None:
    from schemathesis.checks import not_a_server_error

    if case.path == "/chat/messages" and case.headers is not None:
        case.headers["x-chat-pass"] = WebChat(b"k").passes.issue()
    case.call_and_validate(checks=[not_a_server_error])
