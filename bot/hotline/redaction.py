"""Taking numbers, addresses and handles out of a question before editors see it."""

from __future__ import annotations

import re

_PATTERNS = (
    (re.compile(r"\S+@\S+\.\S+"), "[mail]"),
    (re.compile(r"(?:https?://|www\.|t\.me/)\S+", re.IGNORECASE), "[link]"),
    (re.compile(r"@\w{3,}"), "[name]"),
    (re.compile(r"\+?\d(?:[\d\s().-]{4,})\d"), "[number]"),  # phones, cards, passports with spaces
    (re.compile(r"\b\w*\d\w*\d\w*\d\w*\d\w*\b"), "[number]"),  # four digits or more within a word: AB1234567
)
# "Меня зовут Алишер", "my name is …": the word after it. Other names cannot be told from words by rule.
_NAMED = re.compile(
    r"(?i)\b(меня зовут|мое имя|моё имя|менің атым|атым|менин атым|номи ман|номам|ismim|мени исмим|исмим|my name is)"
    r"(\s*[:—-]?\s*)([\w'’ʻ-]+)(\s+[А-ЯЁӘҒҚҢӨҰҮҺІЎҲҶӢӮA-Z][\w'’ʻ-]+)?"
)
_LIMIT = 500  # characters


def redact(text: str) -> str:
    """The text without what looks like a number, a mail, a link, a handle or a name told as such; at most 500 characters."""
    for pattern, word in _PATTERNS:
        text = pattern.sub(word, text)
    return _NAMED.sub(r"\1\2[name]", text)[:_LIMIT]
