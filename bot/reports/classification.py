"""One line of `hotline classify`: JSON in, JSON out, as docs/understanding.md describes."""

from __future__ import annotations

import json

from bot.matching.matcher import Matcher

_CANDIDATES = 5


def classify_line(matcher: Matcher, line: bytes) -> str:
    """Classify `{"id": …, "text": …}`. Raises ValueError with a plain reason when the line is not of that form."""
    try:
        record = json.loads(line)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError("this is not JSON") from error
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise ValueError('an object with a string "text" is expected')
    match = matcher.match(record["text"])
    return json.dumps(
        {
            "id": record.get("id"),
            "language": match.language,
            "script": match.script,
            "action": match.action.value,
            "intent": match.intent,
            "choices": list(match.choices),
            "danger": "none" if not match.danger else match.danger.level.value,
            "candidates": [
                {"intent": c.intent, "score": round(min(1.0, max(0.0, c.score)), 4)} for c in match.candidates[:_CANDIDATES]
            ],
        },
        ensure_ascii=False,
    )
