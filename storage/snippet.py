"""The snippet table: operators' own replies, one text for each language."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Column, Index, String, Table, delete, select, update

from bot.hotline.team import Snippet
from storage.column import Id, SealedJson
from storage.database import metadata
from storage.rows import Rows

snippet_table = Table(
    "snippet",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("owner", String(32), nullable=False),
    Column("title", String(64), nullable=False),
    Column("texts", SealedJson("snippet.texts"), nullable=False),
    Index("ix_snippet_owner", "owner"),
)


class SnippetRows(Rows):
    """Implements `bot.hotline.office.Snippets`."""

    def of(self, owner: str) -> list[Snippet]:
        """An operator's replies, by title."""
        query = select(snippet_table).where(snippet_table.c.owner == owner).order_by(snippet_table.c.title)
        return [Snippet(row.id, row.owner, row.title, row.texts) for row in self.connection.execute(query)]

    def put(self, owner: str, title: str, texts: Mapping[str, str], snippet: int | None = None) -> int:
        """Add one, or replace the owner's with that id."""
        values = {"title": title[:64], "texts": dict(texts)}
        if snippet is not None:
            mine = (snippet_table.c.id == snippet) & (snippet_table.c.owner == owner)
            if self.connection.execute(update(snippet_table).where(mine).values(values)).rowcount:
                return snippet
        new = snippet_table.insert().values(owner=owner, **values).returning(snippet_table.c.id)
        added: int = self.connection.execute(new).scalar_one()
        return added

    def remove(self, owner: str, snippet: int) -> bool:
        """False when the owner has no such reply."""
        mine = (snippet_table.c.id == snippet) & (snippet_table.c.owner == owner)
        return self.connection.execute(delete(snippet_table).where(mine)).rowcount == 1
