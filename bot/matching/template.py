"""The pattern language of the examples: alternatives `(a|b)`, optional `[c]`, word lists `<boss>`.

A template is a tree whose every node knows how many variants it has and can name the i-th, so
a template with a million variants is counted and sampled without being written out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.errors import TemplateError

Words = Mapping[str, Mapping[str, tuple[str, ...]]]  # concept -> language -> its words

_CLOSING = {"(": ")", "[": "]"}
_MAX_DEPTH = 20  # nested brackets; an editor needs two or three
_MAX_LENGTH = 2000  # characters


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text."""

    text: str


@dataclass(frozen=True, slots=True)
class WordList:
    """A `<concept>`: any word of that list."""

    concept: str
    offset: int  # 0-based character in the template


@dataclass(frozen=True, slots=True)
class Chain:
    """Parts one after the other."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alternatives:
    """One of several options; an optional part has an empty one."""

    options: tuple[Node, ...]


Node = Text | WordList | Chain | Alternatives


def parse(template: str) -> Node:
    """Parse `template`; a `TemplateError` says at which character it goes wrong."""
    if len(template) > _MAX_LENGTH:
        raise TemplateError(f"the example is longer than {_MAX_LENGTH} characters", _MAX_LENGTH)
    node, end = _options(template, 0, "", 0)
    if end < len(template):
        raise TemplateError(f"'{template[end]}' has no opening bracket before it", end)
    return node


def concepts(node: Node) -> set[str]:
    """Name the word lists a template uses."""
    match node:
        case WordList():
            return {node.concept}
        case Chain():
            return set().union(*map(concepts, node.parts))
        case Alternatives():
            return set().union(*map(concepts, node.options))
        case _:
            return set()


def count(template: str | Node, words: Words | None = None, language: str = "") -> int:
    """Count the variants of a template; an unknown word list is an error."""
    node = parse(template) if isinstance(template, str) else template
    match node:
        case Text():
            return 1
        case WordList():
            return len(_words(node, words, language))
        case Chain():
            return math.prod(count(part, words, language) for part in node.parts)
        case Alternatives():
            return sum(count(option, words, language) for option in node.options)


def expand(template: str | Node, words: Words | None = None, language: str = "", limit: int = 64) -> list[str]:
    """Write out the variants of a template: all of them, or `limit` spread evenly over them.

    The same template always gives the same variants in the same order, without repeats.
    """
    node = parse(template) if isinstance(template, str) else template
    total = count(node, words, language)
    step = 1 if total <= limit else _stride(total)
    variants: dict[str, None] = {}
    for number in range(min(total, limit)):
        text = _variant(node, number * step % total, words, language)
        variants[" ".join(text.split())] = None
    return [text for text in variants if text]


def _stride(total: int) -> int:
    """Pick a step near the golden section of `total` and coprime to it: no variant twice, none near the last."""
    step = max(1, round(total * 0.618034))
    while math.gcd(step, total) != 1:
        step += 1
    return step


def _variant(node: Node, number: int, words: Words | None, language: str) -> str:
    match node:
        case Text():
            return node.text
        case WordList():
            return _words(node, words, language)[number]
        case Chain():
            texts = []
            for part in node.parts:
                number, own = divmod(number, count(part, words, language))
                texts.append(_variant(part, own, words, language))
            return "".join(texts)
        case Alternatives():
            for option in node.options:
                size = count(option, words, language)
                if number < size:
                    return _variant(option, number, words, language)
                number -= size
    raise TemplateError("the variant does not exist")


def _words(node: WordList, words: Words | None, language: str) -> Sequence[str]:
    """Give the words of a list; a stem marked `*` is written without the mark."""
    by_language = (words or {}).get(node.concept)
    if by_language is None:
        raise TemplateError(f"there is no word list <{node.concept}>", node.offset)
    found = by_language.get(language, ())
    if not found:
        raise TemplateError(f"the word list <{node.concept}> has no words in '{language}'", node.offset)
    # A whole word reads better than a stem: stems only where the list has nothing else.
    return [word for word in found if not word.endswith("*")] or [word.rstrip("*") for word in found]


def _options(template: str, start: int, closing: str, depth: int) -> tuple[Node, int]:
    """Parse `a|b|c` from `start` up to the closing bracket or the end."""
    if depth > _MAX_DEPTH:
        raise TemplateError(f"more than {_MAX_DEPTH} brackets inside each other", start)
    options: list[Node] = []
    position = start
    while True:
        node, position = _sequence(template, position, depth)
        options.append(node)
        character = template[position : position + 1]
        if character != "|":
            break
        if not closing:
            raise TemplateError("'|' stands outside of brackets: write (a|b)", position)
        position += 1
    if character != closing:
        if closing:
            raise TemplateError(f"'{closing}' is missing", start - 1)
        return options[0], position
    if closing == "]":
        options.append(Text(""))
    return (options[0] if len(options) == 1 else Alternatives(tuple(options))), position


def _sequence(template: str, start: int, depth: int) -> tuple[Node, int]:
    parts: list[Node] = []
    position = start
    while position < len(template) and template[position] not in ")]|":
        character = template[position]
        if character in _CLOSING:
            node, position = _options(template, position + 1, _CLOSING[character], depth + 1)
            position += 1
        elif character == "<":
            node, position = _word_list(template, position)
        elif character == ">":
            raise TemplateError("'>' has no '<' before it", position)
        else:
            node, position = _text(template, position)
        parts.append(node)
    return (parts[0] if len(parts) == 1 else Chain(tuple(parts))), position


def _text(template: str, start: int) -> tuple[Text, int]:
    end = start
    while end < len(template) and template[end] not in "()[]<>|":
        end += 1
    return Text(template[start:end]), end


def _word_list(template: str, start: int) -> tuple[WordList, int]:
    end = template.find(">", start)
    name = template[start + 1 : end].strip() if end > 0 else ""
    if end < 0:
        raise TemplateError("'>' is missing", start)
    if not name.replace("_", "").replace("-", "").isalnum():
        raise TemplateError(f"<{name}> is not the name of a word list", start)
    return WordList(name, start), end + 1
