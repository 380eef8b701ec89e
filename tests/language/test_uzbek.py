from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.uzbek import to_cyrillic, to_latin, to_reformed

SENTENCES = [
    ("Pasportimni olib qoʻyishdi", "Паспортимни олиб қўйишди", "Pasportimni olib qöyişdi"),
    ("Oʻzbekistonga qaytmoqchiman", "Ўзбекистонга қайтмоқчиман", "Özbekistonga qaytmoqçiman"),
    ("eshik qulflangan, yetti choyxona", "эшик қулфланган, етти чойхона", "eşik qulflangan, yetti çoyxona"),
    ("menga yordam bering", "менга ёрдам беринг", "menga yordam bering"),
    ("gʻalati, ishxona mashhur", "ғалати, ишхона машҳур", "ğalati, işxona maşhur"),
]


@pytest.mark.parametrize(("latin", "cyrillic", "reformed"), SENTENCES)
def test_three_alphabets(latin: str, cyrillic: str, reformed: str) -> None:
    assert to_cyrillic(latin) == to_cyrillic(reformed) == cyrillic
    assert to_latin(cyrillic) == to_latin(reformed) == latin
    assert to_reformed(cyrillic) == to_reformed(latin) == reformed


def test_apostrophes_of_every_phone_are_read() -> None:
    assert {to_cyrillic(f"yo{mark}q") for mark in "'’‘ʻ`"} == {"йўқ"}


def test_brand_names_stay_unless_told_otherwise() -> None:
    assert to_cyrillic("WhatsApp orqali") == "WhatsApp орқали"


@given(st.text())
def test_any_text_converts(text: str) -> None:
    for convert in (to_cyrillic, to_latin, to_reformed):
        convert(text)


@pytest.mark.parametrize(
    ("latin", "cyrillic"),
    [("qo‘ng‘iroq", "қўнғироқ"), ("ketsa", "кетса"), ("hujjatsiz", "ҳужжатсиз"), ("ishchi", "ишчи"), ("inspeksiya", "инспекция"),
     ("litsenziya", "лицензия"), ("G‘arb", "Ғарб"), ("aytsangiz", "айтсангиз")],
)  # fmt: skip
def test_words_that_the_library_gets_wrong(latin: str, cyrillic: str) -> None:
    assert to_cyrillic(latin) == cyrillic
