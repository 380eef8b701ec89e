"""`{contact:…}` in an answer: finding it, filling it, and keeping it safe through transliteration."""

from __future__ import annotations

import re
from collections.abc import Callable

GENERIC_CONTACTS = ("emergency", "hotline", "violence")  # resolved by the country the caller is in
_CONTACT = re.compile(r"\{contact:([a-z0-9_]+)\}")
_BRACE = re.compile(r"\{[^}\n]{0,40}\}?|\}")
# What must not be transliterated: placeholders, links, addresses, and names written in Latin everywhere.
_KEEP = re.compile(
    r"\{[^}]*\}|\]\([^)]*\)|https?://\S+|[\w.+-]+@[\w-]+\.[\w.]+|\b[\w-]+\.(?:kz|kg|tj|uz|ru|tm|org|int|com|gov)(?:/\S*)?\b|"
    r"\b(?:Telegram|WhatsApp|Gosuslugi|Amina|ruID|eQonaq|STOP|EPS|GLAA|Google|Facebook|Instagram|Viber|SMS|SIM|PIN|HXL|CSV|PDF|JPEG|PNG|QR|TOTP)\b"
)


def contact_ids(text: str) -> list[str]:
    """The contacts an answer names."""
    return _CONTACT.findall(text)


def stray_braces(text: str) -> str:
    """The first brace that is no placeholder, or ""."""
    rest = _CONTACT.sub("", text)
    found = _BRACE.search(rest)
    return found.group() if found else ""


def fill(text: str, contact: Callable[[str], str]) -> str:
    """Put contacts in."""
    return _CONTACT.sub(lambda match: contact(match.group(1)), text)


def transliterated(text: str, convert: Callable[[str], str]) -> str:
    """Convert a text letter by letter, leaving placeholders, links and Latin names as they are."""
    parts: list[str] = []
    end = 0
    for keep in _KEEP.finditer(text):
        parts += [convert(text[end : keep.start()]), keep.group()]
        end = keep.end()
        end += text.startswith("’", end)  # "WhatsApp’ning" is "WhatsAppнинг"
    return "".join([*parts, convert(text[end:])])
