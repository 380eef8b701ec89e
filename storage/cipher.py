"""Encryption at rest: AES-256-GCM under numbered keys, and keyed hashes to look up what is encrypted.

A sealed value is `version (1 byte) | length of the key id (1) | key id | nonce (12) | ciphertext and tag`. Its purpose
("table.column") is authenticated with it, so that a value moved to another column does not open. The key that encrypts
and the key that hashes are both derived from the configured one (HKDF-SHA256) and cannot be told from each other.

Limits: one 256-bit key with random 96-bit nonces is good for 2**32 values (NIST SP 800-38D, 8.3); rotate before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import CipherError, SettingsError

_VERSION = 1
_NONCE = 12  # bytes
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """One configured key."""

    id: str  # ASCII, 1 to 32 characters; stored beside every value
    secret: bytes = field(repr=False)  # 32 bytes


class Cipher:
    """Seals with the first key, opens with any; implements `bot.hotline.ports.Sealer`."""

    def __init__(self, keys: Sequence[Key]) -> None:
        if not keys:
            raise SettingsError("At least one encryption key is needed.")
        self.current = keys[0].id
        self._boxes = {key.id: AESGCM(_derive(key.secret, b"hotline seal")) for key in keys}
        self._hashers = [_derive(key.secret, b"hotline lookup") for key in keys]
        if len(self._boxes) != len(keys):
            raise SettingsError("Two encryption keys have the same id.")
        self._head = bytes((_VERSION, len(self.current))) + self.current.encode()
        self._box = self._boxes[self.current]

    def seal(self, data: bytes, purpose: str) -> bytes:
        """Encrypt with the current key, bound to `purpose`."""
        nonce = os.urandom(_NONCE)
        return self._head + nonce + self._box.encrypt(nonce, data, purpose.encode())

    def unseal(self, data: bytes, purpose: str) -> bytes:
        """Decrypt; raises CipherError."""
        key_id, start = _key_id(data)
        box = self._boxes.get(key_id)
        if box is None:
            raise CipherError(f"No key with the id {key_id!r} is configured.")
        nonce = data[start : start + _NONCE]
        try:
            return box.decrypt(nonce, data[start + _NONCE :], purpose.encode())
        except (InvalidTag, ValueError):
            raise CipherError from None

    def is_current(self, data: bytes) -> bool:
        """Whether the value is under the current key."""
        return data.startswith(self._head)

    def lookup(self, *parts: str) -> bytes:
        """A keyed hash (32 bytes) that finds what only its owner can name, under the current key."""
        return _mac(self._hashers[0], parts)

    def lookups(self, *parts: str) -> list[bytes]:
        """The same under every key, the current one first: for finding what is not rotated yet."""
        return [_mac(key, parts) for key in self._hashers]


def _mac(key: bytes, parts: tuple[str, ...]) -> bytes:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:  # each with its length, so that ("ab", "c") and ("a", "bc") differ
        data = part.encode("utf-8", "surrogatepass")
        mac.update(len(data).to_bytes(4) + data)
    return mac.digest()


def _derive(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)


def _key_id(data: bytes) -> tuple[str, int]:
    if len(data) < 2 or data[0] != _VERSION or len(data) < 2 + data[1]:
        raise CipherError
    end = 2 + data[1]
    return data[2:end].decode("ascii", "replace"), end


def parse_keys(text: str) -> list[Key]:
    """Read `id:base64,id:base64,…` (the form of HOTLINE_KEYS and of the key file); raises SettingsError."""
    keys = []
    for part in text.replace("\n", ",").split(","):
        if not (part := part.strip()) or part.startswith("#"):
            continue
        key_id, _, encoded = part.partition(":")
        try:
            secret = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            secret = b""
        if not key_id.isascii() or not 1 <= len(key_id) <= 32 or len(secret) != KEY_BYTES:
            raise SettingsError(f"An encryption key must read id:base64 of {KEY_BYTES} bytes.")
        keys.append(Key(key_id, secret))
    return keys


def new_key(key_id: str) -> str:
    """A fresh key in the form `parse_keys` reads."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def load_cipher(keys: str, data_dir: Path) -> Cipher:
    """The cipher of `keys` (HOTLINE_KEYS) or, when that is empty, of `data_dir`/keys, made on the first run.

    The file is readable by its owner only. Whoever copies the database for backup must keep the keys elsewhere.
    """
    if keys.strip():
        return Cipher(parse_keys(keys))
    path = data_dir / "keys"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"keys.{secrets.token_hex(4)}")
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(new_key("k1") + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails when another process was first: then its key is the one
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    return Cipher(parse_keys(path.read_text()))
