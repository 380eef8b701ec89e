"""What the bot and the console say themselves: gettext catalogues under locales/."""

from __future__ import annotations

import gettext
from collections.abc import Iterable, Mapping
from pathlib import Path

from bot.errors import SettingsError

DOMAIN = "hotline"


class Phrasebook:
    """Phrases by language; a phrase's id is its English text, so English needs no catalogue."""

    def __init__(self, catalogues: Mapping[str, gettext.NullTranslations]) -> None:
        self._catalogues = catalogues

    @classmethod
    def load(cls, directory: Path, languages: Iterable[str]) -> Phrasebook:
        """Read the compiled catalogues. Raises SettingsError when one is missing."""
        try:
            return cls({code: gettext.translation(DOMAIN, directory, [code]) for code in languages})
        except OSError as error:
            raise SettingsError(f"A phrase catalogue is missing ({error.filename}). Run: make locales") from error

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are catalogues for."""
        return tuple(self._catalogues)

    def say(self, phrase: str, language: str, /, **values: object) -> str:
        """The phrase in that language (English when there is no catalogue), values put in."""
        catalogue = self._catalogues.get(language)
        text = catalogue.gettext(phrase) if catalogue else phrase
        return text.format(**values) if values else text
