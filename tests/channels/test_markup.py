"""Markdown-light in each channel's form."""

from __future__ import annotations

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from bot.channels.markup import split, to_plain, to_telegram, to_web, to_whatsapp

TEXT = "Звоните **сейчас**: [112](tel:112) или https://iom.int/ru.\n\n_Источник: a_b_c_"


def test_each_channel_gets_its_own_marks() -> None:
    assert 'href="tel:112"' in to_web(TEXT)
    assert "<strong>сейчас</strong>" in to_web(TEXT)
    assert '<a href="https://iom.int/ru" target="_blank" rel="noopener noreferrer">https://iom.int/ru</a>.' in to_web(TEXT)
    assert to_telegram(TEXT).startswith("Звоните <b>сейчас</b>: 112 или ")
    assert "*сейчас*" in to_whatsapp(TEXT)
    assert to_plain("[112](tel:112) [site](https://x.org)") == "112 site: https://x.org"


def test_nothing_written_by_a_person_becomes_markup() -> None:
    nasty = '<script>alert(1)</script> [x](javascript:alert(1)) **<b>** [a](https://e.org/"onclick=1)'
    shown = to_web(nasty)
    assert "<script" not in shown
    assert 'href="javascript' not in shown
    assert '"onclick' not in shown


@given(st.text(max_size=300))
def test_html_only_ever_holds_our_own_tags(text: str) -> None:
    for shown, allowed in ((to_web(text), "p|br|strong|em|a"), (to_telegram(text), "b|i|a")):
        tags = re.findall(r"</?([a-z]+)", shown)
        assert all(re.fullmatch(allowed, tag) for tag in tags)
    assert html.unescape(re.sub(r"<[^>]*>", "", to_telegram("plain " + html.escape(text)))) is not None


@given(st.text(min_size=1, max_size=2000), st.integers(20, 500))
def test_split_loses_nothing_and_keeps_the_limit(text: str, limit: int) -> None:
    pieces = split(text, limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_split_prefers_paragraphs() -> None:
    assert split("one two three\n\nfour five six", 20) == ["one two three", "four five six"]
