"""Short closed answers: yes and no, a number, a word to leave, in any language and spelling."""

from __future__ import annotations

from enum import StrEnum

from bot.language.folding import fold


class Closed(StrEnum):
    """A closed answer."""

    YES = "yes"
    NO = "no"


# What people type for yes and no in the hotline's languages, one form each: folding covers spellings.
_YES = "да ага угу конечно ok ок хорошо yes y + иә ия йә ооба ооо ово ҳа ха ha xa бале бали ҳо оре майли хай хоп xo'p bo'ladi болады болот мумкин жә әлбетте әрине албетте ова албатта albatta"
_NO = "нет не неа no n - жоқ жок yo'q йўқ йок на нэ нест"
_EXIT = "стоп stop выход exit выйти quit шығу чыгуу чыгам баромадан баромад хуруҷ chiqish chiqaman тоқта токто бас"
_YES_FOLDED = frozenset(filter(None, (fold(word) for word in _YES.split()))) | {"+", "1", "👍"}
_NO_FOLDED = frozenset(filter(None, (fold(word) for word in _NO.split()))) | {"-", "2", "👎"}
_EXIT_FOLDED = frozenset(fold(word) for word in _EXIT.split())
_SIGNS = frozenset("+-👍👎")  # folding leaves nothing of them
_STRIP = " .!?,)(\n\t"


def closed_answer(text: str) -> Closed | None:
    """Whether a text of one or two words says yes or no; None when it says anything else."""
    words = text.strip(_STRIP).split()
    if not words or len(words) > 2:
        return None
    heads = {_key(word) for word in words}
    if heads <= _NO_FOLDED:
        return Closed.NO
    if heads <= _YES_FOLDED:
        return Closed.YES
    return None


def number(text: str) -> int:
    """The number a caller typed to pick a button ("2", "2.", "№2"), or 0."""
    digits = text.strip().strip(".)№# ")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 2 else 0


def leaves(text: str, own_word: str = "") -> bool:
    """Whether the text is a word for quick exit; `own_word` is the caller's own, folded."""
    if len(text) > 40:
        return False
    word = fold(text.strip(_STRIP))
    return bool(word) and (word in _EXIT_FOLDED or (bool(own_word) and word == own_word))


def _key(word: str) -> str:
    bare = word.strip(_STRIP)
    return bare if bare in _SIGNS else fold(bare)
