"""Settings that cannot be used are refused with their name, and never with a traceback."""

from __future__ import annotations

import pytest

from bot.errors import SettingsError
from bot.settings import load


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("HOTLINE_PORT", "abc", "integer"),
        ("HOTLINE_LOG_LEVEL", "LOUD", "Use one of DEBUG, INFO, WARNING, ERROR"),
        ("HOTLINE_DATABASE_URL", "mysql://host/name", "Use sqlite"),
        ("HOTLINE_PUBLIC_URL", "hotline.example", "https://"),
        ("HOTLINE_DATA_DIR", __file__, "no directory"),
        ("HOTLINE_DESK_HOURS", "nine to five", "does not read like"),
        ("HOTLINE_DESK_ZONE", "Asia/Nowhere", "Asia/Nowhere"),
    ],
)
def test_a_bad_value_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=f"^{variable}: .*{expected}"):
        load()


def test_levels_are_taken_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOTLINE_LOG_LEVEL", "debug")
    assert load().log_level == "DEBUG"
