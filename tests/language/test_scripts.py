from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.language.scripts import CYRILLIC, LATIN, NEITHER, clean, script_of, unmix, words_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Салом", CYRILLIC),
        ("salom o‘rtoq", LATIN),
        ("112 😭", NEITHER),
        ("", NEITHER),
        ("ok понял", CYRILLIC),
        ("my паспорт is lost", LATIN),
    ],
)
def test_script(text: str, script: str) -> None:
    assert script_of(text) == script


def test_look_alikes_are_mended_word_by_word() -> None:
    assert unmix("пacпopт visa") == "паспорт visa"
    assert unmix("pаspоrt виза") == "pasport виза"


@given(st.text())
def test_clean_text_has_no_control_characters_and_is_settled(text: str) -> None:
    plain = clean(text)
    plain.encode("utf-8")  # no unpaired surrogates
    assert "\x00" not in plain
    assert "\u200b" not in plain
    assert clean(plain) == plain


def test_words_keep_their_apostrophes() -> None:
    assert words_of("o'qish, qo‘l! 5") == ["o'qish", "qo‘l"]
