"""The content as frozen objects: intents, answers, contacts. Built by `catalogue`, read by everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from bot.errors import Problem
from bot.matching.match import Urgency

EAEU = frozenset({"RU", "KZ", "KG", "AM", "BY"})
TITLE_LIMIT = 24  # characters; a title becomes a button
ANSWER_LIMIT = 3500  # characters in the longest language, so that numbers and small print fit 4,096


@dataclass(frozen=True, slots=True)
class Language:
    """A language of the hotline."""

    code: str
    name: str  # as its speakers call it
    ready: bool = True  # offered to callers; every text must be there
    made_from: str = ""  # another script of that language, made by the program


LANGUAGES = {
    language.code: language
    for language in (
        Language("ru", "Русский"),
        Language("kk", "Қазақша"),
        Language("ky", "Кыргызча"),
        Language("tg", "Тоҷикӣ"),
        Language("uz", "O‘zbekcha"),
        Language("uz_Cyrl", "Ўзбекча", made_from="uz"),
    )
}  # when languages.yaml does not say otherwise


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact was read, and when."""

    title: str
    url: str = ""
    checked: date | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """An answer for some callers. Empty conditions fit everyone; the first that fits is given."""

    text: Mapping[str, str]  # language -> answer, placeholders not filled in
    stay: frozenset[str] = frozenset()  # ISO codes of the country the caller is in
    citizenship: frozenset[str] = frozenset()  # ISO codes, "eaeu", "non_eaeu"

    def fits(self, stay: str, citizenship: str) -> bool:
        """Whether this variant is for a caller there, with that passport ("" = not known)."""
        if self.stay and stay not in self.stay:
            return False
        if not self.citizenship:
            return True
        group = "eaeu" if citizenship in EAEU else "non_eaeu"
        return bool(citizenship) and (citizenship in self.citizenship or group in self.citizenship)


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing a caller may mean, with its examples and answers."""

    id: str
    topic: str
    urgency: Urgency
    title: Mapping[str, str]
    examples: Mapping[str, tuple[str, ...]]
    answer: Mapping[str, str]
    when: tuple[Variant, ...] = ()
    see_also: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    reviewed: date | None = None
    review_days: int = 180  # after so many days the review is overdue
    file: str = ""

    def overdue(self, today: date, grace: int = 0) -> bool:
        """Whether the last review is too old; `grace` adds days."""
        return self.reviewed is not None and (today - self.reviewed).days > self.review_days + grace

    def variant(self, stay: str, citizenship: str) -> Mapping[str, str]:
        """The answer's texts for this caller."""
        for variant in self.when:
            if variant.fits(stay, citizenship):
                return variant.text
        return self.answer


@dataclass(frozen=True, slots=True)
class Contact:
    """A hotline, mission, NGO or emergency number."""

    id: str
    name: Mapping[str, str]
    kind: str  # emergency, hotline, violence, child, psychological, mission, ngo, state, consular, web
    country: str
    dial_from: frozenset[str] = frozenset()  # ISO codes; {"*"} from anywhere; empty: not a phone
    phone: str = ""  # short code, or E.164
    email: str = ""
    web: str = ""
    city: str = ""
    hours: str = ""
    free: bool = False
    languages: tuple[str, ...] = ()
    note: Mapping[str, str] = field(default_factory=dict)
    source: Source = Source("")
    confidence: str = ""  # "given" or "sourced"

    def dialled_from(self, country: str) -> bool:
        """Whether the number works from that country."""
        return bool(self.phone) and ("*" in self.dial_from or country in self.dial_from)


@dataclass(frozen=True, slots=True)
class Content:
    """All content of one moment. `revision` is a hash of the files."""

    intents: Mapping[str, Intent]
    words: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    contacts: Mapping[str, Contact] = field(default_factory=dict)
    by_country: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    languages: Mapping[str, Language] = field(default_factory=lambda: LANGUAGES)
    topics: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # topic -> language -> title
    out_of_scope: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revision: str = ""
    problems: tuple[Problem, ...] = ()  # warnings that did not stop the loading
