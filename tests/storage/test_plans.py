"""No statement on a message's way reads a table from end to end: its cost must not grow with what is stored."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from storage.sqlite import SqliteStore
from tests.builders.delivery import House, envelope

_GROW = ("message", "seen", "conversation", "inbox", "outbox", "lane", "tally", "case", "missed", "feedback")


async def test_a_message_is_taken_answered_and_sent_by_indexes_alone(sqlite_store: SqliteStore) -> None:
    said: dict[str, Any] = {}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        said[statement] = parameters[0] if many and isinstance(parameters, list) else parameters

    engine = sqlite_store._writer_engine
    event.listen(engine, "before_cursor_execute", note)
    house = House(sqlite_store)
    await sqlite_store.recover()  # only once in a process's life: it may read the lanes from end to end
    said.clear()
    await house.inbox.receive([envelope("a|b"), envelope("c")])
    await house.quiet()
    event.remove(engine, "before_cursor_execute", note)
    statements = {text: values for text, values in said.items() if not text.startswith(("BEGIN", "SAVE", "RELEASE"))}
    assert len(statements) > 12
    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        for text, values in statements.items():
            plan = raw.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()
            steps = [step[3].replace('"', "") for step in plan]
            assert not [step for step in steps if step.startswith("SCAN") and step.split()[1] in _GROW], (text, steps)
