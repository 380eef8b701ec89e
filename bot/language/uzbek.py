"""Uzbek's three spellings: Cyrillic, the Latin of 1995 (oʻ gʻ sh ch) and the reformed one (ö ğ ş ç).

The conversion is the library `alifbo` (MIT, no dependencies, typed), which we checked on real
sentences: tables of exceptions such as "цемент" and "Исҳоқ" are not worth writing again.
"""

from __future__ import annotations

import alifbo

_SURROGATES = dict.fromkeys(range(55296, 57344))


def to_cyrillic(latin: str, *, keep_foreign: bool = True) -> str:
    """Turn Uzbek Latin, old or reformed, into Cyrillic; brand names stay as written unless told otherwise."""
    foreign = "keep" if keep_foreign else "transliterate"
    return str(alifbo.to_cyrillic(latin.translate(_SURROGATES), foreign_words=foreign).text)


def to_latin(cyrillic: str) -> str:
    """Turn Uzbek Cyrillic (or reformed Latin) into the Latin alphabet of 1995: oʻ, gʻ, sh, ch."""
    reformed = alifbo.from_cyrillic(cyrillic.translate(_SURROGATES)).text
    return str(alifbo.to_old_latin(reformed).text)


def to_reformed(text: str) -> str:
    """Turn Uzbek in either script into the reformed Latin alphabet: ö, ğ, ş, ç."""
    plain = text.translate(_SURROGATES)
    return str(alifbo.to_new_latin(alifbo.from_cyrillic(plain).text).text)
