"""A small content of six intents, enough for a talk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from bot.content.handbook import Handbook
from bot.content.phrasebook import Phrasebook
from bot.content.schema import Contact, Content, Intent, Source, Variant
from bot.matching.match import Urgency

WRITTEN = ("ru", "kk", "ky", "tg", "uz")
TODAY = date(2026, 11, 24)


def texts(text: str) -> Mapping[str, str]:
    """The same text in every language, marked with the language."""
    return {language: f"{text} [{language}]" for language in WRITTEN}


def intent(
    name: str,
    topic: str = "work",
    urgency: Urgency = Urgency.NORMAL,
    *,
    answer: str = "",
    when: tuple[Variant, ...] = (),
    reviewed: date = date(2026, 11, 1),
    see_also: tuple[str, ...] = (),
) -> Intent:
    """An intent whose answer names it."""
    return Intent(
        id=name,
        topic=topic,
        urgency=urgency,
        title=dict.fromkeys(WRITTEN, name[:20]),
        examples=dict.fromkeys(WRITTEN, (name,)),
        answer=texts(answer or f"answer to {name}"),
        when=when,
        see_also=see_also,
        sources=(Source("A report", "https://example.org", date(2026, 10, 1)),),
        reviewed=reviewed,
    )


def contact(name: str, phone: str, dial_from: set[str], kind: str = "hotline", country: str = "KZ") -> Contact:
    """A number."""
    return Contact(name, texts(name), kind, country, frozenset(dial_from), phone, source=Source("A report"))


def content(*more: Intent) -> Content:
    """Six intents, four numbers."""
    intents = (
        intent("greeting", "service"),
        intent("talk_to_operator", "service"),
        intent("change_language", "service"),
        intent("delete_my_data", "service"),
        intent("unpaid_wages", see_also=("overstayed",)),
        intent("overstayed", "stay", when=(Variant(texts("in Russia"), frozenset({"RU"})),)),
        intent("eaeu_rights", "stay", when=(Variant(texts("no patent"), frozenset(), frozenset({"eaeu"})),)),
        intent("emergency_now", "danger", Urgency.EMERGENCY, answer="Call {contact:emergency}. {contact:hotline}"),
        intent("documents_taken", "danger", Urgency.URGENT),
        *more,
    )
    return Content(
        intents={found.id: found for found in intents},
        words={"russia": {"ru": ("Россия", "России*")}, "kazakhstan": {"ru": ("Казахстан*",)}},
        contacts={
            "emergency_ru": contact("112", "112", {"RU"}, "emergency", "RU"),
            "kz_hotline": contact("11616", "11616", {"KZ"}),
            "tj_hotline": contact("tj", "+992900800800", {"*"}, country="TJ"),
            "emergency_kz": contact("112", "112", {"KZ"}, "emergency"),
        },
        by_country={
            "KZ": {"emergency": ("emergency_kz",), "urgent": ("kz_hotline",), "normal": ("kz_hotline",)},
            "RU": {"emergency": ("emergency_ru",), "urgent": ("tj_hotline",), "normal": ("tj_hotline",)},
            "other": {"emergency": (), "urgent": ("tj_hotline",), "normal": ("tj_hotline",)},
        },
        topics={topic: dict.fromkeys(WRITTEN, topic) for topic in ("service", "danger", "work", "stay")},
    )


def handbook(*more: Intent, today: date = TODAY) -> Handbook:
    """The small content as the dialogue sees it; the bot's own phrases stay English."""
    return Handbook(content(*more), Phrasebook({}), lambda: today)
