"""Targets that read files and write them: content, phrase catalogues, templates of examples, the needs map."""

from __future__ import annotations

import csv
import dataclasses
import io
from datetime import date
from pathlib import Path

from bench.fuzz.hostile import Hostile, check
from bench.fuzz.talk import ROOT
from bot.content import catalogue, translation
from bot.content.inspection import inspect
from bot.content.phrase_file import placeholders
from bot.content.phrasebook import Phrasebook, catalogue_place, catalogue_problems
from bot.errors import ContentError, SettingsError, TemplateError
from bot.hotline.records import Tally
from bot.matching import template
from bot.reports.needs_map import as_csv, needs

_BOMBS = (
    "a: &a [x, x]\nb: &b [*a, *a]\n", "!!python/object/apply:os.system ['true']\n", "title: !!binary x\n", "? {a: b}\n: c\n", "%YAML 9.9\n---\n", "- " * 500, "[" * 5000,
    "{" * 3000, "a: " * 300, "title: {ru: x}\ntitle: {ru: y}\n", "\ufeffx: y\n", "x: \x00\n", "<<: {a: b}\n", "---\na: b\n---\nc: d\n", "title: |\n" + "  x\n" * 3000, "title: 2026-99-99\n",
)  # fmt: skip


class ContentTarget:
    """Content files, recorded and spoilt: only ContentError may come out."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "intents"
        (self.root / "work").mkdir(parents=True)
        self.file = self.root / "work" / "x.yaml"
        self.special = self.root / "contacts.yaml"
        files = sorted((ROOT / "intents").rglob("*.yaml"), key=lambda path: path.stat().st_size)
        self.recorded = [path.read_text("utf-8")[:6000] for path in files[:25]]

    async def __call__(self, hostile: Hostile) -> None:
        """One file."""
        lines = hostile.random.choice(self.recorded).splitlines(keepends=True)
        for _ in range(hostile.random.randrange(6)):
            place = hostile.random.randrange(len(lines))
            act = hostile.random.randrange(4)
            if act == 0:
                lines[place] = ""
            elif act == 1:
                lines.insert(place, hostile.random.choice(_BOMBS))
            elif act == 2:
                lines[place] = lines[place].replace(":", ": " + hostile.text(200), 1)
            else:
                lines[place] = " " * hostile.random.randrange(9) + lines[place]
        raw = "".join(lines).encode("utf-8", "surrogatepass" if hostile.random.random() < 0.1 else "replace")
        path = self.special if hostile.random.random() < 0.2 else self.file
        path.write_bytes(raw)
        try:
            content, problems = catalogue.load(self.root, strict=hostile.random.random() < 0.5)
            check(all(str(problem) for problem in problems), "a problem without words")
            catalogue.lesson(content)
        except ContentError as error:
            check(bool(error.problems), "refused without a reason")
        inspect(self.root, date(2026, 11, 24))


_PO_LINES = (
    'msgid ""', 'msgstr ""', 'msgid_plural "x"', 'msgstr[99999999999] "x"', 'msgctxt "x"', '"', '"x', "<<<<<<< HEAD", "=======", "#, fuzzy", "#~ msgstr", "#: \u2068a", '\ufeff', '"\x00"',
    '"Plural-Forms: nplurals=99999999999; plural=n**n**n;\\n"', '"Content-Type: text/plain; charset=utf-7\\n"', '"PO-Revision-Date: x\\n"', '"Language: ../x\\n"', 'msgstr "{0.__class__}"', 'msgstr "{n:>99999999}"', 'msgstr "%n%s"',
)  # fmt: skip


class CatalogueTarget:
    """Phrase catalogues, recorded and spoilt: named with file and line, and what is said has its values or is English."""

    def __init__(self, folder: Path) -> None:
        self.locales = folder / "locales"
        self.path, _ = catalogue_place(self.locales, "ru")
        self.path.parent.mkdir(parents=True)
        self.nothing = folder / "nothing"
        self.nothing.mkdir()
        whole = catalogue_place(ROOT / "locales", "ru")[0].read_text("utf-8").split("\n\n")
        self.head, self.entries = whole[0], [entry for entry in whole[1:] if entry]
        self.phrases = [entry.split('"')[1] for entry in self.entries if entry.startswith('msgid "')]

    async def __call__(self, hostile: Hostile) -> None:
        """One file."""
        source = hostile.random
        entries = source.sample(self.entries, 12)
        lines = "\n\n".join([self.head if source.random() < 0.9 else "", *entries]).split("\n")
        for _ in range(source.randrange(5)):
            place, act = source.randrange(len(lines)), source.randrange(6)
            if act == 0:
                lines[place] = ""
            elif act == 1:
                lines.insert(place, source.choice(_PO_LINES))
            elif act == 2:
                lines[place] = lines[place][: source.randrange(len(lines[place]) + 1)]
            elif act == 3:
                lines[place] = f'msgstr "{hostile.text(6000)}"'
            elif act == 4:
                lines[place] = lines[place].replace("{", source.choice(("{{", "", "{0.x", "{ ", "}"))).replace(" ", source.choice((" ", "\u202e", "\x00", "\u200b")), 1)
            else:
                lines += lines[place:] * source.choice((1, 20))
        raw = "\n".join(lines).encode("utf-8", "surrogatepass" if source.random() < 0.1 else "replace")
        if source.random() < 0.02:
            raw *= 1 + 2_000_001 // (len(raw) or 1)
        self.path.write_bytes(raw)
        check_catalogue(self.locales, self.nothing, source.sample(self.phrases, 20))


def check_catalogue(locales: Path, source: Path, phrases: list[str]) -> None:
    """Our own errors only, which say where; a phrase never fails to be said; what is not sound is not written over."""
    path, name = catalogue_place(locales, "ru")
    problems, before = catalogue_problems(locales), path.read_bytes()
    check(all(problem.file == name and str(problem).isprintable() for problem in problems), "a problem without its place")
    try:
        book = Phrasebook.load(locales, ["ru"])
    except SettingsError as error:
        check("“ru”" in str(error) and "\n" not in str(error), "refused without a reason")
    else:
        for phrase in phrases:
            values = dict.fromkeys(placeholders(phrase) or (), "seven")
            said = book.say(phrase, "ru", **values)
            check(len(said) < 6000 and ("seven" in said) == bool(values), "said without its values")
    try:
        translation.refresh(source, locales)
    except ContentError:
        check(path.read_bytes() == before, "a broken catalogue was written over")
    else:
        check(not problems, "a broken catalogue was taken")


class TemplateTarget:
    """Templates of examples: (a|b), [c], <word>; nested, unclosed, and bombs of them."""

    async def __call__(self, hostile: Hostile) -> None:
        """One template."""
        source, pick = hostile.random, hostile.random.random()
        parts = ["(", ")", "[", "]", "|", "<", ">", "boss", "<boss>", " ", "не платит", "\\", "(а|б)", "[в]"]
        made = "".join(source.choices(parts, k=source.randrange(40)))
        if pick < 0.1:
            made = "(а|б|в|г)" * source.choice((10, 200, 2000))
        elif pick < 0.2:
            depth = source.choice((10, 100, 400))
            made = "(а|" * depth + "б" + ")" * depth
        elif pick < 0.3:
            made = "".join(source.choices("([<", k=3000))
        elif pick < 0.4:
            made = hostile.text(3000)
        words = {"boss": {"ru": ("начальник", "шеф*", "")}}
        try:
            written = template.expand(made, words, "ru")
        except TemplateError:
            return
        check(len(written) <= 64, "a bomb went off")


class NeedsTarget:
    """Statistics with hostile values, as CSV."""

    async def __call__(self, hostile: Hostile) -> None:
        """One export."""
        made = [Tally("2026-11-17", "x", hostile.text(8), hostile.text(8), hostile.text(20), "answer", hostile.text(16), people=hostile.random.randrange(40)) for _ in range(8)]
        topics = {tally.intent: hostile.text(20) for tally in made[:4]}
        cells = needs(made, topics, first=date(2026, 11, 16), last=date(2026, 11, 22), today=date(2026, 11, 24))
        rows = list(csv.reader(io.StringIO(as_csv([*cells, *(dataclasses.replace(cell, topic=hostile.text(50)) for cell in cells)]))))
        check(len(rows) == 2 + 2 * len(cells) and all(len(row) == 6 for row in rows), "the table broke")
        check(not any(value.lstrip().startswith(("=", "+", "-", "@")) for row in rows for value in row), "a formula leaked")
