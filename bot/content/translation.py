"""The phrase catalogues' upkeep: extract from the code, update every language, write Uzbek Cyrillic.

Console phrases and the bot's phrases share one domain; a phrase's id is its English text.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from pathlib import Path

from babel.core import UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import PoFileError, read_po, write_po

from bot.content import phrase_file
from bot.content.phrasebook import DOMAIN, catalogue_place, catalogue_problems
from bot.content.placeholder import transliterated
from bot.errors import ContentError, Problem
from bot.language.uzbek import to_cyrillic

OWN = "own"  # a translator's comment that keeps a hand-written Uzbek Cyrillic phrase
_METHODS = [("**.py", "python"), ("**.html", "jinja2")]
_KEYWORDS: dict[str, tuple[int, ...] | None] = {"N_": None, "_": None}


def refresh(source: Path, locales: Path) -> list[str]:
    """Bring the .pot and every .po up to date with the code; returns what is missing, one line each.

    `source` is the directory of the package `bot`; `locales` holds <language>/LC_MESSAGES/hotline.po. Raises
    ContentError, and writes nothing, while anything in a catalogue cannot be used.
    """
    if problems := catalogue_problems(locales):
        raise ContentError(problems)
    template = extract(source)
    found = {language: _read(locales, language) for language in languages(locales)}
    missing: list[str] = []
    for language, catalogue in found.items():
        path, name = catalogue_place(locales, language)
        texts, _ = phrase_file.read(path, name)
        catalogue.update(copy.deepcopy(template), no_fuzzy_matching=True)  # it takes the template's messages as its own
        catalogue.obsolete.clear()
        for message in catalogue:
            if message.id:  # of phrases that two branches added, the one with a text
                message.string = texts.get(str(message.id)) or message.string
        if language == "uz_Cyrl":
            _from_latin(catalogue, found["uz"])
        missing += [f"{language}: {message.id}" for message in untranslated(catalogue)]
    _write(template, locales / f"{DOMAIN}.pot")
    for language, catalogue in found.items():
        _write(catalogue, catalogue_place(locales, language)[0])
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


def languages(locales: Path) -> list[str]:
    """Those that have a catalogue; what another is made from comes first."""
    found = {path.parent.parent.name for path in locales.glob(f"*/LC_MESSAGES/{DOMAIN}.po")}
    return sorted(found, key=lambda language: (len(language), language))


def untranslated(catalogue: Catalog) -> Iterable[Message]:
    """Phrases without a text, or whose text cannot stand for them."""
    for message in catalogue:
        if message.id and (not message.string or phrase_file.fault_of(str(message.id), str(message.string))):
            yield message


def new_catalogue(locales: Path, language: str) -> Path:
    """An empty catalogue for a further language; returns its file."""
    path, _ = catalogue_place(locales, language)
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
        if source is not None and OWN not in message.user_comments:
            message.string = transliterated(str(source.string or ""), to_cyrillic)


def _read(locales: Path, language: str) -> Catalog:
    """A catalogue with its comments, once `phrase_file` found nothing wrong in it."""
    path, name = catalogue_place(locales, language)
    lines = [line for line in phrase_file.lines_of(path.read_text("utf-8-sig")) if not line.startswith("#:")]
    try:
        return read_po(lines, locale=language, domain=DOMAIN, abort_invalid=True)
    except (UnknownLocaleError, PoFileError, ValueError, LookupError) as error:
        problem = Problem(name, 1, 0, "the head of the file or the name of its folder cannot be read.", "Take both from another catalogue.")
        raise ContentError((problem,)) from error


def _write(catalogue: Catalog, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalogue, omit_header=False, sort_output=True, width=0, include_previous=False, no_location=True)
    # Dates and tool versions would make every refresh a change.
    text = path.read_text("utf-8")
    text = re.sub(r'"(POT-Creation-Date|PO-Revision-Date|Generated-By|Last-Translator|Report-Msgid-Bugs-To|Language-Team|Project-Id-Version):[^\n]*\n', "", text)
    path.write_text(text, "utf-8")
