"""The audit log: only appended to, each entry sealed together with the seal of the one before.

The seal is an HMAC under a secret of its own, kept encrypted, so that whoever can only write to the database can
neither change nor insert nor drop an entry unseen; the head row holds the number of entries and the last seal, sealed
too, so that cutting off the end shows as well. The secret does not change when the encryption keys do.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Column, Index, Integer, LargeBinary, String, Table, func, select, update

from bot.hotline.team import AuditEntry
from storage.column import Id, Instant, Sealed
from storage.database import insert, metadata
from storage.rows import Rows

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),  # counted by the head, without gaps
    Column("at", Instant, nullable=False),
    Column("who", String(32), nullable=False),
    Column("act", String(32), nullable=False),
    Column("target", String(64), nullable=False),
    Column("detail", String(200), nullable=False),
    Column("seal", LargeBinary, nullable=False),
    Index("ix_audit_target", "target"),
)

head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("secret", Sealed("audit_head.secret"), nullable=False),
    Column("entries", Integer, nullable=False),
    Column("last", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False),  # HMAC over count and last
)

_PAGE = 1000


class AuditRows(Rows):
    """Implements `bot.hotline.office.Audit`."""

    def append(self, at: datetime, who: str, act: str, target: str = "", detail: str = "") -> None:
        """Add an entry at the end. The head's row is the lock."""
        secret, count, last = self._locked()
        entry = AuditEntry(count + 1, at, who[:32], act[:32], target[:64], detail[:200])
        seal = _seal(secret, last, entry)
        self.connection.execute(
            audit.insert().values(
                id=entry.id, at=at, who=entry.who, act=entry.act, target=entry.target, detail=entry.detail, seal=seal
            )
        )
        change = update(head).where(head.c.id == 1)
        self.connection.execute(change.values(entries=entry.id, last=seal, proof=_proof(secret, entry.id, seal)))

    def _locked(self) -> tuple[bytes, int, bytes]:
        query = select(head).where(head.c.id == 1).with_for_update()
        row = self.connection.execute(query).first()
        if row is None:
            secret = secrets.token_bytes(32)
            first = {"id": 1, "secret": secret.hex(), "entries": 0, "last": b"", "proof": _proof(secret, 0, b"")}
            new = insert(self.connection, head).values(**first)
            self.connection.execute(new.on_conflict_do_nothing(index_elements=["id"]))
            row = self.connection.execute(query).one()
        return bytes.fromhex(row.secret), row.entries, bytes(row.last)

    def page(self, limit: int = 100, before: int | None = None, target: str = "") -> list[AuditEntry]:
        """The latest first."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.id < before)
        if target:
            query = query.where(audit.c.target == target)
        return [AuditEntry(*row) for row in self.connection.execute(query)]

    def count(self) -> int:
        """How many entries there are."""
        return self.connection.execute(select(func.count()).select_from(audit)).scalar_one()

    def broken(self) -> str:
        """ "" when the chain is whole, else where it is not."""
        row = self.connection.execute(select(head).where(head.c.id == 1)).first()
        if row is None:
            return "" if self.count() == 0 else "The head of the log is missing."
        secret, last, expected = bytes.fromhex(row.secret), b"", 1
        for entry in self._walk():
            if entry.id != expected:
                return f"Entry {expected} is missing."
            if not hmac.compare_digest(entry.seal, _seal(secret, last, entry)):
                return f"Entry {entry.id} was changed."
            last, expected = entry.seal, expected + 1
        if not hmac.compare_digest(bytes(row.proof), _proof(secret, row.entries, bytes(row.last))):
            return "The head of the log was changed."
        if row.entries != expected - 1 or bytes(row.last) != last:
            return f"Entries after {expected - 1} are missing."
        return ""

    def _walk(self) -> Iterator[AuditEntry]:
        after = 0
        while rows := self.connection.execute(
            select(audit).where(audit.c.id > after).order_by(audit.c.id).limit(_PAGE)
        ).all():
            for row in rows:
                yield AuditEntry(row.id, row.at, row.who, row.act, row.target, row.detail, bytes(row.seal))
            after = rows[-1].id


def _seal(secret: bytes, before: bytes, entry: AuditEntry) -> bytes:
    mac = hmac.new(secret, before, hashlib.sha256)
    for part in (str(entry.id), entry.at.isoformat(), entry.who, entry.act, entry.target, entry.detail):
        data = part.encode()
        mac.update(len(data).to_bytes(4) + data)
    return mac.digest()


def _proof(secret: bytes, count: int, last: bytes) -> bytes:
    return hmac.new(secret, b"head" + count.to_bytes(8) + last, hashlib.sha256).digest()
