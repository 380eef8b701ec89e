"""A broadcast whose process is killed again and again: nobody twice, nobody left out unseen."""

from __future__ import annotations

from pathlib import Path

from bench.broadcast import kill


def test_nobody_twice_and_whoever_was_cut_off_is_kept_for_a_person(tmp_path: Path) -> None:
    times, unsure = kill(tmp_path, 5)
    assert max(times.values()) == 1
    assert 2000 - len(times) <= unsure <= 5 * 32  # at most what was in hand at each kill
