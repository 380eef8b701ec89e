"""Passwords, tokens, one-time codes: everything secret about an account, without storage or clock.

Argon2id with 64 MiB and 3 passes takes tens of milliseconds on purpose: call it in a thread, never in a transaction.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime
from functools import cache
from pathlib import Path

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from bot.dialogue.knowledge import N_
from bot.errors import RefusedError

PASSWORD_MIN = 12  # characters
PASSWORD_MAX = 128
_STEP = 30  # seconds a one-time code lives
_RECOVERY_CODES = 10
_SECRET = re.compile(r"[A-Z2-7]{32}")  # 160 bits
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_COMMON = ("password", "qwerty", "123456", "parol", "пароль", "йцукен", "hotline", "admin", "letmein", "iloveyou")  # with nothing but figures around
_LIST = Path(__file__).with_name("common_passwords.txt")  # says where it comes from
_hasher = PasswordHasher()  # RFC 9106's second choice: t=3, 64 MiB, p=4


def hash_password(password: str) -> str:
    """Argon2id, with its own salt and parameters inside."""
    return _hasher.hash(password)


def verify_password(hashed: str, password: str) -> bool:
    """Whether it is the password; an empty hash costs the same time and never fits."""
    try:
        return _hasher.verify(hashed or _nobody(), password) and bool(hashed)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobody() -> str:
    return _hasher.hash(secrets.token_hex(16))


def check_strength(password: str, name: str) -> None:
    """Refuse what is guessed first: short, well-known, with the own name in it. No rules on kinds of characters."""
    plain = password.casefold()
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise RefusedError(N_("A password needs 12 to 128 characters. A few words in a row are best."))
    simple = len(set(plain)) < 5 or any(plain.replace(word, "").strip("0123456789!.,_- ") == "" for word in _COMMON)
    own = _letters_of(name)
    if simple or (len(own) > 2 and own in _letters_of(password)) or _is_common(plain):
        raise RefusedError(N_("This password is too easy to guess."))


def _letters_of(text: str) -> str:
    """Without spaces, dots and the like, so that a name is found however it is written."""
    return "".join(filter(str.isalnum, text.casefold()))


def _is_common(plain: str) -> bool:
    """Whether it is on the list, which is read for this and let go again: passwords are set seldom."""
    with _LIST.open(encoding="utf-8") as lines:
        return any(line.rstrip("\n") == plain for line in lines)


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def key_of(token: str) -> bytes:
    """What the database keeps of a token: it cannot be turned back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def mark_of(key: bytes) -> str:
    """Names a session to its owner; neither its token nor its key can be had from it."""
    return hashlib.sha256(b"mark" + key).hexdigest()[:16]


def csrf_of(token: str) -> str:
    """The session's word that every change must carry; made from the token, so it needs no storage."""
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).hexdigest()


def same(given: str, wanted: str) -> bool:
    """Compare without telling how much was right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))


def new_totp() -> str:
    """A secret for an authenticator app."""
    return pyotp.random_base32()


def is_totp(secret: str) -> bool:
    """Whether it is a secret as `new_totp` makes them."""
    return bool(_SECRET.fullmatch(secret))


def totp_uri(secret: str, name: str) -> str:
    """What an authenticator app opens; the issuer is neutral, since the phone may be seen."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Console")


def totp_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step the code belongs to, one step of drift allowed; None when it is wrong or was used, or no secret of ours."""
    if not is_totp(secret):
        return None
    digits = code.replace(" ", "")
    current = int(now.timestamp()) // _STEP
    for step in (current, current - 1, current + 1):
        if step > last_step and same(digits, pyotp.TOTP(secret).at(step * _STEP)):
            return step
    return None


def new_recovery() -> list[str]:
    """Codes for the day the phone is lost; each works once."""
    return ["-".join(_letters(6) for _ in range(4)) for _ in range(_RECOVERY_CODES)]


def recovery_hash(code: str) -> str:
    """What is kept of a recovery code; 118 random bits need no slow hash."""
    return hashlib.sha256(code.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()


def _letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))
