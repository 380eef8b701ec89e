"""The phrase catalogues' upkeep: extract from the code, update every language, write Uzbek Cyrillic, compile.

Console phrases and the bot's phrases share one domain; a phrase's id is its English text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from bot.content.phrasebook import DOMAIN
from bot.content.placeholder import transliterated
from bot.language.uzbek import to_cyrillic

OWN = "own"  # a translator's comment that keeps a hand-written Uzbek Cyrillic phrase
_METHODS = [("**.py", "python"), ("**.html", "jinja2")]
_KEYWORDS: dict[str, tuple[int, ...] | None] = {"N_": None, "_": None, "ngettext": (1, 2)}
_PLACEHOLDER = re.compile(r"\{[a-z_]*\}")


def refresh(source: Path, locales: Path) -> list[str]:
    """Bring the .pot and every .po up to date with the code, and compile; returns what is missing, one line each.

    `source` is the directory of the package `bot`; `locales` holds <language>/LC_MESSAGES/hotline.po.
    """
    template = extract(source)
    _write(template, locales / f"{DOMAIN}.pot")
    missing: list[str] = []
    for path in catalogue_files(locales):
        language = path.parent.parent.name
        catalogue = _read(path, language)
        catalogue.update(template, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        if language == "uz_Cyrl":
            _from_latin(catalogue, _read(locales / "uz/LC_MESSAGES" / path.name, "uz"))
        _write(catalogue, path)
        missing += [f"{language}: {message.id}" for message in untranslated(catalogue)]
    compile_all(locales)
    return missing


def extract(source: Path) -> Catalog:
    """Every phrase marked in the code and the pages."""
    template = Catalog(domain=DOMAIN, charset="utf-8", header_comment="", fuzzy=False)
    options = {"**.html": {"silent": "false"}}
    for name, _, phrase, comments, _ in extract_from_dir(
        source, _METHODS, options_map=options, keywords=_KEYWORDS, strip_comment_tags=True
    ):
        template.add(phrase, locations=[(f"bot/{Path(name).as_posix()}", 1)], auto_comments=comments)
    return template


def compile_all(locales: Path) -> None:
    """Write the .mo beside every .po."""
    for path in catalogue_files(locales):
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, _read(path, path.parent.parent.name))


def catalogue_files(locales: Path) -> list[Path]:
    """The .po files there are."""
    return sorted(locales.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))


def untranslated(catalogue: Catalog) -> Iterable[Message]:
    """Phrases without a text, or whose text lost or gained a placeholder."""
    for message in catalogue:
        if not message.id:
            continue
        texts = _texts(message.string)
        source = _texts(message.id)[-1]
        wanted = set(_PLACEHOLDER.findall(source))
        if not all(texts) or any(set(_PLACEHOLDER.findall(text)) != wanted for text in texts if "{n}" not in source):
            yield message


def new_catalogue(locales: Path, language: str) -> Path:
    """An empty catalogue for a further language; returns its file."""
    path = locales / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = Catalog(locale=language, domain=DOMAIN, charset="utf-8", header_comment="", fuzzy=False)
        with (locales / f"{DOMAIN}.pot").open("rb") as file:
            catalogue.update(read_po(file), no_fuzzy_matching=True)
        _write(catalogue, path)
    return path


def _from_latin(cyrillic: Catalog, latin: Catalog) -> None:
    for message in cyrillic:
        source = latin.get(message.id) if message.id else None
        if source is None or OWN in message.user_comments:
            continue
        texts = [transliterated(text, to_cyrillic) for text in _texts(source.string)]
        message.string = texts[0] if len(texts) == 1 else tuple(texts)


def _texts(value: object) -> list[str]:
    """A phrase's text, or one for each plural form."""
    return [str(text) for text in value] if isinstance(value, (tuple, list)) else [str(value or "")]


def _read(path: Path, language: str) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=DOMAIN)


def _write(catalogue: Catalog, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, omit_header=False, sort_output=True, width=0, include_previous=False, no_location=True)
    # Dates and tool versions would make every refresh a change.
    text = path.read_text("utf-8")
    text = re.sub(r'"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator|Report-Msgid-Bugs-To|Language-Team|Project-Id-Version):[^\n]*\n', "", text)
    path.write_text(text, "utf-8")
