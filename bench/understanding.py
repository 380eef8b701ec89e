"""Measure how well messages are understood."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

from bot.matching.lesson import IntentLesson, Lesson
from bot.matching.match import Urgency

LANGUAGES = ("ru", "kk", "ky", "tg", "uz")
DRAFTS = Path("/work/drafts")
TAXONOMY = Path("/work/shared/taxonomy.yaml")


def draft_lesson(drafts: Path = DRAFTS, taxonomy: Path = TAXONOMY) -> Lesson:
    """Build a lesson from the writers' folders, before there is a content package."""
    yaml = YAML(typ="safe")
    topics: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.load(taxonomy)
    examples: dict[str, dict[str, list[str]]] = {}
    words: dict[str, dict[str, tuple[str, ...]]] = {}
    for language in LANGUAGES:
        folder = drafts / language
        files = [*sorted((folder / "examples").glob("*.yaml")), folder / "out_of_scope.yaml", folder / "near_danger.yaml"]
        for file in files:
            try:
                loaded = yaml.load(file) if file.exists() else {}
            except Exception as error:
                print("skipped", file, str(error)[:80])
                continue
            for intent, lines in (loaded or {}).items():
                examples.setdefault(intent, {}).setdefault(language, []).extend(map(str, lines))
        try:
            for concept, listed in ((yaml.load(folder / "words.yaml") or {}) if (folder / "words.yaml").exists() else {}).items():
                words.setdefault(concept, {})[language] = tuple(map(str, listed))
        except Exception as error:
            print("skipped words", folder, str(error)[:80])
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
