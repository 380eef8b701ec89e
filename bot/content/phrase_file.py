"""One phrase catalogue (.po), read as what it is: a file that many hands and tools have touched.

Whatever cannot be used is a `Problem` with file and line and leaves its neighbours alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from bot.errors import Problem

FILE_LIMIT = 2_000_000  # bytes
TEXT_LIMIT = 4_000  # characters of one phrase: what fits a message
_LINE = re.compile(r'(?:(msgid|msgstr)\s+)?"((?:[^"\\]|\\[\\"nrt])*)"')
_BEGINS = re.compile(r"msgid\b")
_UNUSED = re.compile(r"msgid_plural|msgctxt|msgstr\[")
_ESCAPE = re.compile(r'\\([\\"nrt])')
_PLAIN = {"n": "\n", "r": "\r", "t": "\t"}
_HEADER = re.compile(r"[A-Z][\w-]{2,40}: [^\x00-\x1f]{0,300}")
_UTF8 = "content-type: text/plain; charset=utf-8"
_PLURALS = re.compile(r"Plural-Forms: nplurals=[1-6]; plural=[n0-9 %=!<>&|?:()]{1,200};")
_FIELD = re.compile(r"[a-z_]+")
_LINK = re.compile(r"https?://|\]\(|javascript:", re.IGNORECASE)
_ALLOWED = frozenset("\n\u00a0\u202f\u200c\u200d")  # line ends, narrow and fixed spaces, joiners; nothing else that cannot be seen


@dataclass(slots=True)
class _Entry:
    line: int  # of its msgid; 0: none so far
    first: int = 0  # line of its first words
    phrase: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    fuzzy: bool = False
    broken: bool = False
    said: bool = False  # there was a msgstr


def read(path: Path, name: str) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """The sound phrases with their texts, and what is wrong. `name` is how the file is called in problems.

    Nothing is raised: a file that is missing, too big or not UTF-8 has no phrases and one problem.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT + 1)
        if len(raw) > FILE_LIMIT:
            return {}, (Problem(name, 0, 0, f"the file is bigger than {FILE_LIMIT // 1_000_000} MB.", "Look at what fills it."),)
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return {}, (Problem(name, line, 0, "this is not UTF-8.", "Save the file as UTF-8."),)
    except OSError as error:
        return {}, (Problem(name, 0, 0, f"the file cannot be read: {error.strerror}.", "Put it back, or run: hotline locales"),)
    problems: list[Problem] = []
    phrases: dict[str, str] = {}
    for entry in _entries(text, name, problems):
        phrase, said = "".join(entry.phrase), "".join(entry.text)
        if not phrase:
            problems += _header(said, entry.line, name)
        elif said and not entry.fuzzy:
            if fault := fault_of(phrase, said):
                problems.append(Problem(name, entry.line, 0, f"“{_short(phrase)}”: {fault}", "Correct the text; until then it is said in another language."))
            else:
                phrases.setdefault(phrase, said)
    return phrases, tuple(problems)


def fault_of(phrase: str, text: str) -> str:
    """What makes a text no translation of the phrase, in words; "" when it can be used."""
    if len(text) > TEXT_LIMIT:
        return f"the text has {len(text)} characters; at most {TEXT_LIMIT}."
    if hidden := "" if text.isprintable() else next(filter(_is_hidden, text), ""):
        return f"the text holds a sign that nobody sees (U+{ord(hidden):04X})."
    wanted, given = placeholders(phrase), placeholders(text)
    if given is None:
        return "a { or } in the text is no placeholder."
    if wanted is not None and given != wanted:
        lost, gained = sorted(wanted - given), sorted(given - wanted)
        return f"the placeholder {{{lost[0]}}} is missing." if lost else f"the placeholder {{{_short(gained[0])}}} is not in the English phrase."
    if _LINK.search(text) and not _LINK.search(phrase):
        return "the text holds a link, and the English phrase has none."
    return ""


def placeholders(text: str) -> set[str] | None:
    """The names in braces; None when a brace is anything but a plain name: `{n.real}` or `{n:>9999}` would be carried out."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return None
    names = {name for _, name, _, _ in parts if name is not None}
    sound = all(_FIELD.fullmatch(name) for name in names) and not any(spec or conversion for _, _, spec, conversion in parts)
    return names if sound else None


def lines_of(text: str) -> list[str]:
    """Without what surrounds them and without obsolete entries; a Unicode line separator ends no line."""
    bare = (line.strip(" \t") for line in re.split(r"\r\n|\n|\r", text))
    return ["" if line.startswith("#~") else line for line in bare]


def _entries(text: str, name: str, problems: list[Problem]) -> Iterator[_Entry]:
    """Entry by entry; a line that cannot be read is a problem and spoils its entry alone."""
    entry, fuzzy = _Entry(0), False
    for number, bare in enumerate(lines_of(text), 1):
        if not bare:
            continue
        if bare.startswith("#"):
            yield from _whole(entry, name, problems)
            entry, fuzzy = _Entry(0), fuzzy or (bare.startswith("#,") and "fuzzy" in bare)
            continue
        found = _LINE.fullmatch(bare)
        keyword = found.group(1) if found else None
        if keyword == "msgid" or (found is None and _BEGINS.match(bare)):
            yield from _whole(entry, name, problems)
            entry, fuzzy = _Entry(number, fuzzy=fuzzy), False
        if found is None:
            told = "plural forms and contexts are not used here." if _UNUSED.match(bare) else "this line cannot be read."
            if not entry.broken:  # one word for an entry is enough
                problems.append(Problem(name, number, 0, told, 'It should be msgid "…", msgstr "…", a "…" that goes on, or a # comment.'))
            entry.broken = True
            continue
        if keyword == "msgstr":
            if entry.said and not entry.broken:
                problems.append(Problem(name, number, 0, "a second msgstr for one msgid.", "Leave the right one."))
            entry.broken, entry.said = entry.broken or entry.said, True
        entry.first = entry.first or number
        words = _ESCAPE.sub(lambda sign: _PLAIN.get(sign.group(1), sign.group(1)), found.group(2))
        (entry.text if entry.said else entry.phrase).append(words)
    yield from _whole(entry, name, problems)


def _whole(entry: _Entry, name: str, problems: list[Problem]) -> Iterator[_Entry]:
    if entry.broken:
        return
    if entry.line and entry.said:
        yield entry
    elif entry.line or entry.phrase or entry.said:
        problems.append(Problem(name, entry.line or entry.first, 0, "a msgid and its msgstr belong together; one is missing.", "Add it."))


def _header(text: str, line: int, name: str) -> Iterator[Problem]:
    """The head is read by tools that carry out what stands there."""
    lines = text.rstrip("\n").split("\n")
    if _UTF8 not in [one.casefold() for one in lines]:
        yield Problem(name, line, 0, "the head of the file does not say that it is UTF-8.", 'Write "Content-Type: text/plain; charset=utf-8\\n".')
    for one in lines:
        if not _HEADER.fullmatch(one) or (one.startswith("Plural-Forms") and not _PLURALS.fullmatch(one)):
            yield Problem(name, line, 0, f"the head of the file holds “{_short(one)}”.", "Take the head of another catalogue.")
            return


def _is_hidden(sign: str) -> bool:
    return not sign.isprintable() and sign not in _ALLOWED


def _short(text: str) -> str:
    """For a line on a terminal."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:60]) + ("…" if len(text) > 60 else "")
