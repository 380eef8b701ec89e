"""Telegram's HTML as its server reads it: marks become entities, and what it refuses is refused (Bot API, HTML style)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_NAMES = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler", "span": "spoiler",
    "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote", "tg-emoji": "custom_emoji",
}  # fmt: skip
_CHARACTER = re.compile(r"&(?:(lt|gt|amp|quot)|#(\d{1,7})|#x([0-9a-fA-F]{1,6}));?")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_TAG = re.compile(r"<(/?)([a-zA-Z0-9-]*)((?:\s+[a-zA-Z0-9_-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>]*))?)*)\s*>")
_HREF = re.compile(r"href\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*))", re.IGNORECASE)


class MarkError(ValueError):
    """The marks do not parse; the text is Telegram's."""


def units(text: str) -> int:
    """Length in UTF-16 code units, as Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass
class _Reading:
    text: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)
    open: list[tuple[str, int, str]] = field(default_factory=list)  # tag, offset, href


def parse(source: str) -> tuple[str, list[dict[str, Any]]]:
    """(visible text, entities). Raises MarkError."""
    reading, place = _Reading(), 0
    while place < len(source):
        char = source[place]
        if char == "&" and (found := _CHARACTER.match(source, place)):
            reading.text += _decoded(found)
            place = found.end()
        elif char == "<":
            tag = _TAG.match(source, place)
            offset = len(source[:place].encode())
            if not tag:
                raise MarkError(f"Unclosed or unsupported start tag at byte offset {offset}")
            _apply(reading, tag, offset)
            place = tag.end()
        else:
            reading.text += char
            place += 1
    if reading.open:
        raise MarkError(f'Can\'t find end tag corresponding to start tag "{reading.open[-1][0]}"')
    return _trimmed(reading)


def _decoded(found: re.Match[str]) -> str:
    if found[1]:
        return _NAMED[found[1]]
    code = int(found[2]) if found[2] else int(found[3], 16)
    return chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else found[0]


def _apply(reading: _Reading, tag: re.Match[str], offset: int) -> None:
    name = tag[2].lower()
    if tag[1]:
        if not reading.open:
            raise MarkError(f"Unexpected end tag at byte offset {offset}")
        opened, start, href = reading.open.pop()
        if name and name != opened:
            raise MarkError(f'Unmatched end tag at byte offset {offset}, expected "</{opened}>", found "</{name}>"')
        length = units(reading.text) - start
        if length > 0 and (opened != "a" or href):
            entity: dict[str, Any] = {"type": _NAMES[opened], "offset": start, "length": length}
            reading.entities.append({**entity, "url": href} if opened == "a" else entity)
        return
    if name not in _NAMES:
        raise MarkError(f'Unsupported start tag "{name}" at byte offset {offset}')
    href = ""
    if found := _HREF.search(tag[3] or ""):
        href = next((group for group in found.groups() if group is not None), "")
        href = _CHARACTER.sub(_decoded, href)
    reading.open.append((name, units(reading.text), href))


def _trimmed(reading: _Reading) -> tuple[str, list[dict[str, Any]]]:
    lead = units(reading.text) - units(reading.text.lstrip())
    text = reading.text.strip()
    size = units(text)
    kept = []
    for entity in reading.entities:
        start = max(0, entity["offset"] - lead)
        length = min(size, entity["offset"] - lead + entity["length"]) - start
        if length > 0:
            kept.append({**entity, "offset": start, "length": length})
    return text, kept
