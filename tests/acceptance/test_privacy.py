"""After whole talks no word and no address of a caller stands in any file or log; "delete my data" leaves nothing."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.caller import WebCaller
from tests.acceptance.serving import Serving, serving

WORDS = ["Гюльчатай", "шестьсот сорок тысяч", "хозяин Ферапонт забрал паспорт", "Ойбек меня запер", "+79261234567"]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path / "data", HOTLINE_LOG_LEVEL="DEBUG") as running:
        yield running


def talk(service: Serving) -> WebCaller:
    caller = WebCaller(service.url)
    caller.press("lang:ru")
    for words in WORDS:
        caller.say(words)
    return caller


def test_no_word_of_a_talk_stands_in_any_file_or_log(service: Serving) -> None:
    caller = talk(service)
    address = caller.token.split(".")[0]
    caller.http.close()
    service.stop()
    looked_at = 0
    for path in service.data.rglob("*"):
        if not path.is_file() or "models" in path.parts:
            continue
        raw = path.read_bytes()
        looked_at += len(raw)
        for words in (*WORDS, "Ферапонт", "Ойбек", address, caller.token):
            for coding in ("utf-8", "utf-16-le", "cp1251"):
                assert words.encode(coding) not in raw, path.name
    assert looked_at > 50_000


def test_delete_my_data_empties_every_table(service: Serving) -> None:
    caller = talk(service)
    caller.post(command="delete")
    caller.wait()
    assert caller.post(choice="erase:yes").status_code == 202
    end = time.monotonic() + 15
    while time.monotonic() < end and rows(service):
        time.sleep(0.1)
    assert rows(service) == {}


def rows(service: Serving) -> dict[str, int]:
    """Rows that could belong to a caller, by table."""
    with sqlite3.connect(f"file:{service.data / 'hotline.db'}?mode=ro", uri=True) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        assert len(tables) > 8
        counts = {name: database.execute(f'select count(*) from "{name}"').fetchone()[0] for name in tables}
    # A lane is a random name until its next purge; it holds no address.
    about_nobody = ("lane", "alembic_version", "lease", "pace", "statistic", "tally", "office", "staff", "seen", "sqlite_sequence", "channel")
    return {name: count for name, count in counts.items() if count and not name.startswith(about_nobody)}
