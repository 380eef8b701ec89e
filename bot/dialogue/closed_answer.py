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
_EXIT = (
    "стоп stop выход exit выйти quit шығу чыгуу чыгам баромадан баромад хуруҷ chiqish chiqaman "
    "тоқта тоқтат тоқтату токто токтот токтотуу бас қатъ to'xta to'xtat to'xtang to'xtating тӯхта тухта"
)
_EXIT_PHRASES = ("бас кун", "бас кунед", "қатъ кун", "қатъ кунед")
# Against news, without leaving.
_NO_NEWS = (
    "отписаться", "отпишись", "отпишите", "отпишите меня", "отписка", "не присылайте", "не присылайте новости", "без новостей",
    "unsubscribe", "жазылымнан шығу", "жаңалық жібермеңіз", "жаңалық керек емес", "жаңылык жөнөтпөңүз", "жаңылык керек эмес",
    "хабар нафиристед", "хабар лозим нест", "yangilik yubormang", "yangilik kerak emas", "obunani bekor qilish",
)  # fmt: skip
_SHOW = "покажи показать покажите show көрсет көрсету көрсетіңіз көрсөт көрсөтүңүз нишон нишонам ko'rsat ko'rsating"
_YES_FOLDED = frozenset(filter(None, (fold(word) for word in _YES.split()))) | {"+", "1", "👍"}
_NO_FOLDED = frozenset(filter(None, (fold(word) for word in _NO.split()))) | {"-", "2", "👎"}
_EXIT_FOLDED = frozenset(fold(word) for word in (*_EXIT.split(), *_EXIT_PHRASES))
_NO_NEWS_FOLDED = frozenset(fold(words) for words in _NO_NEWS)
_SHOW_FOLDED = frozenset(fold(word) for word in _SHOW.split())
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


def refuses_news(text: str) -> bool:
    """Whether the text only says that no more news is wanted."""
    return len(text) <= 60 and fold(text.strip(_STRIP)) in _NO_NEWS_FOLDED


def wants_to_see(text: str) -> bool:
    """Whether the text begins with "show" and is short: "покажи", "show it"."""
    words = text.strip(_STRIP).split()
    return 1 <= len(words) <= 2 and fold(words[0].strip(_STRIP)) in _SHOW_FOLDED


def _key(word: str) -> str:
    bare = word.strip(_STRIP)
    return bare if bare in _SIGNS else fold(bare)
