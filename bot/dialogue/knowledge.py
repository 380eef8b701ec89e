"""What the dialogue needs of the content: answers, titles, numbers and the bot's own phrases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bot.matching.match import Urgency


def N_(message: str) -> str:  # noqa: N802 (gettext's usual name, so that Babel extracts it)
    """Mark a phrase for translation; it is looked up later with `Knowledge.say`."""
    return message


@dataclass(frozen=True, slots=True)
class AnswerText:
    """An answer ready to be sent, contacts put in."""

    text: str
    small_print: str = ""  # source and review date; empty for small talk
    see_also: tuple[str, ...] = ()


class Knowledge(Protocol):
    """A frozen view of the content; `language` is always one of `languages()`."""

    def languages(self) -> Mapping[str, str]:
        """The languages a caller may choose, by code, with their own names, in the order of the menu."""

    def intents(self) -> frozenset[str]:
        """Every intent id."""

    def urgency(self, intent: str) -> Urgency:
        """How urgent this intent is."""

    def title(self, intent: str, language: str) -> str:
        """The intent's button title, at most 24 characters."""

    def topics(self) -> tuple[str, ...]:
        """Topic ids in the order of the menu, at most 9; small talk has no topic."""

    def topic_title(self, topic: str, language: str) -> str:
        """The topic's button title, at most 24 characters."""

    def intents_of(self, topic: str) -> tuple[str, ...]:
        """The intents of a topic that make sense in a menu."""

    def needs(self, intent: str, stay: str, citizenship: str) -> str:
        """ "stay" or "citizenship" when the answer depends on it and it is not known; else ""."""

    def answer(self, intent: str, language: str, stay: str, citizenship: str) -> AnswerText:
        """The answer for this caller; overdue answers are replaced by the hotline."""

    def numbers(self, language: str, stay: str, urgency: Urgency) -> str:
        """A few lines: the numbers that can be dialled where the caller is, most fitting first."""

    def emergency(self, stay: str) -> str:
        """The emergency number where the caller is, as it stands in a sentence."""

    def country(self, text: str) -> str:
        """ISO code of the country named in a short text, or ""."""

    def country_title(self, code: str, language: str) -> str:
        """A country's name for a button; `code` is ISO 3166 alpha-2 or "other"."""

    def say(self, phrase: str, language: str, /, **values: object) -> str:
        """One of the bot's own phrases (marked with `N_`) in the caller's language."""
