"""The content as the dialogue asks for it: answers with contacts put in, titles, numbers, phrases."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, cached_property

from bot.content.phrasebook import Phrasebook
from bot.content.placeholder import fill, transliterated
from bot.content.schema import Contact, Content, Intent, Source
from bot.dialogue.knowledge import N_, AnswerText
from bot.language.folding import fold_words
from bot.language.uzbek import to_cyrillic
from bot.matching.match import Urgency

GRACE_DAYS = 30  # after the review is overdue an answer is flagged; so many days later it is replaced
_SMALL_TALK_TOPIC = "service"
_EMERGENCY_DEFAULT = "112"
_COUNTRY_CONCEPTS = {
    "RU": "russia", "KZ": "kazakhstan", "KG": "kyrgyzstan", "TJ": "tajikistan", "UZ": "uzbekistan",
    "TM": "turkmenistan", "TR": "turkey", "KR": "korea", "AE": "emirates",
}  # fmt: skip
_COUNTRY_NAMES = {
    "RU": N_("Russia"), "KZ": N_("Kazakhstan"), "KG": N_("Kyrgyzstan"), "TJ": N_("Tajikistan"),
    "UZ": N_("Uzbekistan"), "TM": N_("Turkmenistan"), "TR": N_("Turkey"), "KR": N_("South Korea"),
    "AE": N_("UAE (Dubai)"), "PL": N_("Poland"), "DE": N_("Germany"), "GB": N_("United Kingdom"),
    "other": N_("Another country"),
}  # fmt: skip
_MAX_COUNTRY_WORDS = 4  # a longer text is a question, not the name of a country
_NUMBERS_SHOWN = 4
_HOST = re.compile(r"https?://(?:www\.)?([^/:?#\s]+)")


class Handbook:
    """Implements `bot.dialogue.knowledge.Knowledge` over frozen content."""

    def __init__(self, content: Content, phrasebook: Phrasebook, today: Callable[[], date]) -> None:
        self.content = content
        self.phrasebook = phrasebook
        self.today = today

    def languages(self) -> Mapping[str, str]:
        """The languages a caller may choose, by code, with their own names."""
        return self._languages

    @cached_property
    def _languages(self) -> Mapping[str, str]:
        return {code: language.name for code, language in self.content.languages.items() if language.ready}

    def intents(self) -> frozenset[str]:
        """Every intent id."""
        return self._ids

    @cached_property
    def _ids(self) -> frozenset[str]:
        return frozenset(self.content.intents)

    def urgency(self, intent: str) -> Urgency:
        """How urgent this intent is."""
        return self.content.intents[intent].urgency

    def title(self, intent: str, language: str) -> str:
        """The intent's button title."""
        found = self.content.intents.get(intent)
        return self._translated(found.title, language) if found else intent

    def topics(self) -> tuple[str, ...]:
        """Topic ids in the order of topics.yaml, without small talk."""
        present = {intent.topic for intent in self.content.intents.values()}
        return tuple(topic for topic in self.content.topics if topic in present and topic != _SMALL_TALK_TOPIC)[:9]

    def topic_title(self, topic: str, language: str) -> str:
        """The topic's button title."""
        return self._translated(self.content.topics.get(topic, {}), language) or topic

    def intents_of(self, topic: str) -> tuple[str, ...]:
        """The intents of a topic, most urgent first."""
        found = [intent for intent in self.content.intents.values() if intent.topic == topic]
        return tuple(intent.id for intent in sorted(found, key=lambda i: (-i.urgency.rank, i.id)))

    def needs(self, intent: str, stay: str, citizenship: str) -> str:
        """What must be known before this intent can be answered."""
        variants = self.content.intents[intent].when
        if not stay and any(variant.stay for variant in variants):
            return "stay"
        fitting = [v for v in variants if v.citizenship and (not v.stay or stay in v.stay)]
        if not citizenship and fitting and not self._fits_anyway(intent, stay):
            return "citizenship"
        return ""

    def _fits_anyway(self, intent: str, stay: str) -> bool:
        """Whether a variant without a citizenship condition comes first for this country."""
        first = next((v for v in self.content.intents[intent].when if not v.stay or stay in v.stay), None)
        return first is not None and not first.citizenship

    def answer(self, intent: str, language: str, stay: str, citizenship: str) -> AnswerText:
        """The answer for this caller, contacts put in; a long overdue one is replaced by the hotline."""
        found = self.content.intents[intent]
        if found.overdue(self.today(), GRACE_DAYS):
            text = self.phrasebook.say(N_("This answer is being checked anew. Please ask here:"), language)
            return AnswerText(f"{text}\n\n{self.numbers(language, stay, found.urgency)}", "", found.see_also)
        text = self._translated(found.variant(stay, citizenship), language)
        filled = fill(text, lambda name: self.contact(name, language, stay))
        return AnswerText(filled, self._small_print(found, language), found.see_also)

    def _small_print(self, intent: Intent, language: str) -> str:
        if intent.topic == _SMALL_TALK_TOPIC or not intent.sources or intent.reviewed is None:
            return ""
        phrase = N_("Source: {source}. Checked: {date}")
        return "_" + self.phrasebook.say(phrase, language, source=_site(intent.sources[0]), date=f"{intent.reviewed:%d.%m.%Y}") + "_"

    def contact(self, name: str, language: str, stay: str) -> str:
        """A contact as it stands in a sentence; `name` is an id of contacts.yaml, or a generic one."""
        if name == "emergency":
            return self.emergency(stay)
        if name in ("hotline", "violence"):
            return self._best(name, language, stay)
        found = self.content.contacts.get(name)
        return self._inline(found, language) if found else ""

    def emergency(self, stay: str) -> str:
        """The emergency number where the caller is; 112 when the country is unknown."""
        listed = [contact.phone for contact in self._listed(stay, Urgency.EMERGENCY) if contact.kind == "emergency"]
        if not listed or listed[0] == _EMERGENCY_DEFAULT:
            return _link(_EMERGENCY_DEFAULT)
        return " / ".join(_link(phone) for phone in listed[:2])  # no single number: police / ambulance

    def _best(self, kind: str, language: str, stay: str) -> str:
        for contact in self.content.contacts.values():
            if contact.kind == kind and stay and contact.country == stay and contact.dialled_from(stay):
                return self._inline(contact, language)
        if kind == "violence":
            return self.emergency(stay)
        lines = [self._inline(c, language) for c in self._listed(stay, Urgency.URGENT) if c.kind == "hotline"]
        return ", ".join(lines) or self.emergency(stay)

    def numbers(self, language: str, stay: str, urgency: Urgency) -> str:
        """Lines with the numbers that can be dialled where the caller is, most fitting first."""
        listed = self._listed(stay, Urgency.NORMAL if urgency is Urgency.NORMAL else Urgency.URGENT)
        if urgency is not Urgency.NORMAL:
            # One emergency number where there is one for all; else police and ambulance.
            emergency = self._listed(stay, Urgency.EMERGENCY)
            listed = emergency[: 1 if emergency and emergency[0].phone == _EMERGENCY_DEFAULT else 2] + listed
        seen: dict[str, Contact] = {}
        for contact in listed:
            if contact.phone:
                seen.setdefault(contact.phone, contact)
        return "\n".join(f"📞 {self._line(contact, language, stay)}" for contact in list(seen.values())[:_NUMBERS_SHOWN])

    def _line(self, contact: Contact, language: str, stay: str) -> str:
        note = self._translated(contact.note, language) if stay else ""  # a short list while the country is unknown
        line = f"{_link(contact.phone)} {self._translated(contact.name, language)}"
        return f"{line}. {note}" if note else line

    def _listed(self, stay: str, urgency: Urgency) -> list[Contact]:
        table: Mapping[str, Mapping[str, tuple[str, ...]]] = self.content.by_country
        by_urgency = table.get(stay or "unknown") or table.get("other") or {}
        ids = by_urgency.get(urgency.value, ())
        return [self.content.contacts[name] for name in ids if name in self.content.contacts]

    def _inline(self, contact: Contact, language: str) -> str:
        name = self._translated(contact.name, language)
        if contact.phone:
            return f"{_link(contact.phone)} ({name})"
        address = contact.email or contact.web
        return f"{name}: {address}" if address else name

    def country(self, text: str) -> str:
        """The country named in a short text."""
        words = fold_words(text)
        if not words or len(words) > _MAX_COUNTRY_WORDS:
            return ""
        for code, stems in self._country_stems.items():
            if any(word.startswith(stem) for word in words for stem in stems):
                return code
        return ""

    @cached_property
    def _country_stems(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for code, concept in _COUNTRY_CONCEPTS.items():
            entries = [entry for by in self.content.words.get(concept, {}).values() for entry in by]
            stems = {"".join(fold_words(entry.rstrip("*"))) for entry in entries if " " not in entry.strip()}
            found[code] = tuple(stem for stem in stems if len(stem) >= 4)  # shorter ones hide in other words
        return found

    def country_title(self, code: str, language: str) -> str:
        """A country's name for a button."""
        return self.phrasebook.say(_COUNTRY_NAMES.get(code, _COUNTRY_NAMES["other"]), language)

    def say(self, phrase: str, language: str, /, **values: object) -> str:
        """One of the bot's own phrases."""
        return self.phrasebook.say(phrase, language, **values)

    def _translated(self, texts: Mapping[str, str], language: str) -> str:
        if language in texts:
            return texts[language]
        if language == "uz_Cyrl" and "uz" in texts:
            return _cyrillic(texts["uz"])
        return texts.get("ru") or next(iter(texts.values()), "")

@cache
def _cyrillic(latin: str) -> str:
    return transliterated(latin, to_cyrillic)


def _link(phone: str) -> str:
    return f"[{phone}](tel:{phone.replace(' ', '').replace('-', '')})"


def _site(source: Source) -> str:
    """The page's site: the same in every language, where titles are in the one of the page."""
    host = _HOST.match(source.url)
    return host[1] if host else source.title
