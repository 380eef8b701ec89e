"""The ASVS table names tests that are there, and leaves no requirement of levels 1 and 2 out."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "docs/asvs.md").read_text("utf-8")
# Sections of ASVS 5.0.0 and the numbers of their requirements of levels 1 and 2; V10, V17 and the sections left out here are named whole.
WANTED = {
    "1.1": "1-2", "1.2": "1-9", "1.3": "1-11", "1.4": "1-3", "1.5": "1-2", "2.1": "1-3", "2.2": "1-3", "2.3": "1-4", "2.4": "1",
    "3.2": "1-2", "3.3": "1-4", "3.4": "1-6", "3.5": "1-5", "3.7": "1-2", "4.1": "1-3", "4.2": "1", "5.1": "1", "5.2": "1-3", "5.3": "1-2", "5.4": "1-3",
    "6.1": "1-3", "6.2": "1-12", "6.3": "1-4", "6.4": "1-4", "6.5": "1-5", "7.1": "1-3", "7.2": "1-4", "7.3": "1-2", "7.4": "1-5", "7.5": "1-2",
    "8.1": "1-2", "8.2": "1-3", "8.3": "1", "8.4": "1", "9.1": "1-3", "9.2": "1-4", "11.1": "1-2", "11.2": "1-3", "11.3": "1-3", "11.4": "1-4",
    "11.5": "1", "11.6": "1", "12.1": "1-3", "12.2": "1-2", "12.3": "1-4", "13.1": "1", "13.2": "1-5", "13.3": "1-2", "13.4": "1-5",
    "14.1": "1-2", "14.2": "1-4", "14.3": "1-3", "15.1": "1-3", "15.2": "1-3", "15.3": "1-7", "16.1": "1", "16.2": "1-5", "16.3": "1-4", "16.4": "1-3", "16.5": "1-3",
}  # fmt: skip
WHOLE = ("4.3 ", "4.4 ", "6.6 ", "6.8 ", "7.6 ", "V10 ", "V17 ")


def answered() -> set[str]:
    """Every requirement the table names, ranges spelt out."""
    found: set[str] = set()
    for row in re.findall(r"^\| (.*?) \|", TABLE, re.MULTILINE):
        for section, first, last in re.findall(r"\b(\d+\.\d+)\.(\d+)(?:–\1\.(\d+))?", row):
            found |= {f"{section}.{n}" for n in range(int(first), int(last or first) + 1)}
    return found


def test_no_requirement_is_left_out() -> None:
    wanted = set()
    for section, numbers in WANTED.items():
        first, _, last = numbers.partition("-")
        wanted |= {f"{section}.{n}" for n in range(int(first), int(last or first) + 1)}
    assert wanted - answered() == set()
    assert all(whole in TABLE for whole in WHOLE)


def test_every_test_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:tests|bot|storage|docs)/[\w/.]+\.\w+)`", TABLE))
    assert len(named) > 25
    assert [path for path in named if not (ROOT / path).exists()] == []
