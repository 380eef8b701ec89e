"""`hotline check`: everything that can be wrong in the content, said with its place and its remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import phonenumbers

from bot.content.catalogue import files, load
from bot.content.document import Value, read
from bot.content.placeholder import GENERIC_CONTACTS, contact_ids, stray_braces
from bot.content.schema import ANSWER_LIMIT, TITLE_LIMIT, Content, Intent
from bot.errors import ContentError, Problem, TemplateError
from bot.language.folding import fold
from bot.matching import template
from bot.matching.match import Urgency

VARIANTS_LIMIT = 2000  # of one template; more drowns the others and the editor loses sight
_SMALL_TALK_TOPIC = "service"
_URGENCIES = frozenset(u.value for u in Urgency)
_CONTACT_KINDS = frozenset(
    {"emergency", "hotline", "violence", "child", "psychological", "mission", "ngo", "state", "consular", "web"}
)
# The first characters of a message stand on the lock screen; these words would give a watched caller away.
PREVIEW = 60
REVEALING = re.compile(
    r"траффик|мили[цт]|торговл[яи] людьми|рабств|полици|насили|изнасил|суицид|адам саудасы|құлдық|полиция|зорлық|адам сатуу|кулчулук|"
    r"зордук|савдои одам|ғулом|зӯрӣ|таҷовуз|odam savdosi|qullik|zo[‘ʻ'’]?ravonlik|politsiya|одам савдоси|қуллик|зўравонлик|хит[ои]нг",
    re.IGNORECASE,
)


def inspect(directory: Path, today: date) -> tuple[Content | None, tuple[Problem, ...]]:
    """All problems of our own content, sorted by file and line; the content too when any could be read."""
    try:
        content, problems = load(directory)
    except ContentError as error:
        return None, error.problems
    found = [*problems, *_Inspection(directory, content, today).problems()]
    return content, tuple(sorted(set(found)))


class _Inspection:
    def __init__(self, directory: Path, content: Content, today: date) -> None:
        self.directory = directory
        self.content = content
        self.today = today
        self.known = {path.stem for path in files(directory)}  # a file that cannot be read is reported once, itself
        self.owners: dict[tuple[str, str], tuple[str, Value]] = {}  # (language, folded) -> intent, place

    def problems(self) -> Iterator[Problem]:
        for intent in self.content.intents.values():
            document = read(self.directory.parent / intent.file, intent.file)
            yield from self._titles(document)
            yield from self._examples(intent, document)
            yield from self._answers(document)
            yield from self._review(intent, document)
            for entry in _entries(document, "see_also"):
                if entry.text not in self.known:
                    yield entry.problem(f"see_also names “{entry.text}”, and there is no such intent.", "Correct the name.")
        yield from self._topics()
        yield from self._out_of_scope()
        yield from self._contacts()

    def _titles(self, document: Value) -> Iterator[Problem]:
        title = document.get("title")
        for language, value in title.items() if title else ():
            if len(value.text.strip()) > TITLE_LIMIT:
                yield value.problem(
                    f"the {language} title has {len(value.text.strip())} characters; a button holds {TITLE_LIMIT}.", "Shorten it."
                )

    def _examples(self, intent: Intent, document: Value) -> Iterator[Problem]:
        examples = document.get("examples")
        for language, entries in examples.items() if examples else ():
            for entry in entries.entries():
                yield from self._example(intent.id, language, entry)

    def _example(self, owner: str, language: str, entry: Value) -> Iterator[Problem]:
        try:
            node = template.parse(entry.text)
            unknown = sorted(template.concepts(node) - self.content.words.keys())
            if unknown:
                yield entry.problem(f"<{unknown[0]}> is not in words.yaml.", "Add it there, or write the word.")
                return
            variants = template.count(node, self.content.words, language)
            if variants > VARIANTS_LIMIT:
                yield entry.problem(f"this stands for {variants} sentences; at most {VARIANTS_LIMIT}.", "Split it in two lines.")
                return
            sentences = template.expand(node, self.content.words, language, 64)
        except TemplateError as error:
            place = f" (character {error.offset + 1})"
            yield entry.problem(f"the example cannot be read: {error}{place}.", "Look at the brackets ( ) [ ] < >.")
            return
        for sentence in sentences:
            folded = fold(sentence)
            if not folded:
                yield entry.problem("this example has no letters.", "Remove it.", "warning")
                return
            other, first = self.owners.setdefault((language, folded), (owner, entry))
            if other != owner:
                yield entry.problem(
                    f"“{sentence}” is an example of “{other}” too ({first.file}:{first.line}).", "Keep it where it belongs."
                )
                return
            if first is not entry and len(sentences) == 1:
                yield entry.problem(f"the same as line {first.line}, once spelling is evened out.", "Remove one.", "warning")

    def _answers(self, document: Value) -> Iterator[Problem]:
        answers = [document.get("answer"), *(variant.get("answer") for variant in _entries(document, "when"))]
        for answer in answers:
            for language, text in answer.items() if answer else ():
                yield from self._answer(language, text)

    def _answer(self, language: str, value: Value) -> Iterator[Problem]:
        text = value.text
        if len(text) > ANSWER_LIMIT:
            yield value.problem(f"the {language} answer has {len(text)} characters; at most {ANSWER_LIMIT} fit a message.", "Shorten it.")
        for name in contact_ids(text):
            if self.content.contacts and name not in self.content.contacts and name not in GENERIC_CONTACTS:
                yield value.problem(f"{{contact:{name}}} is not in contacts.yaml.", f"Use one from there, or {', '.join(GENERIC_CONTACTS)}.")
        if brace := stray_braces(text):
            yield value.problem(f"“{brace}” is not a placeholder.", "Write {contact:…} with an id from contacts.yaml.")
        if hidden := REVEALING.search(text.strip()[:PREVIEW]):
            yield value.problem(
                f"the {language} answer begins with “{hidden.group()}”, which shows on a locked phone.", "Begin with a neutral sentence.", "warning"
            )

    def _review(self, intent: Intent, document: Value) -> Iterator[Problem]:
        if intent.reviewed is None:
            yield document.problem("“reviewed:” is missing.", "Write the day a person last checked the answer.")
        elif intent.reviewed > self.today:
            yield document.problem(f"the review date {intent.reviewed} lies in the future.", "Correct it.")
        elif intent.overdue(self.today):
            yield document.problem(
                f"the review of {intent.reviewed} is older than {intent.review_days} days.",
                "Check the answer and write today's date; after 30 more days callers get the hotline instead.",
                "warning",
            )
        if not intent.sources and intent.topic != _SMALL_TALK_TOPIC:
            yield document.problem("“sources:” is missing.", "Name at least one page with title, url and the day it was checked.")
        for source in _entries(document, "sources"):
            if source.get("checked") is None:
                yield source.problem("this source has no “checked:”.", "Write the day the page was read.")

    def _topics(self) -> Iterator[Problem]:
        if (self.directory / "topics.yaml").is_file() and self._document("topics.yaml") is None:
            return  # reported already
        first = {intent.topic: intent for intent in reversed(list(self.content.intents.values()))}
        for topic in sorted(first.keys() - self.content.topics.keys() - {_SMALL_TALK_TOPIC}):
            yield Problem(first[topic].file, 0, 0, f"the topic “{topic}” is not in topics.yaml: no menu leads here.", "Add it there with a title in each language.")

    def _document(self, name: str) -> Value | None:
        """A file beside the intents; None when it is missing or cannot be read, which `load` has reported."""
        path = self.directory / name
        try:
            return read(path, path.relative_to(self.directory.parent).as_posix()) if path.is_file() else None
        except (ContentError, OSError):
            return None

    def _out_of_scope(self) -> Iterator[Problem]:
        document = self._document("out_of_scope.yaml")
        for language, entries in document.items() if document else ():
            for entry in entries.entries():
                yield from self._example("out_of_scope", language, entry)

    def _contacts(self) -> Iterator[Problem]:
        path = self.directory / "contacts.yaml"
        if not path.is_file():
            yield Problem(path.relative_to(self.directory.parent).as_posix(), 0, 0, "the file is missing.", "Callers need numbers.")
        document = self._document("contacts.yaml")
        for contact_id, value in document.items() if document else ():
            if contact_id == "by_country":
                yield from self._by_country(value)
                continue
            yield from self._contact(contact_id, value)

    def _contact(self, contact_id: str, value: Value) -> Iterator[Problem]:
        contact = self.content.contacts.get(contact_id)
        if contact is None:
            return
        if contact.kind not in _CONTACT_KINDS:
            yield value.problem(f"the kind “{contact.kind}” is unknown.", f"Use one of {', '.join(sorted(_CONTACT_KINDS))}.")
        if not contact.source.title or contact.source.checked is None:
            yield value.problem(f"the contact “{contact_id}” has no source or no “checked:” date.", "Say where the number was read, and when.")
        if not (contact.phone or contact.email or contact.web or contact.note):
            yield value.problem(f"the contact “{contact_id}” has no phone, e-mail, page or note.", "Add one.")
        if contact.phone and not contact.dial_from:
            yield value.problem(f"“{contact_id}” does not say where its number can be dialled.", 'Add “dial_from: [KZ]” or ["*"].')
        if contact.phone and not valid_phone(contact.phone, contact.country):
            phone = value.get("phone") or value
            yield phone.problem(f"{contact.phone} is not a possible number of {contact.country}.", "Write a short code, or + and the country code.")

    def _by_country(self, value: Value) -> Iterator[Problem]:
        for country, by_urgency in value.items():
            for urgency, ids in by_urgency.items():
                if urgency not in _URGENCIES:
                    yield ids.problem(f"the urgency “{urgency}” is unknown.", "Use normal, urgent or emergency.")
                for entry in ids.entries():
                    contact = self.content.contacts.get(entry.text)
                    if contact is None:
                        yield entry.problem(f"there is no contact “{entry.text}”.", "Correct the name.")
                    elif country not in ("other", "unknown") and contact.phone and not contact.dialled_from(country):
                        yield entry.problem(f"“{entry.text}” cannot be dialled from {country}.", "Take another contact.")


def valid_phone(phone: str, country: str) -> bool:
    """Whether phonenumbers takes it: E.164 with +, or a short code or freephone number of the country."""
    digits = re.sub(r"[ \-()]", "", phone)
    if digits.startswith("+"):
        try:
            return phonenumbers.is_possible_number(phonenumbers.parse(digits))
        except phonenumbers.NumberParseException:
            return False
    if not digits.isdigit():
        return False
    if 2 <= len(digits) <= 6:  # short codes are newer than any list: length only
        return True
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(digits, country))
    except phonenumbers.NumberParseException:
        return False


def _entries(document: Value, key: str) -> tuple[Value, ...]:
    part = document.get(key)
    return part.entries() if part else ()
