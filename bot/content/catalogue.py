"""The content directory, loaded into one frozen object, or refused with all that is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from bot.content.document import Value, read
from bot.content.reader import Problems, Reader
from bot.content.schema import Contact, Content, Intent
from bot.errors import ContentError, Problem
from bot.matching.lesson import IntentLesson, Lesson

_OUT_OF_SCOPE = "out_of_scope.yaml"
_SPECIAL = frozenset({"words.yaml", "contacts.yaml", "topics.yaml", "languages.yaml", _OUT_OF_SCOPE})


def load(directory: Path, *, strict: bool = True) -> tuple[Content, tuple[Problem, ...]]:
    """Read everything that can be read.

    Returns the content of the sound files, and all problems in the order of files and lines; a file
    with an error is left out. `strict` asks for what our own content must have (all languages, no
    unknown keys); without it any directory of that form is taken: title, examples and answer are enough.
    Raises ContentError when not one intent could be read.
    """
    loader = _Loader(directory, strict=strict)
    content = loader.load()
    problems = tuple(sorted(loader.problems.found))
    if not content.intents:
        raise ContentError(problems or (Problem(str(directory), 0, 0, "no intent files were found."),))
    return content, problems


def lesson(content: Content) -> Lesson:
    """What the matcher learns from this content."""
    return Lesson(
        intents=tuple(
            IntentLesson(intent.id, intent.topic, intent.urgency, intent.examples)
            for intent in content.intents.values()
        ),
        words=content.words,
        out_of_scope=content.out_of_scope,
    )


def files(directory: Path) -> list[Path]:
    """All YAML files of the content, in a fixed order."""
    return sorted(path for path in directory.rglob("*.y*ml") if path.suffix in (".yaml", ".yml") and path.is_file())


class _Loader:
    def __init__(self, directory: Path, *, strict: bool) -> None:
        self.directory = directory
        self.problems = Problems()
        self.reader = Reader(self.problems, strict=strict)
        self.hash = hashlib.sha256()

    def load(self) -> Content:
        if not self.directory.is_dir():
            raise ContentError((Problem(str(self.directory), 0, 0, "there is no such directory."),))
        special: dict[str, Value] = {}
        intents: dict[str, Intent] = {}
        documents = list(self._documents())
        for path, document in documents:
            if path == self.directory / "languages.yaml":
                self.reader.known = self.reader.languages(document)
        for path, document in documents:
            if path.name in _SPECIAL and path.parent == self.directory:
                special[path.name] = document
                continue
            self._add_intent(intents, path, document)
        contacts, by_country = self._contacts(special.get("contacts.yaml"))
        words = special.get("words.yaml")
        topics = special.get("topics.yaml")
        out = special.get(_OUT_OF_SCOPE)
        return Content(
            intents=intents,
            words=self.reader.words(words) if words else {},
            languages=self.reader.known,
            contacts=contacts,
            by_country=by_country,
            topics={topic: self.reader.texts(title) for topic, title in topics.items()} if topics else {},
            out_of_scope=self.reader.lists(out) if out else {},
            revision=self.hash.hexdigest()[:16],
            problems=tuple(self.problems.found),
        )

    def _documents(self) -> Iterator[tuple[Path, Value]]:
        for path in files(self.directory):
            name = path.relative_to(self.directory.parent).as_posix()
            try:
                self.hash.update(name.encode() + b"\0" + path.read_bytes())
                yield path, read(path, name)
            except ContentError as error:
                self.problems.found.extend(error.problems)
            except OSError as error:
                self.problems.found.append(Problem(name, 0, 0, f"the file cannot be read ({error.strerror})."))

    def _add_intent(self, intents: dict[str, Intent], path: Path, document: Value) -> None:
        before = len(self.problems.errors)
        topic = path.parent.name if path.parent != self.directory else ""
        intent = self.reader.intent(document, path.stem, topic)
        if path.stem in intents:
            self.problems.add(document, f"the intent “{path.stem}” exists already in {intents[path.stem].file}.", "Rename or join the files.")
        elif intent is not None and len(self.problems.errors) == before:
            intents[path.stem] = intent

    def _contacts(self, document: Value | None) -> tuple[dict[str, Contact], dict[str, dict[str, tuple[str, ...]]]]:
        contacts: dict[str, Contact] = {}
        by_country: dict[str, dict[str, tuple[str, ...]]] = {}
        for key, value in document.items() if document else ():
            if key == "by_country":
                for country, by_urgency in value.items():
                    by_country[country] = {
                        urgency: tuple(entry.text for entry in ids.entries()) for urgency, ids in by_urgency.items()
                    }
            elif contact := self.reader.contact(value, key):
                contacts[key] = contact
        return contacts, by_country
