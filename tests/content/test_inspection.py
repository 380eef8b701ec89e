"""`hotline check` says what is wrong, where, and what to do."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bot.content.catalogue import lesson, load
from bot.content.inspection import inspect, valid_phone
from bot.errors import ContentError

TODAY = date(2026, 11, 24)
INTENT = """\
title: {ru: Не платят, kk: Төлемейді, ky: Төлөбөйт, tg: Намедиҳанд, uz: Pul bermaydi}
urgency: normal
examples:
  ru:
    - <boss> не платит
  kk: [жалақы бермейді]
  ky: [айлык бербейт]
  tg: [маош намедиҳад]
  uz: [oylik bermayapti]
answer: {ru: "Позвоните {contact:emergency}", kk: а, ky: б, tg: в, uz: g}
sources: [{title: A report, checked: 2026-11-01}]
reviewed: 2026-11-20
"""
CONTACTS = """\
kz: {name: {ru: а, kk: а, ky: а, tg: а, uz: a}, kind: hotline, country: KZ, dial_from: [KZ], phone: "11616", source: {title: b}, checked: 2026-11-01, confidence: given}
by_country: {KZ: {normal: [kz]}}
"""


def directory(tmp_path: Path, **files: str) -> Path:
    """intents/ with one sound intent; keyword `work__x` replaces or adds intents/work/x.yaml."""
    root = tmp_path / "intents"
    written = {"words": "boss: {ru: [хозяин]}\n", "contacts": CONTACTS, "topics": TOPICS, "work__unpaid_wages": INTENT, **files}
    for name, text in written.items():
        path = root / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def problems(tmp_path: Path, **files: str) -> list[str]:
    return [str(problem) for problem in inspect(directory(tmp_path, **files), TODAY)[1]]


def test_sound_content_has_no_problems(tmp_path: Path) -> None:
    assert problems(tmp_path) == []


CASES = [
    ("unknown key", INTENT + "answr: x\n", "intents/work/unpaid_wages.yaml:13:8: error: the key “answr” is unknown."),
    ("missing language", INTENT.replace("  tg: [маош намедиҳад]\n", ""), "no text for tg."),
    ("title too long", INTENT.replace("Не платят", "Мне не платят зарплату совсем"), "the ru title has 29 characters; a button holds 24."),
    ("no reviewed", INTENT.replace("reviewed: 2026-11-20\n", ""), "“reviewed:” is missing."),
    ("overdue", INTENT.replace("2026-11-20", "2026-01-01"), "warning: the review of 2026-01-01 is older than 180 days."),
    ("future", INTENT.replace("2026-11-20", "2027-01-01"), "lies in the future"),
    ("no source", INTENT.replace("sources: [{title: A report, checked: 2026-11-01}]\n", ""), "“sources:” is missing."),
    ("template", INTENT.replace("<boss> не платит", '"(хозяин не платит"'), "the example cannot be read:"),
    ("word list", INTENT.replace("<boss>", "<bos>"), "<bos> is not in words.yaml."),
    ("explodes", INTENT.replace("<boss> не платит", '"' + "(а|б)" * 12 + '"'), "this stands for 4096 sentences; at most 2000."),
    ("contact", INTENT.replace("{contact:emergency}", "{contact:kg}"), "{contact:kg} is not in contacts.yaml."),
    ("brace", INTENT.replace("{contact:emergency}", "{kontact:kz}"), "“{kontact:kz}” is not a placeholder."),
    ("see_also", INTENT + "see_also: [nowhere]\n", "see_also names “nowhere”"),
    ("preview", INTENT.replace("Позвоните", "О насилии:"), "which shows on a locked phone."),
    ("urgency", INTENT.replace("urgency: normal", "urgency: high"), "the urgency “high” is unknown."),
    ("tab", INTENT.replace("  ru:\n", "\tru:\n"), "YAML cannot be read here"),
    ("twice", INTENT + "reviewed: 2026-11-20\n", "“reviewed” stands here twice."),
    ("tag", INTENT.replace("urgency: normal", "urgency: !!python/object:os.system x"), "the tag"),
    ("too long", INTENT.replace("kk: а", "kk: " + "а" * 3501), "the kk answer has 3501 characters"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_fault_is_named_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(tmp_path, work__unpaid_wages=text, work__other=INTENT.replace("платит", "дал").replace("емейді", "еді").replace(
        "бербейт", "бер").replace("намедиҳад", "дод").replace("bermayapti", "berdi"))
    assert any(expected in line for line in found), found
    assert all("intents/" in line for line in found)


def test_the_same_example_in_two_intents_names_both(tmp_path: Path) -> None:
    found = problems(tmp_path, work__zzz=INTENT.replace("<boss> не платит", "Хозяин НЕ ПЛАТИТ!"))
    assert any("zzz.yaml:5:7" in line and "unpaid_wages" in line and "unpaid_wages.yaml:5" in line for line in found), found


def test_a_yaml_bomb_is_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"
    assert any("alias" in line for line in problems(tmp_path, work__bomb=bomb))


def test_a_broken_file_leaves_the_others(tmp_path: Path) -> None:
    content, found = load(directory(tmp_path, work__broken="title: [\n"))
    assert set(content.intents) == {"unpaid_wages"}
    assert [problem.file for problem in found] == ["intents/work/broken.yaml"]


TOPICS = "work: {ru: Работа, kk: Жұмыс, ky: Жумуш, tg: Кор, uz: Ish}\n"


@pytest.mark.parametrize("broken", ["topics", "contacts", "words", "out_of_scope"])
def test_a_broken_file_beside_the_intents_is_one_problem(tmp_path: Path, broken: str) -> None:
    sound = INTENT.replace("<boss>", "хозяин").replace("{contact:emergency}", "{contact:kz}")
    found = problems(tmp_path, **{"work__unpaid_wages": sound, broken: "a: [\n"})
    assert len(found) == 1
    assert f"intents/{broken}.yaml:2:1: error: YAML cannot be read here" in found[0]


def test_a_broken_intent_is_not_reported_where_others_name_it(tmp_path: Path) -> None:
    found = problems(tmp_path, work__other="title: [\n", work__unpaid_wages=INTENT + "see_also: [other]\n")
    assert ["other.yaml" in line for line in found] == [True]


def test_a_topic_without_a_title_is_named(tmp_path: Path) -> None:
    found = problems(tmp_path, topics=TOPICS.replace("work", "stay"))
    assert any("the topic “work” is not in topics.yaml" in line for line in found), found


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContentError):
        load(tmp_path)


def test_foreign_content_needs_only_title_examples_and_answer(tmp_path: Path) -> None:
    (tmp_path / "banking").mkdir()
    (tmp_path / "banking" / "card.yaml").write_text("title: {en: Card}\nexamples: {en: [lost my card, card gone]}\nanswer: {en: Call.}\nextra: 1\n")
    (tmp_path / "flat.yaml").write_text("title: Flat\nexamples: [one, two]\nanswer: x\n")
    content, found = load(tmp_path, strict=False)
    assert not found
    learned = lesson(content)
    assert {i.id: i.examples for i in learned.intents} == {
        "card": {"en": ("lost my card", "card gone")}, "flat": {"": ("one", "two")}
    }


@pytest.mark.parametrize(
    ("phone", "country", "valid"),
    [("11616", "KZ", True), ("+992900800800", "TJ", True), ("8-800-2000-122", "RU", True), ("112", "RU", True), ("+99", "TJ", False),
     ("12ab", "KZ", False), ("+7999", "RU", False)],
)  # fmt: skip
def test_phones(phone: str, country: str, valid: bool) -> None:
    assert valid_phone(phone, country) is valid
