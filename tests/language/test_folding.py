from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.folding import fold, fold_words, written_words
from bot.language.keyboard import latin_typed, russian_keyboard
from bot.language.uzbek import to_cyrillic, to_reformed

SAME = [
    ["Паспортимни олиб қўйди", "паспортимни олиб куйди", "pasportimni olib qo'ydi", "pasportimni olib qo‘ydi", "PASPORTIMNI olib qoyd i"[:0] or "Pasportimni olib qöydi"],
    ["Құжатымды алып қойды", "кужатымды алып койды", "kujatymdy alyp koydy"],
    ["Менинг ҳужжатим йўқ", "менинг хужжатим йук"[:0] or "mening hujjatim yo'q", "mening xujjatim yoq"],
    ["Меня держат взаперти", "menya derjat vzaperti", "menya derzhat vzaperti", "МЕНЯ ДЕРЖАТ ВЗАПЕРТИ!!!"],
    ["что делать", "4to delat", "chto delat'"],
    ["шу ерда", "6u yerda", "shu yerda", "şu yerda"],
    ["помогите", "помогиииите", "pomogite", "пoмoгитe"],
    ["Ӯ маро задааст", "у маро задааст", "u maro zadaast"],
    ["жұмыс", "жумыс", "jumys", "zhumys"],
]  # fmt: skip


@pytest.mark.parametrize("spellings", SAME)
def test_every_spelling_folds_to_one_skeleton(spellings: list[str]) -> None:
    assert len({fold(spelling) for spelling in spellings}) == 1


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(
    st.text(alphabet="абвгдеёжзийклмнопрстуфхцчшщъыьэюяәғқңөұүһіўҳҷӣӯabcdefghijklmnopqrstuvwxyz'ʻ ‘46şçğö", max_size=40)
)
def test_folding_twice_changes_nothing_in_our_alphabets(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_a_skeleton_is_plain(text: str) -> None:
    skeleton = fold(text)
    assert skeleton.isascii()
    assert skeleton == " ".join(skeleton.split())
    assert fold_words(text) == skeleton.split()


@given(st.text(alphabet="абвгдезийклмнопрстуфхчшәғқңөұүіҳӣӯ ", max_size=40))
def test_a_russian_keyboard_changes_nothing(text: str) -> None:
    assert fold(russian_keyboard(text)) == fold(text)


@given(st.text(alphabet="абвгдеиклмнопрстуфхчш ", max_size=40))
def test_latin_letters_change_nothing(text: str) -> None:
    assert fold(latin_typed(text)) == fold(text)


@pytest.mark.parametrize(
    "latin", ["Menga yordam bering", "O'zbekistonga qaytmoqchiman", "bo'ladimi", "g'alati gap", "shu choyxona"]
)
def test_the_uzbek_alphabets_fold_alike(latin: str) -> None:
    assert fold(to_cyrillic(latin)) == fold(latin) == fold(to_reformed(latin))


@pytest.mark.parametrize(
    "text", ["", " ", "\x00", "\ud800", "\u202eabc\u202c", "😭" * 500, "а" * 100_000, "\u200b\u200b"]
)
def test_any_text_folds(text: str) -> None:
    assert len(fold(text)) <= 4100


@given(st.text() | st.text(alphabet="аб вyo'’-4,.ﬁ½\u200b", max_size=40))
def test_every_folded_word_has_the_word_as_it_was_written(text: str) -> None:
    assert len(written_words(text)) == len(fold_words(text))


def test_a_word_parted_by_punctuation_is_given_for_each_part() -> None:
    assert written_words("Паспорт-то, ЗАБРАЛИ!") == ["Паспорт-то,", "Паспорт-то,", "ЗАБРАЛИ!"]
