"""Whatever a reader must know is written down, and the catalogues are complete."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from bot import settings
from bot.cli import app
from bot.content import phrase_file
from bot.content.phrasebook import catalogue_place
from bot.content.translation import extract, languages, untranslated

ROOT = Path(__file__).parents[2]
LOCALES = ROOT / "locales"
DOCUMENTS = "\n".join(path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "intents/README.md"])
_BUTTON_LIMIT = 24


def test_every_setting_is_documented_with_its_meaning() -> None:
    rows = settings.table()
    assert len(rows) > 15
    operate = (ROOT / "docs/operate.md").read_text("utf-8")
    missing = [variable for variable, _, meaning in rows if f"`{variable}`" not in operate or meaning not in operate]
    assert not missing


def test_every_command_is_documented() -> None:
    names = [command.name or command.callback.__name__.replace("_", "-") for command in app.registered_commands if command.callback]
    assert len(names) > 8
    assert not [name for name in names if f"hotline {name}" not in DOCUMENTS]


def test_the_phrases_in_the_code_are_those_of_the_catalogues() -> None:
    wanted = {message.id for message in extract(ROOT / "bot") if message.id}
    assert len(wanted) > 60
    with (LOCALES / "hotline.pot").open("rb") as file:
        assert {message.id for message in read_po(file) if message.id} == wanted, "run: make locales"


@pytest.mark.parametrize("language", languages(LOCALES))
def test_no_phrase_is_missing_in_any_language(language: str) -> None:
    with catalogue_place(LOCALES, language)[0].open("rb") as file:
        catalogue = read_po(file)
    assert len(catalogue) > 60
    assert [message.id for message in untranslated(catalogue)] == []


def test_there_are_all_languages() -> None:
    assert languages(LOCALES) == ["kk", "ky", "ru", "tg", "uz", "uz_Cyrl"]


def test_buttons_fit_in_every_language() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "bot/dialogue").glob("*.py"))
    marked = set(re.findall(r'button\(\s*f?"[^"]*",\s*N_\("([^"]+)"\)', source)) | {"Yes", "No"}
    marked |= set(re.findall(r'"[A-Za-z]+": N_\("([^"]+)"\)', (ROOT / "bot/content/handbook.py").read_text("utf-8")))
    assert len(marked) > 20
    long = []
    for language in languages(LOCALES):
        said, _ = phrase_file.read(*catalogue_place(LOCALES, language))
        long += [(language, said[p]) for p in marked if len(said[p]) > _BUTTON_LIMIT]
    assert not long


def test_nothing_names_an_index_host_or_a_machine_path() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    looked_at = 0
    for inside in listed:
        if inside.startswith("tests/guards/") or Path(inside).suffix in (".npz", ".png", ".mo"):
            continue
        text = (ROOT / inside).read_text("utf-8", errors="ignore")
        looked_at += 1
        assert not re.search(r"--index-url|files\.pythonhosted|(?<![\w/.])/work/|/root/|/home/[a-z]+/", text), inside
    assert looked_at > 100
