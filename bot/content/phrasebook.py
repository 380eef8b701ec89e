"""What the bot and the console say themselves: gettext catalogues under locales/."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import structlog

from bot.content import phrase_file
from bot.errors import Problem, SettingsError

DOMAIN = "hotline"
_NEXT_BEST = "ru"  # what most callers read when their own text is missing
_SHOWN = 10  # problems of one catalogue in the log

log = structlog.get_logger(__name__)


class Phrasebook:
    """Phrases by language; a phrase's id is its English text, so English needs no catalogue."""

    def __init__(self, catalogues: Mapping[str, Mapping[str, str]]) -> None:
        self._catalogues = catalogues
        self._next_best = catalogues.get(_NEXT_BEST, {})

    @classmethod
    def load(cls, directory: Path, languages: Iterable[str]) -> Phrasebook:
        """Read the catalogues. A broken phrase is logged and left out; SettingsError when one has none that are sound."""
        catalogues = {}
        for code in languages:
            path, name = catalogue_place(directory, code)
            phrases, problems = phrase_file.read(path, name)
            if not phrases:
                reason = problems[0] if problems else f"{name} holds none."
                raise SettingsError(f"The phrases of “{code}” cannot be used. {reason}")
            for problem in problems[:_SHOWN]:
                log.error("a phrase is left out", problem=str(problem))
            catalogues[code] = phrases
        return cls(catalogues)

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are catalogues for."""
        return tuple(self._catalogues)

    def say(self, phrase: str, language: str, /, **values: object) -> str:
        """The phrase in that language, values put in; in Russian where its catalogue lacks it, in English without one."""
        catalogue = self._catalogues.get(language)
        text = phrase if catalogue is None else catalogue.get(phrase) or self._next_best.get(phrase, phrase)
        return text.format(**values) if values else text


def catalogue_place(directory: Path, language: str) -> tuple[Path, str]:
    """A catalogue's file, and how problems call it."""
    path = directory / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    return path, path.relative_to(directory.parent).as_posix()


def catalogue_problems(directory: Path) -> tuple[Problem, ...]:
    """What is wrong in any catalogue there is, for `hotline check`."""
    languages = sorted(path.parent.parent.name for path in directory.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
    if not languages:
        return (Problem(directory.name, 0, 0, "there are no phrase catalogues.", "Set HOTLINE_LOCALES_DIR."),)
    return tuple(problem for code in languages for problem in phrase_file.read(*catalogue_place(directory, code))[1])
