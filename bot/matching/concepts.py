"""Concepts: shared meanings of words, so that an example in one language teaches every other.

A concept is an entry of words.yaml. Its words are looked up in a folded message; where the
message denies the word beside or inside it, the concept is marked as denied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.language.folding import fold

DENIED = "!"  # put before a concept's name: "!take_away" is "did not take away"

_MIN_STEM = 3  # letters; a shorter stem would match too many words
_MAX_WORDS = 4  # words in one entry of a list
# Negation is a word of its own in Russian ("не взяли") and in spoken mixtures of it, a prefix of the verb
# in Tajik ("нагирифт"), a syllable inside the verb in Kazakh, Kyrgyz and Uzbek ("алған жоқ", "алмады",
# "бербейт", "olmadi"), or a word after it. Folded forms. This is grammar, not vocabulary.
_DENIES_NEXT = frozenset({"ne", "ni", "nikugda", "nikak", "bez"})
_DENIES_PREVIOUS = frozenset({"juk", "ek", "emes", "imes", "emas", "nest", "tugul"})
_DENIED_INSIDE = re.compile(
    r"[a-z]{2}(?:m|b|p)[ae](?:d[ie]|s|i|gan|ia|y|gen|it|gn|pt|ngiz|ng|k|ch|di)[a-z]*$|[a-z]{2}m[ae]$"
)
_TAJIK_PREFIX = re.compile(r"(?:na|name|nami)[a-z]{4,}$")


@dataclass(frozen=True, slots=True)
class Found:
    """A concept seen in a message."""

    name: str  # with DENIED before it when the message denies it
    start: int  # first word, counted from 0
    end: int  # one past the last word


@dataclass(frozen=True, slots=True)
class ConceptIndex:
    """Looks up concepts in folded words."""

    whole: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # folded phrase -> concepts
    stems: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # folded phrase, its last word a stem

    @classmethod
    def build(cls, words: Mapping[str, Mapping[str, tuple[str, ...]]]) -> ConceptIndex:
        """Index every language's words together: callers mix languages."""
        whole: dict[str, dict[str, None]] = {}
        stems: dict[str, dict[str, None]] = {}
        for concept, by_language in words.items():
            for entry in _entries(by_language.values()):
                folded = fold(entry)
                is_stem = entry.rstrip().endswith("*") and len(folded.split(" ")[-1]) >= _MIN_STEM
                if folded:
                    (stems if is_stem else whole).setdefault(folded, {})[concept] = None
        return cls({k: tuple(v) for k, v in whole.items()}, {k: tuple(v) for k, v in stems.items()})

    def find(self, words: Sequence[str]) -> list[Found]:
        """Find the concepts in folded `words`, in the order they stand."""
        found: list[Found] = []
        for start in range(len(words)):
            for end in range(start + 1, min(len(words), start + _MAX_WORDS) + 1):
                for concept in self._concepts(words[start:end]):
                    name = DENIED + concept if denied(words, start, end) else concept
                    found.append(Found(name, start, end))
        return found

    def _concepts(self, words: Sequence[str]) -> dict[str, None]:
        phrase = " ".join(words)
        concepts = dict.fromkeys(self.whole.get(phrase, ()))
        lead = len(phrase) - len(words[-1])
        for length in range(len(phrase), lead + _MIN_STEM - 1, -1):
            stem_concepts = self.stems.get(phrase[:length])
            if stem_concepts:  # the longest stem decides: "паспортн*" before "паспорт*"
                concepts.update(dict.fromkeys(stem_concepts))
                break
        return concepts


def denied(words: Sequence[str], start: int, end: int) -> bool:
    """Tell whether the phrase words[start:end] is denied by its neighbours or its own form."""
    if any(word in _DENIES_NEXT for word in words[max(0, start - 2) : start]):
        return True
    if any(word in _DENIES_PREVIOUS for word in words[end : end + 1]):
        return True
    return any(_DENIED_INSIDE.search(word) or _TAJIK_PREFIX.match(word) for word in words[start:end])


def _entries(lists: Iterable[tuple[str, ...]]) -> list[str]:
    return [entry for listed in lists for entry in listed]
