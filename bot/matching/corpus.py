"""The sentences a matcher learns from: a lesson's templates written out, each with its weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.errors import TemplateError
from bot.matching.lesson import Lesson
from bot.matching.template import expand

OUT_OF_SCOPE = "out_of_scope"  # the class of messages no intent answers; never a candidate


@dataclass(frozen=True, slots=True)
class Sentence:
    """One thing a caller may write, as the matcher learns it."""

    text: str
    label: str  # an intent's id, or OUT_OF_SCOPE
    language: str
    group: int  # the template it comes from: a template is never both learnt from and tested on
    weight: float = 1.0  # 1 / variants: a template with many variants counts as much as one with few


def sentences(lesson: Lesson, variants: int = 4) -> list[Sentence]:
    """Write out every template of `lesson`, at most `variants` of each, in a fixed order."""
    found: list[Sentence] = []
    for group, (label, language, template) in enumerate(_templates(lesson)):
        texts = _texts(template, lesson, language, variants)
        found += [Sentence(text, label, language, group, 1 / len(texts)) for text in texts]
    return found


def _templates(lesson: Lesson) -> Iterator[tuple[str, str, str]]:
    for intent in lesson.intents:
        for language, templates in intent.examples.items():
            for template in templates:
                yield intent.id, language, template
    for language, messages in lesson.out_of_scope.items():
        for message in messages:
            yield OUT_OF_SCOPE, language, message


def _texts(template: str, lesson: Lesson, language: str, variants: int) -> list[str]:
    """Expand a template; what does not parse is a plain sentence with brackets in it."""
    try:
        return expand(template, lesson.words, language, variants) or [template]
    except TemplateError:
        return [template]
