"""Markdown-light of the answers (bold, italic, links, lists) in the form each channel can show.

Nothing a person wrote is ever trusted: every form escapes first and adds its few marks after.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_INLINE = re.compile(
    r"\*\*(?P<bold>[^*\n]+)\*\*|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)|\[(?P<label>[^\]\n]{1,200})\]\((?P<target>[^)\s]{1,500})\)|"
    r"(?P<bare>https?://[^\s<>)\]]+)"
)
_SAFE_TARGETS = ("https://", "http://", "tel:", "mailto:")
_TRAILING = ".,;:!?"


def to_web(text: str) -> str:
    """HTML for the web chat: paragraphs, line breaks, bold, italic and safe links."""
    paragraphs = [p for p in re.split(r"\n\s*\n", text.strip()) if p.strip()]
    return "".join(f"<p>{_inline_html(p, telephone=True).replace(chr(10), '<br>')}</p>" for p in paragraphs)


def to_telegram(text: str) -> str:
    """Telegram's HTML; it makes numbers into links itself, and knows no tel: links."""
    return _inline_html(text, telephone=False, bold="b", italic="i")


def to_whatsapp(text: str) -> str:
    """WhatsApp's own marks: *bold*, _italic_, bare links."""
    return _plain(text, bold="*{}*", italic="_{}_")


def to_plain(text: str) -> str:
    """No marks at all: for terminals and previews."""
    return _plain(text, bold="{}", italic="{}")


def _inline_html(text: str, *, telephone: bool, bold: str = "strong", italic: str = "em") -> str:
    parts: list[str] = []
    for kind, first, second in _tokens(text):
        if kind == "bold":
            parts.append(f"<{bold}>{_inline_html(first, telephone=telephone, bold=bold, italic=italic)}</{bold}>")
        elif kind == "italic":
            parts.append(f"<{italic}>{_inline_html(first, telephone=telephone, bold=bold, italic=italic)}</{italic}>")
        elif kind == "link" and second.startswith("tel:") and not telephone:
            parts.append(html.escape(first))
        elif kind == "link":
            outside = "" if second.startswith(("tel:", "mailto:")) or not telephone else ' target="_blank" rel="noopener noreferrer"'
            parts.append(f'<a href="{html.escape(second)}"{outside}>{html.escape(first)}</a>')
        else:
            parts.append(html.escape(first, quote=False))
    return "".join(parts)


def _plain(text: str, bold: str, italic: str) -> str:
    parts: list[str] = []
    for kind, first, second in _tokens(text):
        if kind == "bold":
            parts.append(bold.format(_plain(first, "{}", "{}")))
        elif kind == "italic":
            parts.append(italic.format(_plain(first, "{}", "{}")))
        elif kind == "link" and not second.startswith(("tel:", "mailto:")) and second != first:
            parts.append(f"{first}: {second}")
        else:
            parts.append(first)
    return "".join(parts)


def _tokens(text: str) -> Iterator[tuple[str, str, str]]:
    """(kind, text, target): kind is text, bold, italic or link."""
    end = 0
    for found in _INLINE.finditer(text):
        if found.start() > end:
            yield "text", text[end : found.start()], ""
        end = found.end()
        if found["bold"]:
            yield "bold", found["bold"], ""
        elif found["italic"]:
            yield "italic", found["italic"], ""
        elif found["bare"]:
            bare = found["bare"].rstrip(_TRAILING)
            yield "link", bare, bare
            yield "text", found["bare"][len(bare) :], ""
        elif found["target"].startswith(_SAFE_TARGETS):
            yield "link", found["label"], found["target"]
        else:
            yield "text", found.group(), ""
    if end < len(text):
        yield "text", text[end:], ""


def split(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` characters: at paragraphs, else lines, else sentences, else words."""
    pieces: list[str] = []
    rest = text.strip()
    while len(rest) > limit:
        cut = _cut(rest, limit)
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        pieces.append(rest)
    return pieces


def _cut(text: str, limit: int) -> int:
    for mark in ("\n\n", "\n", ". ", "! ", "? ", " "):
        place = text.rfind(mark, limit // 3, limit)
        if place > 0:
            return place + len(mark)
    return limit
