"""What the matcher learns from: the content's examples as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.matching.match import Urgency


@dataclass(frozen=True, slots=True)
class IntentLesson:
    """One intent's examples.

    `examples` maps a language ("ru", "kk", …) to its templates as the editor wrote them:
    alternatives `(a|b)`, optional `[c]`, word lists `<boss>`.
    """

    id: str
    topic: str
    urgency: Urgency
    examples: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Lesson:
    """Everything one matcher is trained on.

    `words` maps a concept to its words by language; a trailing `*` means "any ending may follow".
    `out_of_scope` maps a language to messages that no intent answers.
    """

    intents: tuple[IntentLesson, ...]
    words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    out_of_scope: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
