"""Moving an installation from one database to another, SQLite to PostgreSQL above all.

Sealed values are copied as they are: the new place needs the same keys, and nothing is ever in the clear in between.
The source cannot be written to while it is copied, and is not changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Column, Connection, Table, create_engine, event, func, select, text, type_coerce
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.types import TypeDecorator, TypeEngine

from bot.errors import ConflictError
from storage.database import normal_url
from storage.migration import check_schema, migrate
from storage.schema import metadata

_BATCH = 1000
_Run = Callable[[Callable[[Connection], Any]], Any]


async def transfer(source: str, target: str) -> dict[str, int]:
    """Copy every table into an empty, migrated (or new) database; rows by table.

    Raises SchemaError when the source is of another version, ConflictError when the target holds anything.
    """
    await check_schema(source)
    await migrate(target)
    counts: dict[str, int] = {}
    async with _opened(source) as read, _opened(target) as write:
        for table in metadata.sorted_tables:
            if await write(lambda connection, table=table: connection.scalar(select(func.count()).select_from(table))):
                raise ConflictError(f"The target's table {table.name} is not empty.")
        for table in metadata.sorted_tables:
            counts[table.name] = await _copy(table, read, write)
        await write(_catch_up)
    return counts


async def _copy(table: Table, read: Any, write: Any) -> int:
    keys = list(table.primary_key.columns)
    query = select(*(type_coerce(column, _plain(column)).label(column.name) for column in table.c)).order_by(*keys)
    done = 0
    while True:
        page = query.limit(_BATCH).offset(done)
        rows = await read(lambda connection, page=page: connection.execute(page).mappings().all())
        if not rows:
            return done
        values = [dict(row) for row in rows]
        plain = Table(table.name, type(metadata)(), *(Column(column.name, _plain(column)) for column in table.c))
        await write(lambda connection, plain=plain, values=values: connection.execute(plain.insert(), values))
        done += len(rows)


def _plain(column: Column[Any]) -> TypeEngine[Any]:
    """What the database stores, without our encryption and conversions."""
    kind: TypeEngine[Any] = column.type
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind


def _catch_up(connection: Connection) -> None:
    """PostgreSQL's counters do not follow explicit ids."""
    if connection.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        if table.autoincrement_column is not None:
            name = table.name
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('\"{name}\"', 'id'), "  # noqa: S608 - our own table names
                    f'GREATEST((SELECT COALESCE(MAX(id), 0) FROM "{name}"), 1))'
                )
            )


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Any]:
    """A function that runs another on the database's connection, all in one transaction."""
    url = normal_url(url)
    if url.startswith("sqlite"):
        engine = create_engine(url, poolclass=NullPool)

        @event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA busy_timeout=30000")
            connection.execute("PRAGMA synchronous=FULL")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        with engine.begin() as connection:

            async def run(work: Callable[[Connection], Any]) -> Any:
                return work(connection)

            yield run
        engine.dispose()
    else:
        async_engine = create_async_engine(url, poolclass=NullPool)
        async with async_engine.begin() as connection_:
            yield connection_.run_sync
        await async_engine.dispose()
