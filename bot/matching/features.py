"""What the first stage sees of a message: n-grams of letters, words, word pairs and concepts.

Features are named by short strings, so that an explanation can show them as they are:
"#зар" style n-grams carry the mark of the word's border, "w:" a word, "p:" two words in a row,
"c:" a concept, "d:" two concepts of one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from bot.language.folding import fold
from bot.matching.concepts import ConceptIndex

MAX_WORDS = 160  # of a message; the rest of a longer story is left out
_MAX_WORD = 24  # letters of a word that make n-grams
_SIZES = (2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Which kinds of features are made; the ablation switches them off one by one."""

    grams: bool = True
    words: bool = True
    pairs: bool = True
    concepts: bool = True
    concept_pairs: bool = True


@lru_cache(maxsize=32768)
def grams(word: str) -> tuple[str, ...]:
    """Cut a folded word, its borders marked, into n-grams of 2 to 5 letters."""
    marked = f"#{word[:_MAX_WORD]}#"
    return tuple(marked[i : i + size] for size in _SIZES for i in range(len(marked) - size + 1))


def features(text: str, index: ConceptIndex, blocks: Blocks = Blocks()) -> list[str]:
    """List the features of a message, repeated as often as they occur."""
    return features_of(fold(text).split()[:MAX_WORDS], index, blocks)


def features_of(words: Sequence[str], index: ConceptIndex, blocks: Blocks = Blocks()) -> list[str]:
    """List the features of folded words."""
    plain = ["0" * len(word) if word.isdigit() and len(word) > 3 else word for word in words]
    found: list[str] = []
    if blocks.grams:
        for word in plain:
            found += grams(word)
    if blocks.words:
        found += [f"w:{word}" for word in plain]
    if blocks.pairs:
        found += [f"p:{first} {second}" for first, second in pairwise(plain)]
    if blocks.concepts:
        names = sorted({concept.name for concept in index.find(words)})
        found += [f"c:{name}" for name in names]
        if blocks.concept_pairs and len(names) <= 12:
            found += [f"d:{a}+{b}" for i, a in enumerate(names) for b in names[i + 1 :]]
    return found


def kind_of(name: str) -> str:
    """Say in a word what kind of feature this is."""
    return {"w:": "word", "p:": "word pair", "c:": "concept", "d:": "concept pair"}.get(name[:2], "letters")
