"""Sealing, keys, and lookups."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import CipherError, SettingsError
from storage.cipher import Cipher, Key, load_cipher, new_key, parse_keys

OLD, NEW = Key("old", b"1" * 32), Key("new", b"2" * 32)


@given(st.binary(max_size=2000))
def test_what_is_sealed_opens_for_its_purpose_only(data: bytes) -> None:
    cipher = Cipher([NEW])
    sealed = cipher.seal(data, "message.text")
    assert cipher.unseal(sealed, "message.text") == data
    assert len(data) < 8 or data not in sealed
    with pytest.raises(CipherError):
        cipher.unseal(sealed, "note.value")


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_changed_byte_is_seen(data: bytes, pick: st.DataObject) -> None:
    cipher = Cipher([NEW])
    sealed = bytearray(cipher.seal(data, "p"))
    sealed[pick.draw(st.integers(0, len(sealed) - 1))] ^= 1 << pick.draw(st.integers(0, 7))
    with pytest.raises(CipherError):
        cipher.unseal(bytes(sealed), "p")


@given(st.binary(max_size=80))
def test_garbage_is_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(CipherError):
        Cipher([NEW]).unseal(data, "p")


def test_an_older_key_still_opens_and_a_missing_one_does_not() -> None:
    sealed = Cipher([OLD]).seal(b"x", "p")
    both = Cipher([NEW, OLD])
    assert both.unseal(sealed, "p") == b"x"
    assert not both.is_current(sealed)
    assert both.is_current(both.seal(b"x", "p"))
    with pytest.raises(CipherError, match="'old'"):
        Cipher([NEW]).unseal(sealed, "p")


def test_lookups_are_keyed_and_their_parts_kept_apart() -> None:
    both = Cipher([NEW, OLD])
    assert both.lookups("a", "b") == [Cipher([NEW]).lookup("a", "b"), Cipher([OLD]).lookup("a", "b")]
    assert both.lookup("a", "b") != both.lookup("ab") != both.lookup("a\0b")
    assert both.lookup("a\0", "b") != both.lookup("a", "\0b")


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = load_cipher("", folder)
    path = folder / "keys"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert load_cipher("", folder).unseal(first.seal(b"x", "p"), "p") == b"x"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in folder.iterdir()] == ["keys"]


def test_configured_keys_win_and_wrong_ones_are_named(tmp_path: Path) -> None:
    text = f"{new_key('b')},{new_key('a')}"
    assert load_cipher(text, tmp_path).current == "b"
    assert not (tmp_path / "keys").exists()
    for wrong in ("a", "a:", "a:AAAA", f"{'x' * 33}:{'A' * 43}=", "ключ:AAAA"):
        with pytest.raises(SettingsError):
            parse_keys(wrong)
    same = new_key("a")
    with pytest.raises(SettingsError):
        load_cipher(f"{same},{same}", tmp_path)
    assert "AAAA" not in repr(parse_keys(f"a:{'A' * 43}="))
