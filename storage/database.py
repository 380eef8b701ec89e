"""The table registry, constraint names, and the one helper in which the two databases differ: the upsert."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Index, MetaData, Table
from sqlalchemy.dialects import postgresql, sqlite

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the connection's dialect."""
    return insert_in(connection.dialect.name, table)


def insert_in(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The same for a dialect's name, "sqlite" or "postgresql": for statements that are built once and kept.

    Statements on a message's way are built once: building them anew costs more than the database does.
    """
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def partial_index(name: str, *columns: Any, where: Any, unique: bool = False) -> Index:
    """An index over the rows that satisfy `where`, on both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


def normal_url(url: str) -> str:
    """Accept the spellings people use; SQLite runs on the standard driver, PostgreSQL on asyncpg."""
    scheme, colon, rest = url.partition(":")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"):
        return f"postgresql+asyncpg{colon}{rest}"
    if scheme in ("sqlite", "sqlite+aiosqlite", "sqlite+pysqlite"):
        return f"sqlite{colon}{rest}"
    return url
