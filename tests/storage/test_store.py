"""What every store promises, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.dialogue.session import Session
from bot.errors import StoreAwayError
from bot.hotline.ledger import FloodLimit, Ledger
from bot.hotline.ports import Store
from bot.hotline.records import Direction, Outgoing, Status, StatusUpdate
from storage.store import open_store
from tests.builders.delivery import START, envelope
from tests.storage.stores import CIPHER

FLOOD = FloodLimit(3, 60)


async def add(store: Store, *texts: str, sender: str = "caller") -> str:
    """Take messages in; the conversation's id."""
    for text in texts:
        await store.transact(lambda ledger, text=text: ledger.inbox.add(envelope(text, sender=sender), 0, FLOOD, START))
    found = await store.read(lambda ledger: ledger.conversations.find("fake", sender))
    assert found
    return found.id


async def test_what_was_committed_is_read(store: Store) -> None:
    identity = await add(store, "one")
    conversation = await store.read(lambda ledger: ledger.conversations.get(identity))
    assert conversation
    assert (conversation.address, conversation.channel, conversation.created) == ("caller", "fake", START)
    assert conversation.session == Session()


async def test_an_error_rolls_back_its_own_transaction_only(store: Store) -> None:
    def fails(ledger: Ledger) -> None:
        ledger.inbox.add(envelope("lost", sender="lost"), 0, FLOOD, START)
        raise KeyError("mine")

    results = await asyncio.gather(
        *(
            store.transact(lambda ledger, n=n: ledger.inbox.add(envelope(sender=f"s{n}"), 0, FLOOD, START))
            for n in range(5)
        ),
        store.transact(fails),
        *(
            store.transact(lambda ledger, n=n: ledger.inbox.add(envelope(sender=f"t{n}"), 0, FLOOD, START))
            for n in range(5)
        ),
        return_exceptions=True,
    )
    assert isinstance(results[5], KeyError)
    assert [result for result in results if result is True] == [True] * 10
    assert await store.read(lambda ledger: ledger.conversations.find("fake", "lost")) is None
    assert (await store.read(lambda ledger: ledger.letters.depth(START))).incoming == 10


async def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(Exception, match=r"read-only|readonly|cannot be used"):
        await store.read(lambda ledger: ledger.inbox.add(envelope(), 0, FLOOD, START))
    assert (await store.read(lambda ledger: ledger.letters.depth(START))).incoming == 0


async def test_the_same_message_is_taken_in_once(store: Store) -> None:
    same = [envelope("hi", external_id="7") for _ in range(8)]
    taken = await asyncio.gather(
        *(store.transact(lambda ledger, e=e: ledger.inbox.add(e, 0, FLOOD, START)) for e in same)
    )
    assert sorted(taken) == [False] * 7 + [True]
    other = envelope("hi", external_id="7", channel="else")
    assert await store.transact(lambda ledger: ledger.inbox.add(other, 0, FLOOD, START))
    gone = await store.transact(lambda ledger: ledger.inbox.forget_seen(START + timedelta(hours=48), 10))
    assert gone == 2


async def test_messages_wait_in_order_with_their_conversation(store: Store) -> None:
    identity = await add(store, "one", "two", "three")
    await add(store, "other", sender="other")
    for text in ("one", "two", "three"):
        (head,) = await store.transact(lambda ledger: ledger.inbox.heads([identity]))
        assert head.message.text == text
        assert head.conversation.id == identity
        assert head.case is None
        assert await store.transact(lambda ledger, head=head: ledger.inbox.finish(head.id))
        assert not await store.transact(lambda ledger, head=head: ledger.inbox.finish(head.id))
    assert await store.transact(lambda ledger: ledger.inbox.heads([identity])) == []


async def test_a_flood_is_counted_at_the_door_but_not_danger(store: Store) -> None:
    identity = await add(store, *"abcde")
    floods = []
    for _ in range(5):
        (head,) = await store.transact(lambda ledger: ledger.inbox.heads([identity]))
        floods.append(head.flood)
        await store.transact(lambda ledger, head=head: ledger.inbox.finish(head.id))
    assert floods == [0, 0, 0, 1, 2]
    await store.transact(lambda ledger: ledger.inbox.add(envelope("help"), 2, FLOOD, START))
    (head,) = await store.transact(lambda ledger: ledger.inbox.heads([identity]))
    assert (head.flood, head.priority) == (0, 2)
    later = START + timedelta(seconds=61)
    await store.transact(lambda ledger: ledger.inbox.finish(head.id))
    await store.transact(lambda ledger: ledger.inbox.add(envelope("calm"), 0, FLOOD, later))
    (head,) = await store.transact(lambda ledger: ledger.inbox.heads([identity]))
    assert head.flood == 0


