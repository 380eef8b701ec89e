"""Spelling as it happens on phones, made on purpose: training data for what editors never write."""

from __future__ import annotations

import numpy as np

from bot.language.scripts import CYRILLIC, script_of

_RUSSIAN_ROWS = ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")
_LATIN_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")

# Letters of Kazakh, Kyrgyz, Tajik and Uzbek that a Russian keyboard lacks, and what is typed instead.
_RUSSIAN_KEYBOARD = str.maketrans(
    "әғқңөұүһіўҳҷӣӯёӘҒҚҢӨҰҮҺІЎҲҶӢӮЁ",
    "агкноуухиухчиуеАГКНОУУХИУХЧИУЕ",
)
_LATIN_TYPED = {
    "а": "a", "ә": "a", "б": "b", "в": "v", "г": "g", "ғ": "g", "д": "d", "е": "e", "ё": "yo",
    "ж": "j", "з": "z", "и": "i", "й": "y", "і": "i", "ӣ": "i", "к": "k", "қ": "q", "л": "l",
    "м": "m", "н": "n", "ң": "n", "о": "o", "ө": "o", "п": "p", "р": "r", "с": "s", "т": "t",
    "у": "u", "ұ": "u", "ү": "u", "ӯ": "u", "ў": "o'", "ф": "f", "х": "h", "ҳ": "h", "һ": "h",
    "ц": "ts", "ч": "ch", "ҷ": "j", "ш": "sh", "щ": "sh", "ъ": "", "ы": "y", "ь": "", "э": "e",
    "ю": "yu", "я": "ya",
}  # fmt: skip
_LATIN_OTHER = {"ж": "zh", "х": "kh", "қ": "k", "й": "i", "ы": "i", "ғ": "gh", "ч": "4", "ш": "6", "ў": "u", "ц": "c"}


def neighbours(rows: tuple[str, ...] = _RUSSIAN_ROWS + _LATIN_ROWS) -> dict[str, str]:
    """Map each letter to the letters beside it on a phone's keyboard."""
    return {
        letter: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
        for row in rows
        for place, letter in enumerate(row)
    }


_NEIGHBOURS = neighbours()


def russian_keyboard(text: str) -> str:
    """Write `text` as on a keyboard that has Russian letters only."""
    return text.translate(_RUSSIAN_KEYBOARD)


def latin_typed(text: str, random: np.random.Generator | None = None) -> str:
    """Write Cyrillic with Latin letters, the way people do; with `random`, letters of the rarer habit too."""
    letters = _LATIN_TYPED
    if random is not None:
        letters = letters | {letter: typed for letter, typed in _LATIN_OTHER.items() if random.random() < 0.4}
    return "".join(letters.get(letter, letter) for letter in text.lower())


def misspell(text: str, random: np.random.Generator, errors: int = 1) -> str:
    """Put `errors` typing errors into `text`: a letter dropped, doubled, swapped or hit beside."""
    letters = list(text)
    places = [i for i, letter in enumerate(letters) if letter.isalpha()]
    if len(places) < 4:
        return text
    for place in random.choice(places, min(errors, len(places) // 4), replace=False).tolist():
        letters[place] = _typo(letters, place, random)
    return "".join(letters)


def _typo(letters: list[str], place: int, random: np.random.Generator) -> str:
    letter = letters[place]
    kind = random.random()
    if kind < 0.3:
        return ""
    if kind < 0.45:
        return letter * 2
    if kind < 0.65 and place + 1 < len(letters) and letters[place + 1].isalpha():
        swapped, letters[place + 1] = letters[place + 1], letter
        return swapped
    near = _NEIGHBOURS.get(letter.lower(), letter)
    return near[int(random.integers(len(near)))]


def typed(text: str, random: np.random.Generator) -> str:
    """Write `text` as some caller might: on another keyboard, in other letters, with slips."""
    kind = random.random()
    if script_of(text) == CYRILLIC:
        if kind < 0.35:
            text = russian_keyboard(text)
        elif kind < 0.65:
            text = latin_typed(text, random)
    errors = 1 + len(text) // 40
    return misspell(text, random, errors if random.random() < 0.7 else 0)
