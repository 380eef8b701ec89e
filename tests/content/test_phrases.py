"""A phrase catalogue that many hands touch: what is broken is named with its line, and nothing else is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bench.fuzz.files import check_catalogue
from bot.cli import app
from bot.content import phrase_file, translation
from bot.content.phrasebook import DOMAIN, Phrasebook, catalogue_problems
from bot.errors import ContentError, SettingsError

ROOT = Path(__file__).parents[2]
HEAD = 'msgid ""\nmsgstr ""\n"Language: ru\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
SOUND = 'msgid "Log out"\nmsgstr "Выйти"\n\n'
PLACE = "locales/ru/LC_MESSAGES/hotline.po"


def locales(tmp_path: Path, text: str | bytes, language: str = "ru") -> Path:
    path = tmp_path / "locales" / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    return tmp_path / "locales"


def phrase(said: str, phrase: str = "Wait {n} minutes") -> str:
    return f'msgid "{phrase}"\nmsgstr "{said}"\n\n'


BROKEN = [  # what stands after a sound head, the line it is found in, and a word of what is said
    (phrase("Ждите"), 6, "the placeholder {n} is missing"),
    (phrase("Ждите {n} {m}"), 6, "the placeholder {m} is not in the English phrase"),
    (phrase("Ждите {n.__class__.__init__.__globals__}"), 6, "is no placeholder"),
    (phrase("Ждите {n:>999999999}"), 6, "is no placeholder"),
    (phrase("Ждите {n!r}"), 6, "is no placeholder"),
    (phrase("Ждите {0}"), 6, "is no placeholder"),
    (phrase("Ждите {n"), 6, "is no placeholder"),
    (phrase("Ждите {n} }"), 6, "is no placeholder"),
    (phrase("Ждите %s"), 6, "the placeholder {n} is missing"),
    (phrase("Ждите \u202e{n}"), 6, "nobody sees (U+202E)"),
    (phrase("Ждите\u200b {n}"), 6, "nobody sees (U+200B)"),
    (phrase("Ждите \x00{n}"), 6, "nobody sees (U+0000)"),
    (phrase("Ждите \x1b[31m{n}"), 6, "nobody sees (U+001B)"),
    (phrase("Ждите {n} [здесь](https://evil.example)"), 6, "holds a link"),
    (phrase("Ждите {n}" + "!" * 5000), 6, "5009 characters"),
    ('msgid "Wait {n} minutes"\nmsgstr "Ждите {n}\n', 7, "this line cannot be read"),
    ('<<<<<<< HEAD\nmsgid "a"\nmsgstr "б"\n', 6, "this line cannot be read"),
    ('msgid "a"\nmsgid_plural "b"\nmsgstr[0] "в"\n', 7, "plural forms"),
    ('msgid "a"\nmsgstr[99999999999] "в"\n', 7, "plural forms"),
    ('msgid "a"\nmsgstr "б"\nmsgstr "в"\n', 8, "a second msgstr"),
    ('msgid "a"\n\nmsgid "b"\nmsgstr "в"\n', 6, "belong together"),
    ('msgid ""\nmsgstr "Plural-Forms: nplurals=99999999999; plural=0;\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n', 6, "the head of the file"),
    ('msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-7\\n"\n', 6, "does not say that it is UTF-8"),
]


@pytest.mark.parametrize(("text", "line", "told"), BROKEN)
def test_what_is_broken_is_named_and_its_neighbours_stay(tmp_path: Path, text: str, line: int, told: str) -> None:
    directory = locales(tmp_path, HEAD + text + "\n" + SOUND)
    (problem,) = catalogue_problems(directory)
    assert (problem.file, problem.line, problem.severity) == (PLACE, line, "error")
    assert told in problem.text
    assert str(problem).isprintable()
    book = Phrasebook.load(directory, ["ru"])
    assert book.say("Log out", "ru") == "Выйти"
    assert book.say("Wait {n} minutes", "ru", n=5) == "Wait 5 minutes"
    with pytest.raises(ContentError, match=PLACE):
        translation.refresh(ROOT / "bot", directory)
    assert (directory / "ru/LC_MESSAGES/hotline.po").read_bytes() == (HEAD + text + "\n" + SOUND).encode()


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (HEAD.encode() + b'msgid "a"\nmsgstr "\xff"\n', f"{PLACE}:7:0: error: this is not UTF-8."),
        ((HEAD + SOUND).encode("utf-16"), "this is not UTF-8."),
        (b"#" * 2_000_001, "bigger than 2 MB"),
        (b"", f"The phrases of “ru” cannot be used. {PLACE} holds none."),
        (b"\xde\x12\x04\x95" + b"\x00" * 40, f"{PLACE}:1:0: error: this is not UTF-8."),
    ],
)
def test_a_file_that_is_none_stops_the_start_with_one_line(tmp_path: Path, raw: bytes, told: str) -> None:
    directory = locales(tmp_path, raw)
    with pytest.raises(SettingsError) as refused:
        Phrasebook.load(directory, ["ru"])
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"“kk” cannot be used. locales/kk/LC_MESSAGES/hotline.po: error: the file cannot be read"):
        Phrasebook.load(locales(tmp_path, HEAD + SOUND), ["ru", "kk"])


def test_what_is_not_said_in_a_language_is_said_in_russian(tmp_path: Path) -> None:
    locales(tmp_path, HEAD + SOUND)
    directory = locales(tmp_path, HEAD + phrase("{n", "Log out") + phrase("Интизор шавед: {n}"), "tg")
    book = Phrasebook.load(directory, ["ru", "tg"])
    assert book.say("Log out", "tg") == "Выйти"
    assert book.say("Wait {n} minutes", "tg", n=3) == "Интизор шавед: 3"
    assert book.say("Log out", "en") == "Log out"


def test_two_branches_added_the_same_phrase(tmp_path: Path) -> None:
    """Catalogues are merged by union: the entry with a text wins, whichever comes first."""
    directory = locales(tmp_path, HEAD + phrase("", "Log out") + SOUND)
    shutil.copytree(directory / "ru", directory / "uz")
    translation.refresh(ROOT / "bot", directory)
    again, problems = phrase_file.read(directory / "ru/LC_MESSAGES/hotline.po", PLACE)
    assert again["Log out"] == "Выйти"
    assert problems == ()


def test_a_new_phrase_is_missing_in_every_language_until_someone_writes_it(tmp_path: Path) -> None:
    for language in ("ru", "uz", "uz_Cyrl"):
        directory = locales(tmp_path, HEAD + (phrase("Chiqish", "Log out") if language == "uz" else ""), language)
    missing = translation.refresh(ROOT / "bot", directory)
    assert len(missing) > 1000
    assert {f"{language}: Operator" for language in ("ru", "uz", "uz_Cyrl")} <= set(missing)
    said = {language: phrase_file.read(directory / language / "LC_MESSAGES/hotline.po", "x")[0] for language in ("ru", "uz", "uz_Cyrl")}
    assert said == {"ru": {}, "uz": {"Log out": "Chiqish"}, "uz_Cyrl": {"Log out": "Чиқиш"}}


def test_our_own_catalogues_are_sound() -> None:
    assert catalogue_problems(ROOT / "locales") == ()
    assert len(translation.languages(ROOT / "locales")) == 6


def test_the_commands_say_it_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = locales(tmp_path, HEAD + phrase("Ждите") + SOUND)
    monkeypatch.setenv("HOTLINE_LOCALES_DIR", str(directory))
    checked = CliRunner().invoke(app, ["check"])
    assert (checked.exit_code, f"{PLACE}:6:0: error:" in checked.stdout) == (1, True)
    refreshed = CliRunner().invoke(app, ["locales"])
    assert (refreshed.exit_code, f"{PLACE}:6:0: error:" in refreshed.stderr) == (1, True)
    assert "Traceback" not in checked.output + refreshed.output


LINES = st.sampled_from(
    ['msgid "Wait {n} minutes"', 'msgstr "Ждите {n}"', 'msgid ""', 'msgstr ""', '"more {n}"', "#, fuzzy", '#~ msgid "x"', "#: a:1", '"', "<<<<", 'msgstr[1] "x"', 'msgctxt "x"', "", *SOUND.splitlines(), *HEAD.splitlines()]
) | st.text(alphabet=st.characters() | st.sampled_from('{}"\\\n:!.'), max_size=40).map(lambda text: f'msgstr "{text}"') | st.text(max_size=30)  # fmt: skip


@given(st.lists(LINES, max_size=30), st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_lines_at_all(tmp_path_factory: pytest.TempPathFactory, lines: list[str], headed: bool) -> None:
    directory = locales(tmp_path_factory.getbasetemp(), "\n".join([HEAD if headed else "", *lines]))
    check_catalogue(directory, ROOT / "bot" / "language", ["Wait {n} minutes", "Log out"])
