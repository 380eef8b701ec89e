"""Alembic runs this for every command; the connection comes from `storage.migration`."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy.types import TypeDecorator, TypeEngine

from storage.column import Id
from storage.schema import metadata


def render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Write plain types into migrations, so that these do not change when our column types do."""
    if kind == "type" and isinstance(item, TypeDecorator):
        impl: TypeEngine[Any] = item.impl_instance
        return f"sa.{impl!r}"
    if kind == "type" and item is Id:
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_item=render,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
