"""What every repository has: the transaction's connection, the cipher, and a way to wake others after commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, Table, delete, select

from storage.cipher import Cipher
from storage.column import cipher_of

T = TypeVar("T")


def padded(values: Sequence[T]) -> list[T]:
    """The values for an IN, the last one repeated to a power of two: few statements for the database to prepare."""
    size = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (size - len(values))]


class Rows:
    """Base of the repositories; one set is made for each transaction."""

    def __init__(self, connection: Connection, wake: Callable[[str], None]) -> None:
        self.connection = connection
        self.wake = wake

    @property
    def cipher(self) -> Cipher:
        """The engine's cipher."""
        return cipher_of(self.connection.dialect)

    def delete_some(self, table: Table, condition: ColumnElement[bool], limit: int) -> int:
        """Delete up to `limit` rows, so that a purge never holds the database for long; how many went."""
        key = next(iter(table.primary_key.columns))
        chosen = select(key).where(condition).limit(limit)
        keys = list(self.connection.execute(chosen).scalars())
        if not keys:
            return 0
        return self.connection.execute(delete(table).where(key.in_(keys), condition)).rowcount
