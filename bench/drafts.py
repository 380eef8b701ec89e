"""The writers' drafts as a lesson, before they become content."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from bot.matching.lesson import IntentLesson, Lesson
from bot.matching.match import Urgency

LANGUAGES = ("ru", "kk", "ky", "tg", "uz")
DRAFTS = Path("/work/drafts")
TAXONOMY = Path("/work/shared/taxonomy.yaml")


def draft_lesson(drafts: Path = DRAFTS, taxonomy: Path = TAXONOMY) -> Lesson:
    """Build a lesson from the writers' folders, before there is a content package."""
    topics: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.safe_load(taxonomy.read_text("utf-8"))
    examples: dict[str, dict[str, list[str]]] = {}
    words: dict[str, dict[str, tuple[str, ...]]] = {}
    for language in LANGUAGES:
        folder = drafts / language
        files = [
            *sorted((folder / "examples").glob("*.yaml")),
            folder / "out_of_scope.yaml",
            folder / "near_danger.yaml",
        ]
        for file in files:
            for intent, lines in _read(file).items():
                examples.setdefault(intent, {}).setdefault(language, []).extend(map(str, lines))
        for concept, listed in _read(folder / "words.yaml").items():
            words.setdefault(concept, {})[language] = tuple(map(str, listed))
    out_of_scope = {language: tuple(lines) for language, lines in examples.pop("out_of_scope", {}).items()}
    intents = tuple(
        IntentLesson(
            id=intent,
            topic=topic,
            urgency=Urgency(entry["urgency"]),
            examples={language: tuple(dict.fromkeys(lines)) for language, lines in examples.get(intent, {}).items()},
        )
        for topic, entries in topics.items()
        if topic != "borders"
        for intent, entry in entries.items()
        if intent in examples
    )
    return Lesson(intents=intents, words=words, out_of_scope=out_of_scope)


def _read(file: Path) -> dict[str, list[str]]:
    """Read one of the writers' files; they write while we read."""
    try:
        return yaml.safe_load(file.read_text("utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:
        print(f"skipped {file}: {error}"[:120])
        return {}
