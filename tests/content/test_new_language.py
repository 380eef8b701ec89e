"""A sixth language is prepared by one command and hidden until it is ready."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.content.catalogue import load
from bot.content.inspection import inspect
from bot.content.new_language import prepare
from bot.errors import SettingsError

ROOT = Path(__file__).parents[2]


def test_turkmen_is_prepared_in_every_file_and_not_offered(tmp_path: Path) -> None:
    content, locales = tmp_path / "intents", tmp_path / "locales"
    shutil.copytree(ROOT / "intents", content)
    shutil.copytree(ROOT / "locales", locales)
    before = load(content)[0]
    paths = prepare("tk", "Türkmençe", content, locales)
    assert len([path for path in paths if path.suffix == ".yaml"]) >= 81 + 4
    assert (locales / "tk/LC_MESSAGES/hotline.po").is_file()
    after, problems = inspect(content, datetime.now(UTC).date())
    assert after is not None
    assert [str(p) for p in problems if p.severity == "error"] == []
    assert not after.languages["tk"].ready
    wages = content / "work/unpaid_wages.yaml"
    assert wages.read_text("utf-8").count('tk: ""') >= 2
    assert {i.id: i.answer for i in after.intents.values()} == {i.id: i.answer for i in before.intents.values()}


def test_a_ready_language_must_be_complete(tmp_path: Path) -> None:
    content = tmp_path / "intents"
    shutil.copytree(ROOT / "intents", content)
    shutil.copytree(ROOT / "locales", tmp_path / "locales")
    prepare("tk", "Türkmençe", content, tmp_path / "locales")
    languages = content / "languages.yaml"
    languages.write_text(languages.read_text("utf-8").replace("Türkmençe, ready: false", "Türkmençe, ready: true"), "utf-8")
    problems = inspect(content, datetime.now(UTC).date())[1]
    assert any("the text for “tk” is empty" in p.text for p in problems)


@pytest.mark.parametrize("code", ["Turkmen", "t", "../x", "uz"])
def test_a_wrong_code_is_refused(tmp_path: Path, code: str) -> None:
    (tmp_path / "languages.yaml").write_text("uz: {name: O‘zbekcha, ready: true}\n", "utf-8")
    with pytest.raises(SettingsError):
        prepare(code, "x", tmp_path, tmp_path)
