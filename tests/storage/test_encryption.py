"""The stolen disk: no word of a talk is found in any file; keys can be changed while the house works."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import select

from bot.dialogue.effect import Missed, Note, OpenCase
from bot.hotline.ledger import Ledger
from bot.hotline.ports import Store
from bot.hotline.records import Status, StatusUpdate
from bot.hotline.spool import Spool
from bot.matching.match import DangerSignal, Urgency
from storage.cipher import Cipher, Key
from storage.ledger import SqlLedger
from storage.migration import migrate
from storage.rotation import rotate
from storage.store import open_store
from tests.builders.delivery import Echo, FakeChannel, House, envelope
from tests.storage.stores import CIPHER

WORDS = (
    "паспортимни",
    "олиб қўйди",
    "Qamab qo‘yishdi",
    "+77015554433",
    "yordam",
    "kechqurun",
    "документы",
    "998901112233",
)
SPEECH = " ".join(WORDS)
EFFECTS = {
    SPEECH: (
        OpenCase(Urgency.EMERGENCY, "danger", "held", (DangerSignal("documents_taken", SPEECH, "held", 1.0),)),
        Missed(
            "fallback",
            (),
        ),
        Note("safe_time", "kechqurun"),
    )
}


def needles() -> list[bytes]:
    """Each word as files might hold it."""
    forms: list[bytes] = []
    for word in WORDS:
        forms += [word.encode(), word.encode("utf-16-le"), word.encode("unicode_escape"), word.encode().hex().encode()]
    return forms


def found(folder: Path) -> list[tuple[str, bytes]]:
    """Where any word shows, over all files below `folder`."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 3
    contents = [(path.name, path.read_bytes()) for path in files]
    assert sum(len(content) for _, content in contents) > 50_000
    return [(name, needle) for name, content in contents for needle in needles() if needle in content]


async def test_no_word_of_a_talk_is_found_on_disk(sqlite_store: Store, tmp_path: Path) -> None:
    caller = "998901112233"
    spool = Spool(tmp_path / "spool", CIPHER)
    house = House(sqlite_store, bot=Echo(EFFECTS), channel=FakeChannel(), spool=spool)
    await house.hear("салом", SPEECH, sender=caller)
    assert found(tmp_path) == []  # while it waits in the inbox
    stop = asyncio.Event()
    task = asyncio.create_task(house.worker.run(stop))
    await house.answered()
    assert found(tmp_path) == []  # while the answer waits in the outbox
    stop.set()
    await task
    await house.quiet()
    spool.append([envelope(SPEECH, sender=caller)], house.clock.now())
    assert found(tmp_path) == []  # with the write-ahead log and the spool
    assert (tmp_path / "hotline.db-wal").exists()
    lines = await house.lines(caller)
    assert any(SPEECH in line.text for line in lines)  # it is there, for who has the key
    await sqlite_store.close()
    assert found(tmp_path) == []


async def test_keys_are_changed_while_the_house_works(database_url: str) -> None:
    old, new = Key("old", b"1" * 32), Key("new", b"2" * 32)
    await migrate(database_url)
    before = await open_store(database_url, Cipher([old]))
    house = House(before, bot=Echo(EFFECTS))
    await house.hear("one", SPEECH)
    await house.quiet()
    (line,) = [line for line in await house.lines() if line.text == "re one"]
    await before.close()

    both = await open_store(database_url, Cipher([new, old]))
    house = House(both, bot=Echo(EFFECTS))
    found_one = await both.read(lambda ledger: ledger.conversations.find("fake", "caller"))
    assert found_one  # by the hash under the old key
    results = await asyncio.gather(rotate(both), house.hear("two"))
    await house.quiet()
    assert isinstance(results[0], int)
    assert results[0] >= 8
    assert await rotate(both) == 0
    await both.close()

    after = await open_store(database_url, Cipher([new]))
    house = House(after)
    lines = await house.lines()
    assert [line.text for line in lines if line.direction.value == "in"] == ["one", SPEECH, "two"]
    await house.inbox.statuses([StatusUpdate("fake", line.references[-1], Status.READ)])
    assert [other.status for other in await house.lines() if other.id == line.id] == [Status.READ]
    case = await after.read(lambda ledger: ledger.cases.open_of(lines[0].conversation))
    assert case
    assert case.signals[0]["phrase"] == SPEECH
    await after.close()


async def test_a_conversation_known_under_the_old_key_is_not_made_twice(sqlite_url: str) -> None:
    old, new = Key("old", b"1" * 32), Key("new", b"2" * 32)
    await migrate(sqlite_url)
    for keys in ([old], [new, old]):
        store = await open_store(sqlite_url, Cipher(keys))
        house = House(store)
        await house.hear("hi")
        await house.inbox.receive([envelope("same", external_id="same")])
        await house.quiet()
        await store.close()
    store = await open_store(sqlite_url, Cipher([new, old]))

    def count(ledger: Ledger) -> int:
        from storage.conversation import conversation

        assert isinstance(ledger, SqlLedger)
        return len(ledger.connection.execute(select(conversation.c.id)).all())

    assert await store.read(count) == 1
    texts = [line.text for line in await House(store).lines() if line.direction.value == "in"]
    assert texts == ["hi", "same", "hi"]
    await store.close()
