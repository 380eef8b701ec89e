"""Which script a text is written in, and words that mix two scripts."""

from __future__ import annotations

import re
import unicodedata

CYRILLIC = "Cyrl"
LATIN = "Latn"
NEITHER = ""

_CYRILLIC_LETTERS = re.compile(r"[\u0400-\u052f]")
_LATIN_LETTERS = re.compile(r"[a-zA-Z\u00c0-\u024f\u0259\u1e00-\u1eff]")
_WORD = re.compile(r"[^\W\d_]+(?:[ʻʼ'’‘`´][^\W\d_]+)*")

# Latin letters that look like Cyrillic ones, and the reverse: a phone's autocorrection, or a
# sender who avoids filters, puts one in the middle of a word of the other script.
_LATIN_LIKE_CYRILLIC = str.maketrans("aceopxyiABCEHKMOPTXYI", "асеорхуіАВСЕНКМОРТХУІ")
_CYRILLIC_LIKE_LATIN = str.maketrans("асеорхуіАВСЕНКМОРТХУІ", "aceopxyiABCEHKMOPTXYI")


def script_of(text: str) -> str:
    """Tell the script most letters of `text` belong to: "Cyrl", "Latn", or "" for neither."""
    cyrillic = len(_CYRILLIC_LETTERS.findall(text))
    latin = len(_LATIN_LETTERS.findall(text))
    if cyrillic == latin == 0:
        return NEITHER
    return CYRILLIC if cyrillic >= latin else LATIN


def words_of(text: str) -> list[str]:
    """Split into words of letters; an apostrophe inside a word stays in it (Uzbek o'qish)."""
    return _WORD.findall(text)


def unmix(text: str) -> str:
    """Mend words that mix scripts by look-alikes: "пacпopт" with Latin a, c, p, o becomes Cyrillic."""
    if not (_CYRILLIC_LETTERS.search(text) and _LATIN_LETTERS.search(text)):
        return text
    return re.sub(r"\w+", _unmix_word, text)


def clean(text: str) -> str:
    """Compatibility forms made plain; control, format, zero-width and unpaired surrogate characters dropped.

    Line breaks and tabs become spaces. Combining marks that compose (и + breve) compose.
    """
    if text.isascii() and text.isprintable():
        return text
    plain = unicodedata.normalize("NFKC", text)
    if plain.isprintable():  # nothing of what is dropped or becomes a space is
        return plain
    return "".join(_plain_character(character) for character in plain)


def _plain_character(character: str) -> str:
    if character in "\n\r\t\v\f\x85\u2028\u2029\x00":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co"):
        return ""
    return character


def _unmix_word(match: re.Match[str]) -> str:
    word = match.group()
    cyrillic = set(_CYRILLIC_LETTERS.findall(word))
    latin = set(_LATIN_LETTERS.findall(word))
    if not cyrillic or not latin:
        return word
    if all(ord(letter) in _LATIN_LIKE_CYRILLIC for letter in latin):
        return word.translate(_LATIN_LIKE_CYRILLIC)
    if all(ord(letter) in _CYRILLIC_LIKE_LATIN for letter in cyrillic):
        return word.translate(_CYRILLIC_LIKE_LATIN)
    return word
