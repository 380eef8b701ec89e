"""One skeleton for every spelling, so that one example serves them all.

Cyrillic and Latin, the letters of five alphabets typed as Russian ones, apostrophes of any
kind, the digits 4 and 6 for ч and ш, and Uzbek's old and reformed Latin all fold to the same
lower-case ASCII string. It is for comparing, never for showing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from bot.language.scripts import clean, unmix

# Letters of the five alphabets, by the sound all their spellings share. Where callers type one
# letter for two sounds (у for ў, ү, ұ; о for ө), the sounds are one here too.
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "ғ": "g", "д": "d", "е": "e", "ё": "e", "ж": "j",
    "җ": "j", "ҷ": "j", "з": "z", "и": "i", "й": "i", "і": "i", "ӣ": "i", "ї": "i", "к": "k",
    "қ": "k", "л": "l", "м": "m", "н": "n", "ң": "n", "ҥ": "n", "о": "o", "ө": "o", "п": "p",
    "р": "r", "с": "s", "т": "t", "у": "u", "ұ": "u", "ү": "u", "ӯ": "u", "ў": "u", "ф": "f",
    "х": "h", "ҳ": "h", "һ": "h", "ц": "s", "ч": "ch", "ҹ": "ch", "ш": "sh", "щ": "sh",
    "ъ": "", "ы": "i", "ь": "", "э": "e", "є": "e", "ә": "a", "ю": "iu", "я": "ia",
}  # fmt: skip
_LATIN = {
    "ə": "a", "ı": "i", "ŋ": "n", "ß": "s", "æ": "e", "ø": "o", "đ": "d", "ł": "l",
    "ş": "sh", "ș": "sh", "š": "sh", "ç": "ch", "č": "ch", "ž": "j", "ğ": "g", "q": "k",
}  # fmt: skip
_LETTERS = str.maketrans({**_CYRILLIC, **_LATIN})
_APOSTROPHES = re.compile("(?<=\\w)['’‘ʻʼ`´′ʹ＇\"«»]+(?=\\w)|(?<=\\w)['’‘ʻʼ`´′ʹ]+")
_REFORMED = re.compile("[ɡ]")
_DIGIT_LETTERS = re.compile(r"(?<=[a-z])[46]|(?<![a-z0-9])[46](?=[a-z])")
_NOT_SKELETON = re.compile(r"[^a-z0-9]+")
_RUNS = re.compile(r"([a-z])\1+")
# Applied to ASCII until nothing changes; each one shortens the text or replaces a letter that no
# rule brings back, so it ends, and what comes out folds to itself.
_REWRITES = (
    (re.compile("shch|sch"), "sh"),
    (re.compile("tch"), "ch"),
    (re.compile("zh|dzh|dj"), "j"),
    (re.compile("kh"), "h"),
    (re.compile("gh"), "g"),
    (re.compile("ts"), "s"),
    (re.compile("x"), "h"),
    (re.compile("w"), "v"),
    (re.compile("q|c(?!h)"), "k"),
    (re.compile("y"), "i"),
    (re.compile("i[ou](?!u)"), "e"),
    (re.compile("ie"), "e"),
    (re.compile("o"), "u"),
)
_MAX_LENGTH = 4000  # characters kept: longer texts are cut, a message on a phone has a few hundred


def fold(text: str) -> str:
    """Fold `text` to its skeleton: lower-case ASCII words and digits, one space between.

    >>> fold("Паспортимни олиб қўйди") == fold("pasportimni olib qo'ydi")
    True
    """
    plain = unmix(clean(text[:_MAX_LENGTH])).lower()
    return " ".join(word for word in map(_fold_word, _split(plain)) if word)


def fold_words(text: str) -> list[str]:
    """Fold `text` and split it into words."""
    return fold(text).split()


def written_words(text: str) -> list[str]:
    """Give, for each word of the folded `text`, the word as it was written; one that punctuation parts, for each part.

    >>> written_words("Паспорт-то забрали!")
    ['Паспорт-то', 'Паспорт-то', 'забрали!']
    """
    plain = clean(text[:_MAX_LENGTH])
    return [
        written
        for written, word in zip(plain.split(), _split(unmix(plain).lower()), strict=True)
        for _ in _fold_word(word).split()
    ]


def _split(plain: str) -> list[str]:
    return _APOSTROPHES.sub("", plain).split()


@lru_cache(maxsize=65536)
def _fold_word(word: str) -> str:
    """Fold what stands between two spaces; punctuation inside it parts it into several words."""
    ascii_form = word.translate(_LETTERS)
    if not ascii_form.isascii():
        marks_apart = unicodedata.normalize("NFD", ascii_form).translate(_LETTERS)
        ascii_form = "".join(c for c in marks_apart if not unicodedata.combining(c)).lower()
    return " ".join(filter(None, map(_settle, _NOT_SKELETON.split(ascii_form))))


def _settle(word: str) -> str:
    while True:
        before = word
        word = _DIGIT_LETTERS.sub(_letter_for_digit, word)
        for pattern, replacement in _REWRITES:
            word = pattern.sub(replacement, word)
        word = _RUNS.sub(r"\1", word)
        if word == before:
            return word


def _letter_for_digit(match: re.Match[str]) -> str:
    return "ch" if match.group() == "4" else "sh"
