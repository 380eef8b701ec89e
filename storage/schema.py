"""All tables: importing this module fills `storage.database.metadata`. A new table's module is added here."""

from __future__ import annotations

from storage import (  # noqa: F401 - imported to fill the metadata
    audit,
    broadcast,
    case,
    conversation,
    draft,
    finding,
    inbox,
    lane,
    lease,
    message,
    note,
    outbox,
    pace,
    parcel,
    remark,
    shift,
    snippet,
    staff,
)
from storage.database import metadata

__all__ = ["metadata"]
