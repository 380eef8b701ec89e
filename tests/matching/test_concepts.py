from __future__ import annotations

import pytest

from bot.language.folding import fold
from bot.matching.concepts import ConceptIndex

INDEX = ConceptIndex.build(
    {
        "passport": {"ru": ("паспорт*",), "uz": ("pasport*",)},
        "take_away": {"ru": ("забрал*", "отобрал*"), "uz": ("olib qo'y*",), "tg": ("гирифт*",)},
        "identity": {"ru": ("паспортн*",)},
        "pay": {"ru": ("плат*",), "kk": ("төле*",)},
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("хозяин забрал мой паспорт", {"take_away", "passport"}),
        ("pasportimni olib qo'ydi", {"passport", "take_away"}),
        ("паспорт не забрали", {"passport", "!take_away"}),
        ("паспортимни олиб куймади", {"passport", "!take_away"}),
        ("шиноснома нагирифт", set()),
        ("паспортный стол", {"identity"}),
        ("ақша төлемейді", {"!pay"}),
        ("рассвет", set()),
    ],
)
def test_concepts_and_what_denies_them(text: str, expected: set[str]) -> None:
    assert {found.name for found in INDEX.find(fold(text).split())} == expected


def test_where_a_concept_stands() -> None:
    (found,) = INDEX.find(fold("вчера отобрали все").split())
    assert (found.start, found.end) == (1, 2)
