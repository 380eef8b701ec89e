"""What an attacker, a broken client or a strange keyboard might send, made from a seeded random source."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any, ClassVar


def check(holds: bool, what: str) -> None:
    """An AssertionError that survives -O."""
    if not holds:
        raise AssertionError(what)


class Hostile:
    """What an attacker, a broken client or a strange keyboard might send."""

    WORDS = (
        "паспорт забрали", "меня заперли помогите", "oyligimni bermayapti", "жалақы бермейді", "привет", "112", "да", "нет",
        "1", "2", "йўқ", "ооба", "выход", "патент қанча туради", "я в Казахстане", "/start x", "/delete", "стоп",
    )  # fmt: skip
    ATTACKS = (
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</b></i></a>", "<a href='javascript:x'>y</a>", "**b** _i_ [x](javascript:alert(1))",
        "[x](http://e.org/\"onmouseover=\"x)", "**[a](tel:1)**", "__**_*_**__", "{contact:emergency}", "{0.__class__}", "{{7*7}}", "%s%n", "${jndi:x}",
        "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "'; DROP TABLE line; --", "../../../etc/passwd", "..\\..\\x", "\x00", "a\x00b",
        "file:///etc/passwd", "http://169.254.169.254/", "(<a|b>|(c|d)){1,9}", "(a+)+$", "[[[[[[[[", "((((((((", "&lt;b&gt;&#0;&#xD800;", "<!--", "]]>",
        "\r\nSet-Cookie: x=1", "\ud800", "\udfff\ud800", "😀\ud83d", "\ufffe\uffff", "\u0000\u0001\u001b[31m", "İıſßΐ", "ﷺ", "﷽",
    )  # fmt: skip
    _BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
    _INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e\u3164\ufe0f"
    _HOMOGLYPHS: ClassVar = dict(zip("аеорсухікАВЕКМНОРСТХ", "aeopcyxikABEKMHOPCTX", strict=True))
    EMOJI = "😀🆘👨‍👩‍👧‍👦🏳️‍🌈🇰🇿☝🏽👍"

    def __init__(self, source: random.Random) -> None:
        self.random = source

    def text(self, longest: int = 100_000) -> str:
        """Any text; rarely one of `longest` characters."""
        pick, base = self.random.random(), self.random.choice(self.WORDS)
        if pick < 0.3:
            made = self._woven(base)
        elif pick < 0.5:
            made = f"{base} {self.random.choice(self.ATTACKS)}"
        elif pick < 0.6:
            made = self.random.choice(self.ATTACKS)
        elif pick < 0.7:
            made = "".join(chr(self._point()) for _ in range(self.random.randrange(60)))
        elif pick < 0.78:
            made = self.random.choice(self.EMOJI) * self.random.choice((1, 50, 2000))
        elif pick < 0.86:
            made = base[:1] + "".join(chr(self.random.randrange(0x300, 0x36F)) for _ in range(self.random.choice((3, 400))))
        elif pick < 0.97:
            made = " ".join(self.random.choices([*self.ATTACKS, *self.WORDS], k=self.random.randrange(1, 9)))
        else:
            made = (base + self.random.choice(self.ATTACKS)) * (longest // 12)
        return made[:longest]

    def _woven(self, base: str) -> str:
        kind = self.random.randrange(3)
        if kind == 0:
            return "".join(self._HOMOGLYPHS.get(c, c) if self.random.random() < 0.5 else c for c in base)
        marks = self._BIDI if kind == 1 else self._INVISIBLE
        return "".join(c + (self.random.choice(marks) if self.random.random() < 0.4 else "") for c in base)

    def _point(self) -> int:
        return self.random.choice((self.random.randrange(0x110000), self.random.randrange(0x3000), self.random.randrange(0x20), self.random.randrange(0xD800, 0xE000)))

    def scalar(self) -> Any:
        """A value of a type that nobody expects there."""
        options: tuple[Callable[[], Any], ...] = (
            lambda: None, lambda: self.random.random() < 0.5, lambda: self.random.choice((0, -1, 2**31, 2**63, 2**64, -(2**70), 10**400)),
            lambda: self.random.choice((0.5, -1e308, 1e-320, float("nan"), float("inf"))), lambda: self.text(500), lambda: "", list, dict,
            lambda: [self.text(20)], lambda: {"id": self.text(20)},
        )  # fmt: skip
        return self.random.choice(options)()

    def deep(self) -> Any:
        """JSON as deep as a parser lets through."""
        made: Any = self.scalar()
        for _ in range(self.random.choice((30, 200, 600))):
            made = [made] if self.random.random() < 0.5 else {"message": made}
        return made

    def mutated(self, payload: Any) -> Any:
        """A recorded payload with some of its parts replaced, lost, doubled or renamed."""
        made = copy.deepcopy(payload)
        for _ in range(self.random.choice((1, 1, 1, 2, 3, 6))):
            places = list(_places(made))
            if not places:
                return self.scalar()
            holder, key = self.random.choice(places)
            act = self.random.randrange(6)
            if act == 0:
                del holder[key]
            elif act == 1:
                holder[key] = self.deep() if self.random.random() < 0.1 else self.scalar()
            elif act == 2:
                holder[key] = [holder[key]] * self.random.choice((1, 2, 30))
            elif act == 3 and isinstance(holder, dict):
                holder[self.text(12)] = holder[key]
            elif isinstance(holder[key], str):
                holder[key] = self.text(3000)
            elif isinstance(holder[key], (int, float)):
                holder[key] = self.random.choice((0, -1, 2**31, 2**53, 2**63, 10**30, 1e300, True))
            else:
                holder[key] = self.scalar()
        return made

    def body(self, payload: Any) -> bytes:
        """JSON, or nearly JSON."""
        raw = json.dumps(payload).encode()
        pick = self.random.random()
        if pick < 0.04:
            place = self.random.randrange(len(raw) or 1)
            return raw[:place] + bytes([self.random.randrange(256)]) + raw[place + 1 :]
        if pick < 0.06:
            return raw[: self.random.randrange(len(raw) or 1)]
        if pick < 0.07:
            return b"[" * 50_000
        return raw


def _places(value: Any, depth: int = 0) -> Any:
    """Every (holder, key) in a JSON value, as far as a recorded payload is deep."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(entries) if depth < 20 else ():
        yield value, key
        yield from _places(inner, depth + 1)
