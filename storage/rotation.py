"""Re-encrypting everything under the current key, in batches, while the hotline works.

Order of a rotation: give every process the new key in second place and restart them; then put it first and restart;
then rotate; then take the old key away. A value changed by someone else meanwhile is under the current key already, so
it is left alone. An interrupted rotation is simply started again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, select, tuple_, type_coerce, update

from bot.hotline.ledger import Ledger
from bot.hotline.ports import Store
from storage.column import Sealed, SealedJson
from storage.conversation import conversation
from storage.ledger import SqlLedger
from storage.message import REFERENCE, message
from storage.schema import metadata

_BATCH = 200


async def rotate(store: Store) -> int:
    """Bring every sealed value and every hash under the current key; how many rows were changed."""
    changed = 0
    for table in metadata.sorted_tables:
        sealed = [column for column in table.c if isinstance(column.type, Sealed | SealedJson)]
        if not sealed:
            continue
        last: Sequence[Any] | None = None
        while True:
            step = _Step(table, sealed, last)
            last, count = await store.transact(step)
            changed += count
            if last is None:
                break
    return changed


class _Step:
    """One batch of one table, in the order of its primary key."""

    def __init__(self, table: Table, sealed: Sequence[Column[Any]], last: Sequence[Any] | None) -> None:
        self.table = table
        self.sealed = sealed
        self.last = last

    def __call__(self, ledger: Ledger) -> tuple[Sequence[Any] | None, int]:
        """The last key seen (None: the table is done) and how many rows were changed."""
        if not isinstance(ledger, SqlLedger):
            raise TypeError("Only a store over SQL can be rotated.")
        connection, cipher = ledger.connection, ledger.conversations.cipher
        keys = list(self.table.primary_key.columns)
        raw = [type_coerce(column, LargeBinary).label(column.name) for column in self.sealed]
        query = select(*keys, *raw).order_by(*keys).limit(_BATCH)
        if self.last is not None:
            query = query.where(tuple_(*keys) > tuple_(*self.last))
        rows = connection.execute(query).all()
        changed = 0
        for row in rows:
            identity = row[: len(keys)]
            old = {
                column: bytes(value)
                for column, value in zip(self.sealed, row[len(keys) :], strict=True)
                if value is not None and not cipher.is_current(bytes(value))
            }
            if not old:
                continue
            new = {
                column.name: type_coerce(
                    cipher.seal(cipher.unseal(value, _purpose(column)), _purpose(column)), LargeBinary
                )
                for column, value in old.items()
            }
            unchanged = [type_coerce(column, LargeBinary) == value for column, value in old.items()]
            same_row = [key == value for key, value in zip(keys, identity, strict=True)]
            changed += connection.execute(update(self.table).where(*same_row, *unchanged).values(new)).rowcount
            _rehash(ledger, self.table, identity[0])
        return (rows[-1][: len(keys)] if len(rows) == _BATCH else None), changed


def _purpose(column: Column[Any]) -> str:
    return str(column.type.purpose)  # type: ignore[attr-defined]  # Sealed and SealedJson have it


def _rehash(ledger: SqlLedger, table: Table, identity: Any) -> None:
    """Keyed hashes that stand beside what was re-encrypted. `seen` has none and is forgotten within 48 h."""
    connection, cipher = ledger.connection, ledger.conversations.cipher
    if table is conversation:
        row = connection.execute(
            select(conversation.c.channel, conversation.c.address).where(conversation.c.id == identity)
        ).first()
        if row:
            change = update(conversation).where(conversation.c.id == identity)
            connection.execute(change.values(address_hash=cipher.lookup(row.channel, row.address)))
    elif table is message:
        query = (
            select(message.c.refs, conversation.c.channel)
            .join(conversation, conversation.c.id == message.c.conversation_id)
            .where(message.c.id == identity, message.c.ref_hash.is_not(None))
        )
        row = connection.execute(query).first()
        if row and row.refs:
            change = update(message).where(message.c.id == identity)
            connection.execute(change.values(ref_hash=cipher.lookup(REFERENCE, row.channel, row.refs[-1])))
