"""The chained audit log: whatever is changed, put in or cut out shows."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.hotline.ports import Store
from tests.builders.delivery import START
from tests.storage.stores import CIPHER


async def write(store: Store, count: int) -> None:
    for number in range(count):
        await store.transact(lambda ledger, n=number: ledger.office.audit.append(START, f"who{n}", "case opened", f"case{n}", "x"))


async def test_a_whole_chain_on_both_databases(store: Store) -> None:
    assert await store.read(lambda ledger: ledger.office.audit.broken()) == ""
    await write(store, 5)
    assert await store.read(lambda ledger: ledger.office.audit.broken()) == ""
    assert await store.read(lambda ledger: ledger.office.audit.count()) == 5
    page = await store.read(lambda ledger: ledger.office.audit.page(limit=2))
    assert [entry.id for entry in page] == [5, 4]
    assert [entry.id for entry in await store.read(lambda ledger: ledger.office.audit.page(before=4))] == [3, 2, 1]


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("update audit set who = 'nobody' where id = 2", "Entry 2 was changed"),
        ("update audit set at = at + 1 where id = 4", "Entry 4 was changed"),
        ("delete from audit where id = 3", "Entry 3 is missing"),
        ("delete from audit where id = 5", "after 4 are missing"),
        ("delete from audit", "after 0 are missing"),
        ("insert into audit select 6, at, who, act, target, detail, seal from audit where id = 5", "Entry 6 was changed"),
        ("delete from audit where id = 5; update audit_head set entries = 4, last = (select seal from audit where id = 4)", "head of the log was changed"),
        ("delete from audit_head", "head of the log is missing"),
        ("update audit set seal = (select seal from audit where id = 1) where id = 2", "Entry 2 was changed"),
    ],
)
async def test_every_harm_shows(sqlite_store: Store, tmp_path: Path, harm: str, told: str) -> None:
    await write(sqlite_store, 5)
    with sqlite3.connect(tmp_path / "hotline.db", timeout=10) as database:
        database.executescript(harm)
    assert told in await sqlite_store.read(lambda ledger: ledger.office.audit.broken())


async def test_the_secret_of_the_chain_is_not_in_the_file(sqlite_store: Store, tmp_path: Path) -> None:
    await write(sqlite_store, 1)
    with sqlite3.connect(tmp_path / "hotline.db", timeout=10) as database:
        sealed = bytes(database.execute("select secret from audit_head").fetchone()[0])
    secret = CIPHER.unseal(sealed, "audit_head.secret").decode()
    assert len(bytes.fromhex(secret)) == 32
    assert secret.encode() not in (tmp_path / "hotline.db").read_bytes()
