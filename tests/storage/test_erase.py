"""Delete my data: no table keeps anything; the platform's messages are deleted too."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, func, select

from bot.dialogue.effect import Erase, Feedback, Missed, Note, OpenCase
from bot.hotline.ports import Store
from bot.matching.match import Urgency
from storage.schema import metadata
from tests.builders.delivery import START, Echo, House

# What holds nothing of a caller, and why: any other table must be reached by "delete my data". Add to it with care.
FREE_OF_CALLERS = {
    "audit": "who did what: staff, and the first letters of a case's random id",
    "audit_head": "the log's own seal",
    "broadcast": "what staff wrote",
    "lease": "periodic jobs",
    "pace": "sends a second",
    "presence": "staff",
    "seen": "keyed hashes of messages' ids, 48 h",
    "shift": "staff",
    "snippet": "what staff wrote",
    "staff": "staff",
    "staff_attempt": "staff",
    "staff_invite": "staff",
    "staff_login": "staff",
    "statistic": "counts",
    "tally": "counts",
}
WALKED_BY_NAME = {"conversation", "lane"}
EFFECTS = {
    "person": (OpenCase(Urgency.URGENT, "asked"),),
    "what": (Missed("fallback"), Feedback("x", False), Note("safe_time", "night")),
    "delete": (Erase("everything"),),
}
# Rows that name nobody: counts, the dedupe hashes of 48 h, and what belongs to the program.
NAMELESS = {"seen", "tally", "statistic", "pace", "lease"}


def rows(path: Path) -> dict[str, int]:
    """How many rows each table has."""
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in metadata.sorted_tables
            }
    finally:
        engine.dispose()


async def test_no_table_keeps_a_row_of_the_caller(sqlite_store: Store, tmp_path: Path) -> None:
    house = House(sqlite_store, bot=Echo(EFFECTS))
    await house.hear("hi", "person", "what")
    await house.quiet()
    before = rows(tmp_path / "hotline.db")
    used = {name for name, count in before.items() if count}
    assert used >= {"conversation", "message", "case", "case_event", "missed", "feedback", "note", "lane"}
    await house.hear("delete", "queued behind it")
    await house.hear("still here", sender="other")
    await house.quiet()
    assert house.channel.deleted[0][0] == "caller"
    assert len(house.channel.deleted[0][1]) == 7  # 4 of the caller's and 3 answers
    assert house.channel.to("caller")[-1] == "re delete"
    later = house.clock.now()
    await sqlite_store.transact(lambda ledger: ledger.lanes.forget_idle(later, 100))
    other = await house.conversation("other")
    await sqlite_store.transact(lambda ledger: ledger.erase(other.id))
    after = {name: count for name, count in rows(tmp_path / "hotline.db").items() if count}
    assert set(after) <= NAMELESS, after
    assert len(metadata.tables) >= 13


def test_no_table_with_callers_in_it_can_be_forgotten() -> None:
    """A new table is walked by its `conversation_id` or `case_id`, or stands above with the reason why it need not be."""
    tables = metadata.tables
    walked = {name for name, table in tables.items() if {"conversation_id", "case_id"} & set(table.c.keys())}
    forgotten = set(tables) - walked - WALKED_BY_NAME - set(FREE_OF_CALLERS)
    assert not forgotten, "say in FREE_OF_CALLERS why it is free of callers, or give it a conversation_id"
    assert not walked & set(FREE_OF_CALLERS)
    assert set(FREE_OF_CALLERS) <= set(tables), "a table is gone"
    assert len(walked) >= 14


async def test_other_callers_keep_theirs(store: Store) -> None:
    house = House(store, bot=Echo(EFFECTS))
    await house.hear("hi", "person", sender="other")
    await house.hear("hi", "person", "delete")
    await house.quiet()
    assert len(await house.lines("other")) == 4
    other = await house.conversation("other")
    assert await store.read(lambda ledger: ledger.cases.open_of(other.id))
    assert await store.read(lambda ledger: ledger.conversations.find("fake", "caller")) is None
    await house.hear("anew")
    await house.quiet()
    assert [line.text for line in await house.lines()] == ["anew", "re anew"]
    assert (await house.conversation()).session.misses == 1
    assert START
