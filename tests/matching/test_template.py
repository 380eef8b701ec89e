from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import TemplateError
from bot.matching.template import concepts, count, expand, parse

WORDS = {"boss": {"ru": ("начальник", "шеф", "прораб*"), "uz": ("xo'jayin*",)}}


def test_alternatives_options_and_word_lists() -> None:
    assert expand("<boss> (не платит|не отдает) [уже]", WORDS, "ru") == [
        "начальник не платит уже",
        "шеф не платит уже",
        "начальник не отдает уже",
        "шеф не отдает уже",
        "начальник не платит",
        "шеф не платит",
        "начальник не отдает",
        "шеф не отдает",
    ]


def test_a_list_of_stems_gives_the_stems() -> None:
    assert expand("<boss>", WORDS, "uz") == ["xo'jayin"]


def test_an_explosion_is_counted_and_sampled_without_being_written_out() -> None:
    template = "(a|b|c|d|e|f|g|h)" * 20
    assert count(template) == 8**20
    sample = expand(template, limit=50)
    assert len(set(sample)) == 50
    assert {text[0] for text in sample} == set("abcdefgh")
    assert sample == expand(template, limit=50)


@pytest.mark.parametrize(
    ("template", "offset"),
    [("(a|b", 0), ("a)", 1), ("[c", 0), ("x <boss", 2), ("a|b", 1), ("b>", 1), ("<>", 0), ("(a|[b)", 3), ("<b c>", 0)],
)
def test_an_error_says_where(template: str, offset: int) -> None:
    with pytest.raises(TemplateError) as error:
        parse(template)
    assert error.value.offset == offset


@pytest.mark.parametrize(("language", "template"), [("kk", "<boss>"), ("ru", "(a|<wages>)")])
def test_unknown_lists_are_errors(language: str, template: str) -> None:
    with pytest.raises(TemplateError):
        count(template, WORDS, language)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(TemplateError):
        parse("(" * 500 + "a" + ")" * 500)


def test_the_lists_of_a_template_are_named() -> None:
    assert concepts(parse("<boss> [(a|<wages>)]")) == {"boss", "wages"}


PLAIN = st.text(alphabet="абв xyz", min_size=1, max_size=8)
TEMPLATES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda options: f"({'|'.join(options)})"),
        inner.map(lambda option: f"[{option}]"),
        st.lists(inner, min_size=2, max_size=3).map("".join),
    ),
    max_leaves=8,
)


@given(TEMPLATES)
def test_every_variant_is_written_out_once(template: str) -> None:
    total = count(template)
    variants = expand(template, limit=total)
    assert len(variants) <= total
    assert len(set(variants)) == len(variants)
    assert not any(set(variant) & set("()[]<>|") for variant in variants)


@given(st.text(alphabet="ab ()[]|<>_", max_size=30) | st.text(max_size=60))
def test_any_text_parses_or_is_a_template_error_inside_it(text: str) -> None:
    offset = 0
    try:
        parse(text)
    except TemplateError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)


@given(PLAIN)
def test_plain_text_is_itself(text: str) -> None:
    assert expand(text) == ([" ".join(text.split())] if text.strip() else [])
