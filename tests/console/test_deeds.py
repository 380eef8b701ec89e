"""The audit log is read by supervisors in their own language."""

from __future__ import annotations

import re

from bot.console.deeds import DEEDS
from bot.content.phrasebook import Phrasebook
from tests.acceptance.serving import ROOT

_KEPT = re.compile(r'audit\.append\(\s*[^,"]*,\s*(?:[^,"]*|"[a-z]*"),\s*"([a-z ]+)"(?: if \w+ else "([a-z ]+)")?')


def test_every_deed_that_the_code_keeps_has_a_phrase() -> None:
    kept = {deed for path in (ROOT / "bot").rglob("*.py") for found in _KEPT.finditer(path.read_text("utf-8")) for deed in found.groups() if deed}
    assert len(kept) > 15
    assert kept <= DEEDS


def test_deeds_are_said_in_every_language() -> None:
    say = Phrasebook.load(ROOT / "locales", ["ru", "kk", "ky", "tg", "uz"]).say
    for language in ("ru", "kk", "ky", "tg", "uz"):
        assert [deed for deed in DEEDS if say(deed, language) == deed] == []
    assert say("case opened", "ru") == "обращение открыто"
