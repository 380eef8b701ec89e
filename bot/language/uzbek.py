"""Uzbek's three spellings: Cyrillic, the Latin of 1995 (oʻ gʻ sh ch) and the reformed one (ö ğ ş ç).

The conversion is the library `alifbo` (MIT, no dependencies, typed), which we checked on real
sentences: tables of exceptions such as "цемент" and "Исҳоқ" are not worth writing again.
"""

from __future__ import annotations

import re

import alifbo

_SURROGATES = dict.fromkeys(range(55296, 57344))

# Where the library errs (0.6): it reads n + gʻ as ng + ʻ, and ц wherever t meets s ("ketsa", "hujjatsiz"), щ for sh + ch,
# and keeps the s of "inspeksiya". Borrowed words that do have ц are few; all other ts are two letters.
_GH = re.compile("([gG])['’‘ʻʼ`´]")
_TS_LOAN = re.compile(
    r"tsiya|tsion|tsial|tsent|tsenz|tsement|tsirk|tsex|meditsin|tsitat|tsiv|litsey|ofitser|kontsert|protsess|protsed|retsept|whatsapp",
    re.IGNORECASE,
)
_TS = re.compile("([tT])([sS])(?!h)")
_KSIYA = re.compile("ksiya", re.IGNORECASE)
_SHCH = re.compile("([sS])h([cC])h")


def to_cyrillic(latin: str, *, keep_foreign: bool = True) -> str:
    """Turn Uzbek Latin, old or reformed, into Cyrillic; brand names stay as written unless told otherwise."""
    foreign = "keep" if keep_foreign else "transliterate"
    return str(alifbo.to_cyrillic(_mended(latin.translate(_SURROGATES)), foreign_words=foreign).text)


def _mended(latin: str) -> str:
    """Write in Cyrillic beforehand what the library would get wrong; it leaves Cyrillic letters alone."""
    text = _GH.sub(lambda found: "ғ" if found[1] == "g" else "Ғ", latin)
    text = _SHCH.sub(lambda found: ("ш" if found[1] == "s" else "Ш") + ("ч" if found[2] == "c" else "Ч"), text)
    text = _KSIYA.sub("кция", text)
    parts, end = [], 0
    for loan in _TS_LOAN.finditer(text):
        parts += [_apart(text[end : loan.start()]), loan.group()]
        end = loan.end()
    return "".join([*parts, _apart(text[end:])])


def _apart(text: str) -> str:
    return _TS.sub(lambda found: ("т" if found[1] == "t" else "Т") + ("с" if found[2] == "s" else "С"), text)


def to_latin(cyrillic: str) -> str:
    """Turn Uzbek Cyrillic (or reformed Latin) into the Latin alphabet of 1995: oʻ, gʻ, sh, ch."""
    reformed = alifbo.from_cyrillic(cyrillic.translate(_SURROGATES)).text
    return str(alifbo.to_old_latin(reformed).text)


def to_reformed(text: str) -> str:
    """Turn Uzbek in either script into the reformed Latin alphabet: ö, ğ, ş, ç."""
    plain = text.translate(_SURROGATES)
    return str(alifbo.to_new_latin(alifbo.from_cyrillic(plain).text).text)
