"""Column types: encrypted text and JSON, instants, and ids, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import BigInteger, Integer, LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from storage.cipher import Cipher

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up by itself only in an INTEGER column


def cipher_of(dialect: Dialect) -> Cipher:
    """The cipher that `storage.database` hung on this engine's dialect: nothing process-wide, no key in a model."""
    return cast(Cipher, dialect.hotline_cipher)  # type: ignore[attr-defined]


class Instant(TypeDecorator[datetime]):
    """An aware datetime, stored as microseconds since 1970 (UTC): exact, ordered, without time zones."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - the protocol's
        """Python to database."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - the protocol's
        """Database to Python."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Sealed(TypeDecorator[str]):
    """Encrypted text. `purpose` is "table.column" and is authenticated with the value."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """Python to database. Lone surrogates, which a hostile JSON can carry, survive."""
        if value is None:
            return None
        return cipher_of(dialect).seal(value.encode("utf-8", "surrogatepass"), self.purpose)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Database to Python; raises CipherError."""
        if value is None:
            return None
        return cipher_of(dialect).unseal(bytes(value), self.purpose).decode("utf-8", "surrogatepass")


class SealedBytes(Sealed):
    """Encrypted bytes."""

    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> bytes | None:
        """Python to database."""
        return None if value is None else cipher_of(dialect).seal(bytes(value), self.purpose)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:
        """Database to Python; raises CipherError."""
        return None if value is None else cipher_of(dialect).unseal(bytes(value), self.purpose)


class SealedJson(TypeDecorator[Any]):
    """Encrypted JSON."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> bytes | None:
        """Python to database."""
        if value is None:
            return None
        return cipher_of(dialect).seal(json.dumps(value, separators=(",", ":")).encode(), self.purpose)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Any | None:
        """Database to Python; raises CipherError."""
        if value is None:
            return None
        return json.loads(cipher_of(dialect).unseal(bytes(value), self.purpose))
