"""From a YAML document to one frozen object, collecting problems in an editor's words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import phonenumbers

from bot.content.document import Value
from bot.content.schema import LANGUAGES, Contact, Intent, Language, Source, Variant
from bot.errors import Problem
from bot.matching.match import Urgency

INTENT_KEYS = ("title", "urgency", "examples", "answer", "when", "see_also", "sources", "reviewed", "review_days")
CONTACT_KEYS = (
    "name", "kind", "country", "dial_from", "phone", "email", "web", "city", "hours", "free", "languages",
    "note", "source", "checked", "source_date", "confidence",
)  # fmt: skip


class Problems:
    """Collects problems while reading goes on, so that an editor sees all of them at once."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, value: Value, text: str, remedy: str = "", severity: str = "error") -> None:
        """Note a problem at a value's place."""
        self.found.append(value.problem(text, remedy, severity))

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Those that keep the content from being used."""
        return tuple(p for p in self.found if p.severity == "error")


class Reader:
    """Reads documents. `strict` asks for all languages and known keys; foreign content is read leniently."""

    def __init__(self, problems: Problems, *, strict: bool) -> None:
        self.problems = problems
        self.strict = strict
        self.known: Mapping[str, Language] = LANGUAGES

    @property
    def written(self) -> tuple[str, ...]:
        """The languages that people write, not those made by the program."""
        return tuple(code for code, language in self.known.items() if not language.made_from)

    def languages(self, doc: Value) -> Mapping[str, Language]:
        """languages.yaml: which languages there are, and which are offered to callers."""
        found: dict[str, Language] = {}
        for code, value in doc.items():
            name = self._text(value, "name")
            if not name:
                self.problems.add(value, f"the language “{code}” has no name.", "Add “name:” as its speakers call it.")
            found[code] = Language(code, name, self._text(value, "ready") == "true", self._text(value, "made_from"))
        return found

    def intent(self, doc: Value, intent_id: str, topic: str) -> Intent | None:
        """An intent file; None when a required part is missing."""
        if not isinstance(doc.data, dict):
            self.problems.add(doc, "an intent file is a list of keys and values.", "See intents/README.md.")
            return None
        self._known_keys(doc, INTENT_KEYS)
        parts = {key: doc.get(key) for key in ("title", "examples", "answer")}
        for key, part in parts.items():
            if part is None:
                self.problems.add(doc, f"“{key}:” is missing.", "Add it; see intents/README.md.")
        title, examples, answer = (parts[key] for key in ("title", "examples", "answer"))
        if title is None or examples is None or answer is None:
            return None
        return Intent(
            id=intent_id,
            topic=topic,
            urgency=self._urgency(doc),
            title=self.texts(title),
            examples=self._examples(examples),
            answer=self.texts(answer),
            when=tuple(self._variant(v) for v in self._list(doc, "when")),
            see_also=tuple(v.text for v in self._list(doc, "see_also")),
            sources=tuple(self._source(v) for v in self._list(doc, "sources")),
            reviewed=self._date(doc.get("reviewed")),
            review_days=self._days(doc),
            file=doc.file,
        )

    def contact(self, value: Value, contact_id: str) -> Contact | None:
        """One record of contacts.yaml."""
        if not isinstance(value.data, dict):
            self.problems.add(value, f"the contact “{contact_id}” is not a list of keys and values.")
            return None
        self._known_keys(value, CONTACT_KEYS)
        name = value.get("name")
        if name is None:
            self.problems.add(value, f"the contact “{contact_id}” has no name.", "Add “name:” with all languages.")
            return None
        note, source = value.get("note"), value.get("source")
        checked = self._date(value.get("checked"))
        return Contact(
            id=contact_id,
            name=self.texts(name),
            kind=self._text(value, "kind"),
            country=self._text(value, "country"),
            dial_from=self._countries(value, "dial_from"),
            phone=self._text(value, "phone"),
            email=self._text(value, "email"),
            web=self._text(value, "web"),
            city=self._text(value, "city"),
            hours=self._text(value, "hours"),
            free=self._text(value, "free") == "true",
            languages=tuple(v.text for v in self._list(value, "languages")),
            note=self.texts(note) if note else {},
            source=Source(self._text(source, "title"), self._text(source, "url"), checked) if source else Source(""),
            confidence=self._text(value, "confidence"),
        )

    def texts(self, value: Value) -> Mapping[str, str]:
        """A mapping language -> text, every language of the project present when strict."""
        if not isinstance(value.data, dict):
            if not self.strict and value.text:
                return {"": value.text}
            self.problems.add(value, "here stands one text for all languages.", "Write ru:, kk:, ky:, tg:, uz: below it.")
            return {}
        found: dict[str, str] = {}
        for language, text in value.items():
            if self.strict and language not in self.known:
                self.problems.add(text, f"“{language}” is not one of our languages.", f"Use {', '.join(self.known)}.")
            elif not text.text.strip() and language in self.known and not self.known[language].ready:
                continue
            elif not text.text.strip():
                self.problems.add(text, f"the text for “{language}” is empty.", "Write it, or remove the line.")
            else:
                found[language] = text.text.strip()
        self._all_languages(value, found)
        return found

    def words(self, doc: Value) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """words.yaml: concept -> language -> words."""
        if not isinstance(doc.data, dict):
            self.problems.add(doc, "words.yaml is a list of concepts.")
            return {}
        return {concept: self.lists(by_language) for concept, by_language in doc.items()}

    def lists(self, value: Value) -> Mapping[str, tuple[str, ...]]:
        """A mapping language -> list of texts."""
        if not isinstance(value.data, dict):
            self.problems.add(value, "languages are expected here.", "Write ru:, kk:, ky:, tg:, uz: with a list each.")
            return {}
        found = {}
        for language, entries in value.items():
            if self.strict and language not in self.written:
                self.problems.add(entries, f"“{language}” is not one of our languages.", f"Use {', '.join(self.written)}.")
            if not isinstance(entries.data, tuple):
                self.problems.add(entries, f"a list is expected for “{language}”.", "Begin each line with “- ”.")
            for entry in entries.entries():
                if self.strict and not entry.text.strip():
                    self.problems.add(entry, f"an empty line stands in the list for “{language}”.", "Write it, or remove it.")
            found[language] = tuple(entry.text.strip() for entry in entries.entries() if entry.text.strip())
        return found

    def _examples(self, value: Value) -> Mapping[str, tuple[str, ...]]:
        if not self.strict and isinstance(value.data, tuple):
            return {"": tuple(entry.text.strip() for entry in value.entries() if entry.text.strip())}
        found = self.lists(value)
        self._all_languages(value, found)
        return found

    def _all_languages(self, value: Value, found: Mapping[str, object]) -> None:
        missing = [code for code in self.written if code not in found and self.known[code].ready]
        if self.strict and missing:
            self.problems.add(value, f"no text for {', '.join(missing)}.", "Every language must be there.")

    def _known_keys(self, value: Value, keys: tuple[str, ...]) -> None:
        for key, entry in value.items():
            if key not in keys and self.strict:
                self.problems.add(entry, f"the key “{key}” is unknown.", f"Known keys: {', '.join(keys)}.")

    def _urgency(self, doc: Value) -> Urgency:
        value = doc.get("urgency")
        if value is None:
            return Urgency.NORMAL
        try:
            return Urgency(value.text)
        except ValueError:
            self.problems.add(value, f"the urgency “{value.text}” is unknown.", "Use normal, urgent or emergency.")
            return Urgency.NORMAL

    def _variant(self, value: Value) -> Variant:
        self._known_keys(value, ("stay", "citizenship", "answer"))
        answer = value.get("answer")
        if answer is None:
            self.problems.add(value, "this variant has no “answer:”.", "Add it, or remove the variant.")
        if value.get("stay") is None and value.get("citizenship") is None:
            self.problems.add(value, "this variant has no condition.", "Add “stay:” or “citizenship:”.")
        return Variant(
            text=self.texts(answer) if answer else {},
            stay=self._codes(value.get("stay")),
            citizenship=self._codes(value.get("citizenship")),
        )

    def _codes(self, value: Value | None) -> frozenset[str]:
        if value is None:
            return frozenset()
        entries = value.entries() or (value,)
        for entry in entries:
            code = entry.text
            if not (len(code) == 2 and code.isupper()) and code not in ("eaeu", "non_eaeu", "other"):
                self.problems.add(entry, f"“{code}” is not a country code.", "Use two capital letters (RU, KZ, …), eaeu or non_eaeu.")
        return frozenset(entry.text for entry in entries)

    def _countries(self, value: Value, key: str) -> frozenset[str]:
        entries = self._list(value, key)
        for entry in entries:
            if entry.text != "*" and entry.text not in phonenumbers.SUPPORTED_REGIONS:
                self.problems.add(entry, f"“{entry.text}” is not a country code.", 'Use two capital letters (KZ), or ["*"] for anywhere.')
        return frozenset(entry.text for entry in entries)

    def _source(self, value: Value) -> Source:
        if value.get("title") is None:
            self.problems.add(value, "this source has no “title:”.", "Name the page or the report.")
        return Source(self._text(value, "title"), self._text(value, "url"), self._date(value.get("checked")))

    def _days(self, doc: Value) -> int:
        value = doc.get("review_days")
        if value is None:
            return 180
        if not (value.text.isascii() and value.text.isdigit() and 0 < int(value.text) <= 730):
            self.problems.add(value, f"“{value.text}” is not a number of days.", "Use 1 to 730.")
            return 180
        return int(value.text)

    def _date(self, value: Value | None) -> date | None:
        if value is None:
            return None
        try:
            return date.fromisoformat(value.text)
        except ValueError:
            self.problems.add(value, f"“{value.text}” is not a date.", "Write year-month-day, for example 2026-11-23.")
            return None

    def _list(self, value: Value, key: str) -> tuple[Value, ...]:
        part = value.get(key)
        if part is None:
            return ()
        if not isinstance(part.data, tuple):
            self.problems.add(part, f"“{key}:” must be a list.", "Begin each line with “- ”, or use [ ].")
        return part.entries()

    def _text(self, value: Value, key: str) -> str:
        part = value.get(key)
        return part.text.strip() if part else ""