async def test_waiting_is_woken_by_a_commit_and_misses_nothing(store: Store) -> None:
    mark = store.mark("inbox")
    assert not await store.wait("inbox", 0.01, mark)
    waiting = asyncio.create_task(store.wait("inbox", 5))
    await asyncio.sleep(0.01)
    await add(store, "wake")
    assert await waiting
    assert await store.wait("inbox", 0, mark)  # it happened since the mark
    with pytest.raises(KeyError):
        await store.transact(_wakes_and_fails)
    assert not await store.wait("failed", 0.05, store.mark("failed"))


def _wakes_and_fails(ledger: Ledger) -> None:
    ledger.wake("failed")
    raise KeyError


async def test_a_line_is_added_once_for_a_client_id(store: Store) -> None:
    identity = await add(store, "one")

    def speak(ledger: Ledger) -> int | None:
        return ledger.lines.add(identity, Direction.OPERATOR, START, text="hello", author="anna", client_id="c1")

    ids = await asyncio.gather(*(store.transact(speak) for _ in range(4)))
    assert sum(line is not None for line in ids) == 1
    (line,) = await store.read(lambda ledger: ledger.lines.of(identity))
    assert (line.text, line.author, line.direction) == ("hello", "anna", Direction.OPERATOR)


async def test_a_status_only_moves_forward(store: Store) -> None:
    identity = await add(store, "one")
    line = await store.transact(lambda ledger: ledger.lines.add(identity, Direction.OUT, START, text="a"))
    assert line
    part = Outgoing(1, identity, "fake", "caller", "send", {}, line, 1, START, first=True, last=False)
    await store.transact(lambda ledger: ledger.lines.sent([(part, "ref-1")]))
    (found,) = await store.read(lambda ledger: ledger.lines.of(identity))
    assert (found.status, found.references) == (Status.QUEUED, ("ref-1",))
    await store.transact(lambda ledger: ledger.lines.sent([(replace(part, first=False, last=True), "ref-2")]))
    seen = []
    for status in (Status.READ, Status.DELIVERED, Status.FAILED, Status.SENT):
        update = StatusUpdate("fake", "ref-2", status)
        moved = await store.transact(
            lambda ledger, u=update: ledger.lines.advance_reference(u.channel, u.reference, u.status)
        )
        seen.append(moved)
    assert seen == [True, False, False, False]
    (found,) = await store.read(lambda ledger: ledger.lines.of(identity))
    assert (found.status, found.references) == (Status.READ, ("ref-1", "ref-2"))
    references = await store.read(lambda ledger: ledger.lines.references(identity, START, START + timedelta(1)))
    assert references == ["ref-1", "ref-2"]


async def test_notes_are_replaced(store: Store) -> None:
    identity = await add(store, "one")
    for value in ("evening", "morning"):
        await store.transact(lambda ledger, v=value: ledger.conversations.put_note(identity, "safe_time", v, START))
    assert await store.read(lambda ledger: ledger.conversations.notes(identity)) == {"safe_time": "morning"}


async def test_a_closed_store_says_so(database_url: str) -> None:
    from storage.migration import migrate

    await migrate(database_url)
    store = await open_store(database_url, CIPHER)
    await store.close()
    await store.close()
    if database_url.startswith("sqlite"):
        with pytest.raises(StoreAwayError):
            await store.transact(lambda _ledger: None)


async def test_work_handed_in_before_closing_is_done(sqlite_url: str) -> None:
    from storage.migration import migrate

    await migrate(sqlite_url)
    store = await open_store(sqlite_url, CIPHER)
    handed = asyncio.create_task(store.transact(lambda ledger: ledger.inbox.add(envelope(), 0, FLOOD, START)))
    await asyncio.sleep(0)
    await store.close()
    assert await handed


async def test_another_process_on_postgresql_is_woken(postgres_database: str) -> None:
    from storage.migration import migrate

    await migrate(postgres_database)
    here, there = await open_store(postgres_database, CIPHER), await open_store(postgres_database, CIPHER)
    try:
        await asyncio.sleep(0.2)  # both listen
        mark = there.mark("inbox")
        await add(here, "wake")
        assert await there.wait("inbox", 2, mark)
    finally:
        await here.close()
        await there.close()


async def test_a_database_that_is_not_there_is_away(tmp_path: object) -> None:
    with pytest.raises(StoreAwayError):
        await open_store("postgresql://nobody@127.0.0.1:9/none", CIPHER)
