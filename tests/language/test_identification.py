from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.identification import LanguageModel, spellings

EXAMPLES = {
    "ru": ["хозяин забрал паспорт и не отдает", "мне не платят зарплату третий месяц", "что мне делать помогите пожалуйста", "как получить патент на работу"],
    "kk": ["құжатымды алып қойды қайтармайды", "жалақымды төлемей жатыр үш ай болды", "маған көмек керек не істеймін", "жұмыс істеуге рұқсат қалай аламын"],
    "ky": ["паспортумду алып койду кайтарбай жатат", "айлыгымды төлөбөй жатышат үч ай болду", "мага жардам керек эмне кылам", "иштөөгө уруксатты кантип алам"],
    "tg": ["шиносномаамро гирифт ва намедиҳад", "се моҳ боз маошамро намедиҳанд", "ба ман кумак лозим чӣ кор кунам", "иҷозати корро чӣ тавр мегирам"],
    "uz": ["pasportimni olib qo'ydi qaytarmayapti", "uch oydan beri oyligimni bermayapti", "menga yordam kerak nima qilaman", "ishlash uchun ruxsatnomani qanday olaman"],
}  # fmt: skip


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel.train((text, language) for language, texts in EXAMPLES.items() for text in texts * 2)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("паспорт не отдает хозяин", "ru"),
        ("қалай көмек аламын", "kk"),
        ("айлыгымды алам кантип", "ky"),
        ("ба ман маошамро намедиҳанд", "tg"),
        ("oyligimni qanday olaman", "uz"),
        ("ойлигимни қандай оламан", "uz"),
        ("khozyain pasport ne otdaet", "ru"),
        ("жалакымды толемей жатыр", "kk"),
    ],
)
def test_languages_are_told_in_every_spelling(model: LanguageModel, text: str, language: str) -> None:
    assert model.identify(text) == language


def test_scores_sum_to_one(model: LanguageModel) -> None:
    assert sum(model.scores("паспорт не отдает хозяин").values()) == pytest.approx(1)


@given(st.text())
def test_any_text_is_judged(model: LanguageModel, text: str) -> None:
    model.identify(text)


def test_nothing_is_said_of_nothing(model: LanguageModel) -> None:
    assert model.identify("123 !!") == ""
    assert LanguageModel.train([]).identify("текст") == ""


def test_uzbek_is_learnt_in_three_spellings() -> None:
    assert set(spellings("yo'q", "uz")) == {"yo'q", "йўқ", "йук"}
