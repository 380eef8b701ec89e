"""`hotline new-language tk`: a place for every text of a further language, and nothing shown to callers yet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from bot.content.catalogue import files
from bot.content.translation import new_catalogue
from bot.errors import SettingsError

_MODEL = "ru"  # every mapping of languages has it
_CODE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?")


def prepare(code: str, name: str, content: Path, locales: Path) -> list[Path]:
    """Put an empty entry for the language beside every text, and a catalogue beside the others.

    Returns the files to fill in. The language is `ready: false` in languages.yaml: `hotline check` passes and
    callers are not offered it until an editor writes `true`. Raises SettingsError for a code that is none.
    """
    if not _CODE.fullmatch(code):
        raise SettingsError(f"“{code}” is not a language code. Use two or three small letters, for example tk.")
    listed = content / "languages.yaml"
    text = listed.read_text("utf-8")
    if re.search(rf"^{code}:", text, re.MULTILINE):
        raise SettingsError(f"“{code}” is in {listed.name} already.")
    written = [path for path in files(content) if path != listed and _add_entries(path, code)]
    listed.write_text(f"{text.rstrip()}\n{code}: {{name: {name}, ready: false}}\n", "utf-8")
    return [listed, *written, new_catalogue(locales, code)]


def _add_entries(path: Path, code: str) -> bool:
    """Insert before each mapping's model language, from the end so that places stay right."""
    text = path.read_text("utf-8")
    places = sorted(_places(yaml.compose(text, Loader=yaml.SafeLoader)), reverse=True)
    for index, column, in_line, is_list in places:
        empty = "[]" if is_list else '""'
        entry = f"{code}: {empty}, " if in_line else f"{code}: {empty}\n{' ' * column}"
        text = text[:index] + entry + text[index:]
    if places:
        path.write_text(text, "utf-8")
    return bool(places)


def _places(node: yaml.Node | None) -> Iterator[tuple[int, int, bool, bool]]:
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _places(child)
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            if key.value == _MODEL:
                mark = key.start_mark
                yield mark.index, mark.column, bool(node.flow_style), isinstance(child, yaml.SequenceNode)
            else:
                yield from _places(child)
