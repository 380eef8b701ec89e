"""Builders: small lessons and a fake encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from bot.language.folding import fold
from bot.matching.encoder import DIMENSIONS
from bot.matching.lesson import IntentLesson, Lesson
from bot.matching.match import Urgency
from bot.matching.vocabulary import Floats

_EXAMPLES: dict[tuple[str, str, Urgency], dict[str, tuple[str, ...]]] = {
    ("unpaid_wages", "work", Urgency.NORMAL): {
        "ru": ("<boss> не платит [мне] зарплату", "зарплату задерживают третий месяц", "кинули на деньги", "не отдали деньги за работу", "когда отдадут зарплату", "работал а денег нет"),
        "uz": ("oyligimni bermayapti", "uch oydan beri pul yo'q", "ishladim pulimni bermadi", "boss pulni bermayapti", "oylik qachon beradi"),
    },
    ("documents_taken", "danger", Urgency.URGENT): {
        "ru": ("<boss> забрал паспорт", "паспорт у хозяина и он не отдает", "отобрали документы", "паспорт забрали и не возвращают", "забрал мои документы бригадир", "держит у себя мой паспорт"),
        "uz": ("pasportimni olib qo'ydi", "xo'jayin pasportimni bermayapti", "hujjatlarimni olib qo'yishdi", "pasportim xo'jayinda qaytarmayapti"),
    },
    ("held_captive", "danger", Urgency.EMERGENCY): {
        "ru": ("меня заперли и не выпускают", "держат взаперти", "закрыли на замок помогите", "не дают выйти с территории охрана", "сижу под замком"),
        "uz": ("meni qamab qo'yishdi", "chiqarmayapti eshik qulflangan", "qamalib qoldim yordam bering", "eshik qulf chiqolmayman"),
    },
    ("work_permit", "stay", Urgency.NORMAL): {
        "ru": ("как получить патент", "сколько стоит патент", "где сделать патент на работу", "какие документы для патента", "патент как оформить"),
        "uz": ("patent qanday olinadi", "patent qancha turadi", "patent uchun nima kerak", "patentni qayerda qilaman"),
    },
    ("greeting", "service", Urgency.NORMAL): {
        "ru": ("привет", "здравствуйте", "добрый день", "салам"),
        "uz": ("salom", "assalomu alaykum", "yaxshimisiz"),
    },
}  # fmt: skip
_WORDS = {
    "boss": {"ru": ("начальник", "шеф", "хозяин*"), "uz": ("xo'jayin*", "boshliq*")},
    "passport": {"ru": ("паспорт*",), "uz": ("pasport*",)},
    "take_away": {"ru": ("забрал*", "отобрал*"), "uz": ("olib qo'y*",)},
    "locked": {"ru": ("заперли", "взаперти", "под замком"), "uz": ("qamab*", "qulf*")},
}
_OUT_OF_SCOPE = {
    "ru": ("какая погода завтра", "курс доллара", "рецепт плова", "кто выиграл матч"),
    "uz": ("ob-havo qanday", "dollar kursi", "osh retsepti", "kim yutdi"),
}


def small_lesson() -> Lesson:
    """Five intents in two languages."""
    intents = (IntentLesson(name, topic, urgency, examples) for (name, topic, urgency), examples in _EXAMPLES.items())
    return Lesson(tuple(intents), _WORDS, _OUT_OF_SCOPE)


class FakeEncoder:
    """A sentence's vector counts its folded letter pairs: like sentences are near."""

    name = "fake"

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str]) -> Floats:
        self.encoded += texts
        vectors = np.full((len(texts), DIMENSIONS), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            skeleton = fold(text)
            for first, second in pairwise(skeleton):
                vectors[row, (ord(first) * 31 + ord(second)) % DIMENSIONS] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
