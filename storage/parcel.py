"""The table of files that operators send: in encrypted pieces, gone with their case or at the caller's word."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, Integer, String, Table, select

from storage.column import Instant, SealedBytes
from storage.database import metadata
from storage.rows import Rows

_PIECE = 131_072  # bytes in a row, so that no walk over the table reads whole files

parcel = Table(
    "parcel",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("piece", Integer, primary_key=True, autoincrement=False),
    Column("conversation_id", String(32), nullable=False),
    Column("case_id", String(32), nullable=False),
    Column("at", Instant, nullable=False),
    Column("data", SealedBytes("parcel.data"), nullable=False),
    Index("ix_parcel_conversation_id", "conversation_id"),
    Index("ix_parcel_case_id", "case_id"),
)


class ParcelRows(Rows):
    """Implements `bot.hotline.office.Parcels`."""

    def put(self, parcel_id: str, conversation: str, case: str, data: bytes, now: datetime) -> None:
        """Keep a file as long as its case."""
        values = [
            {
                "id": parcel_id,
                "piece": number,
                "conversation_id": conversation,
                "case_id": case,
                "at": now,
                "data": data[start : start + _PIECE],
            }
            for number, start in enumerate(range(0, len(data), _PIECE))
        ]
        self.connection.execute(parcel.insert(), values)

    def get(self, parcel_id: str, conversation: str) -> bytes:
        """The file, if it was sent in this conversation; empty when it is gone."""
        mine = (parcel.c.id == parcel_id) & (parcel.c.conversation_id == conversation)
        query = select(parcel.c.data).where(mine).order_by(parcel.c.piece)
        return b"".join(self.connection.execute(query).scalars())
