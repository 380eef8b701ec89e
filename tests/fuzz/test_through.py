"""Hostile messages all the way: from the platform's JSON through inbox, mind and outbox, on both databases."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from bench.fuzz.channels import TELEGRAM, WHATSAPP
from bench.fuzz.hostile import Hostile
from bot.channels import telegram_payload, whatsapp_payload
from bot.content import catalogue
from bot.content.handbook import Handbook
from bot.content.phrasebook import Phrasebook
from bot.dialogue.message import Envelope, Kind, Message
from bot.dialogue.reply import Reply
from bot.hotline.mind import Edition, Mind
from bot.hotline.ports import Store
from bot.matching.matcher import Matcher
from tests.builders.delivery import FakeChannel, House
from tests.fakes.whatsapp_server import webhook
from tests.matching.lessons import small_lesson

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SILENT = (Kind.LEFT, Kind.REACTION)  # nobody waits for an answer to these


class Door(FakeChannel):
    """Renders as Telegram does."""

    def render(self, reply: Reply) -> tuple[Mapping[str, Any], ...]:
        return telegram_payload.payloads(reply)


def mind() -> Mind:
    """The real content; the matcher knows five of its intents."""
    content, _ = catalogue.load(ROOT / "intents", strict=False)
    handbook = Handbook(content, Phrasebook({}), lambda: date(2026, 11, 24))
    return Mind(Edition(handbook, Matcher.train(small_lesson(), semantic=False)))


def hostile_envelopes(seed: int, number: int) -> list[Envelope]:
    """Each from a caller of its own."""
    hostile, made, callers = Hostile(random.Random(seed)), [], itertools.count(1000)
    while len(made) < number:
        sender, pick = str(next(callers)), hostile.random.random()
        message: Message | None
        if pick < 0.4:
            message = Message(Kind.TEXT, NOW, hostile.text(20_000), language_hint=hostile.text(8))
        elif pick < 0.6:
            message = Message(Kind.CHOICE, NOW, choice=hostile.random.choice(("stay:", "cit:", "helped:", "nohelp:", "lang:", "i:", "")) + hostile.text(40))
        elif pick < 0.8:
            update = {**hostile.random.choice(TELEGRAM), "update_id": 5}
            found = telegram_payload.arrival({**update, "message": hostile.mutated(update["message"])} if "message" in update else update, NOW).envelope
            message = found.message if found else None
        else:
            read = whatsapp_payload.read_webhook(webhook(hostile.mutated(hostile.random.choice(WHATSAPP)))).envelopes
            message = read[0].message if read else None
        if message:
            made.append(Envelope("fake", hostile.text(60) + sender, sender, message))
    return made


async def test_every_hostile_message_is_answered_and_none_is_given_up(store: Store) -> None:
    bot, channel = mind(), Door()
    house = House(store, bot=bot, channel=channel, priority=bot.priority)
    sent = hostile_envelopes(seed=3, number=250)
    for envelope in sent:
        await house.inbox.receive([envelope])
    await house.quiet(90)
    depth = await store.read(lambda ledger: ledger.letters.depth(house.clock.now()))
    assert (depth.dead, depth.incoming, depth.outgoing) == (0, 0, 0)
    waiting = [e.message.kind for e in sent if e.message.kind not in SILENT and not channel.to(e.sender)]
    assert waiting == []
    assert "poison" not in {text for _, text in channel.sent}
