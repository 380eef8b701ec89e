"""Which of the content's languages a message is written in, on any keyboard.

Naive Bayes over n-grams of letters (Cavnar and Trenkle 1994; multinomial as in langid.py), learnt
from the content itself: as written, on a Russian keyboard, in Latin letters, and Uzbek in both
scripts. What callers borrow is mostly stems of nouns, so whole words weigh more than their letters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bot.language.keyboard import latin_typed, russian_keyboard
from bot.language.scripts import CYRILLIC, LATIN, clean, script_of, unmix, words_of
from bot.language.uzbek import to_cyrillic

_SIZES = (3, 4)
_MIN_COUNT = 2
_SMOOTHING = 0.3
_GRAM = 0.05  # how much of a free observation an n-gram is: they overlap, and a borrowed stem's speak for its lender
_WHOLE = 0.25  # a whole word: with its ending it belongs to one language
_LAST = 1.5  # the last word counts so many times: the verb stands there, whatever nouns are borrowed
_BORROWED = 0.08  # share of another language's n-grams taken to be Russian: "besplatnomi", "посылкани"
_MIN_KNOWN = 0.35  # share of known n-grams below which a text is of another language
_MAX_WORDS = 80


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Tells languages apart by n-grams."""

    languages: tuple[str, ...]
    numbers: dict[str, int]
    weights: NDArray[np.float16]  # n-grams × languages: log chances

    @classmethod
    def train(cls, texts: Iterable[tuple[str, str]], lender: str = "ru") -> LanguageModel:
        """Learn from pairs of text and language; speakers of the others mix in words of the `lender`."""
        counts: dict[str, Counter[str]] = {}
        for text, language in texts:
            counter = counts.setdefault(language, Counter())
            for spelling in spellings(text, language):
                counter.update(ngrams(spelling))
        languages = tuple(sorted(counts))
        total: Counter[str] = sum(counts.values(), Counter())
        kept = sorted(name for name, count in total.items() if count >= _MIN_COUNT)
        table = np.array([[counts[lang][name] for lang in languages] for name in kept], dtype=np.float64)
        table = table.reshape(len(kept), len(languages)) + _SMOOTHING
        chances = table / table.sum(axis=0)
        if lender in languages:
            borrowing = np.array([language != lender for language in languages]) * _BORROWED
            chances = chances * (1 - borrowing) + chances[:, [languages.index(lender)]] * borrowing
        weights = np.log(chances)
        weights -= weights.sum(axis=1, keepdims=True) / max(1, len(languages))
        return cls(languages, {name: number for number, name in enumerate(kept)}, weights.astype(np.float16))

    def scores(self, text: str) -> dict[str, float]:
        """Give each language's chance; they sum to 1. Empty when nothing is known of the text."""
        words = _words(text)
        cut = [(name, _LAST if word == words[-1] else 1.0) for word in words for name in _word_ngrams(word)]
        known = [(self.numbers[name], _evidence(name) * times) for name, times in cut if name in self.numbers]
        if not self.languages or not known or len(known) < _MIN_KNOWN * len(cut):
            return {}
        numbers, shares = zip(*known, strict=True)
        evidence = np.array(shares, dtype=np.float32) @ self.weights[list(numbers)].astype(np.float32)
        chances = np.exp(evidence - evidence.max())
        return dict(zip(self.languages, (chances / chances.sum()).tolist(), strict=True))

    def identify(self, text: str) -> str:
        """Name the likeliest language, "" when it cannot be told."""
        scores = self.scores(text)
        return max(scores, key=scores.__getitem__) if scores else ""


def spellings(text: str, language: str) -> Iterable[str]:
    """Write `text` in every spelling its language is typed in."""
    yield text
    if script_of(text) == LATIN:
        if language == "uz":
            cyrillic = to_cyrillic(text, keep_foreign=False)
            yield cyrillic
            yield russian_keyboard(cyrillic)
        return
    if script_of(text) == CYRILLIC:
        plain = russian_keyboard(text)
        if plain != text:
            yield plain
        yield latin_typed(text)


def ngrams(text: str) -> Iterable[str]:
    """Cut the words of `text`, borders marked, into n-grams of 3 and 4 letters, whole words marked "=" too.

    A word said again is no further evidence and is left out.
    """
    for word in _words(text):
        yield from _word_ngrams(word)


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(words_of(unmix(clean(text[:2000])).lower())))[:_MAX_WORDS]


@lru_cache(maxsize=16384)
def _word_ngrams(word: str) -> tuple[str, ...]:
    plain = word.translate(_APOSTROPHES)[:24]
    marked = f" {plain} "
    return (*(marked[i : i + size] for size in _SIZES for i in range(len(marked) - size + 1)), f"={plain}")


def _evidence(name: str) -> float:
    return _WHOLE if name[0] == "=" else _GRAM


_APOSTROPHES: Mapping[int, str] = str.maketrans(dict.fromkeys("’‘ʻʼ`´", "'"))
