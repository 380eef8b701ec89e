"""YAML read with the place of every value, and nothing but strings, lists and mappings.

Dates, numbers, yes and no stay the strings an editor typed (YAML 1.1 would turn `no: …` into False).
Anchors, aliases and tags are refused: they are how YAML bombs are made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.errors import ContentError, Problem

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_BYTES = 2_000_000  # a content file; the largest of ours has 60 kB
_MAX_DEPTH = 12
_PLAIN_TAGS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "seq", "map", "value"})


@dataclass(frozen=True, slots=True)
class Value:
    """A YAML value and where it stands; `line` and `column` count from 1."""

    data: str | tuple[Value, ...] | dict[str, Value]
    file: str
    line: int
    column: int
    key_line: int = 0  # of the key, for mapping entries

    def problem(self, text: str, remedy: str = "", severity: str = "error") -> Problem:
        """A problem at this place."""
        return Problem(self.file, self.line, self.column, text, remedy, severity)

    @property
    def text(self) -> str:
        """The string, or "" when this is a list or mapping."""
        return self.data if isinstance(self.data, str) else ""

    def items(self) -> Iterator[tuple[str, Value]]:
        """A mapping's entries; none for anything else."""
        if isinstance(self.data, dict):
            yield from self.data.items()

    def entries(self) -> tuple[Value, ...]:
        """A list's entries; none for anything else."""
        return self.data if isinstance(self.data, tuple) else ()

    def get(self, key: str) -> Value | None:
        """A mapping's entry, or None."""
        return self.data.get(key) if isinstance(self.data, dict) else None


def read(path: Path, name: str) -> Value:
    """Read one file; `name` is what problems call it. Raises ContentError with the place and a plain reason."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ContentError((Problem(name, 0, 0, f"the file cannot be read ({error.strerror})."),)) from error
    if len(raw) > _MAX_BYTES:
        raise ContentError((Problem(name, 0, 0, f"the file is larger than {_MAX_BYTES // 1_000_000} MB."),))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ContentError((Problem(name, line, 1, "the file is not UTF-8.", "Save it as UTF-8."),)) from error
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise ContentError((_syntax_problem(error, name),)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ContentError((Problem(name, 0, 0, f"this is not YAML: {error}"),)) from error
    if node is None:
        raise ContentError((Problem(name, 0, 0, "the file is empty."),))
    return _Reader(name).value(node, 0)


def _syntax_problem(error: yaml.MarkedYAMLError, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    reason = error.problem or "unexpected text"
    remedy = "Look at this line and the one above: spaces at the start, a missing colon or quote. Put text with : or # in double quotes."
    if "cannot start any token" in reason or "\\t" in reason:
        remedy = "Use spaces, never the tab key, at the start of a line."
    return Problem(name, line, column, f"YAML cannot be read here: {reason}.", remedy)


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.seen: set[int] = set()

    def value(self, node: yaml.Node, depth: int) -> Value:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self._refuse_tricks(node, depth, line, column)
        if isinstance(node, yaml.ScalarNode):
            return Value(node.value, self.name, line, column)
        if isinstance(node, yaml.SequenceNode):
            return Value(tuple(self.value(child, depth + 1) for child in node.value), self.name, line, column)
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 (YAML has only these three)
        entries: dict[str, Value] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._fail(key_node, "a key must be a single word.", "")
            if key_node.value in entries:
                self._fail(key_node, f"“{key_node.value}” stands here twice.", "Join the two or delete one.")
            entries[key_node.value] = self.value(child, depth + 1)
        return Value(entries, self.name, line, column)

    def _refuse_tricks(self, node: yaml.Node, depth: int, line: int, column: int) -> None:
        if id(node) in self.seen:
            self._fail(node, "this repeats another part by an alias (*).", "Write the text out.")
        self.seen.add(id(node))
        if depth > _MAX_DEPTH:
            raise ContentError((Problem(self.name, line, column, "this is nested too deeply."),))
        if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN_TAGS:
            self._fail(node, f"the tag {node.tag} is not used here.", "Remove the word that begins with “!”.")

    def _fail(self, node: yaml.Node, text: str, remedy: str) -> None:
        mark = node.start_mark
        raise ContentError((Problem(self.name, mark.line + 1, mark.column + 1, text, remedy),))
