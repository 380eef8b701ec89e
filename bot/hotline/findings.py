"""What editors and statistics learn, as a repository of a transaction: `Ledger.findings`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.hotline.records import MissedQuestion, Tally


class Findings(Protocol):
    """What editors and statistics learn, without ids of callers going out."""

    def add_missed(
        self, conversation: str, at: datetime, language: str, reason: str, candidates: Sequence[str], text: str
    ) -> None: ...

    def missed(
        self, limit: int = 100, before: int | None = None, reason: str = "", done: bool | None = None
    ) -> list[MissedQuestion]:
        """The latest first; `before` an id pages on, `reason` and `done` keep only such ones."""
        ...

    def chosen(self, ids: Sequence[int]) -> list[MissedQuestion]:
        """Those with these ids, the latest first."""
        ...

    def choose(self, ids: Sequence[int], intent: str) -> None:
        """An editor says which intent these should be."""
        ...

    def mark(self, ids: Sequence[int], done: datetime | None) -> int:
        """They are done, or (None) open again; how many."""
        ...

    def left(self) -> dict[str, int]:
        """How many are not done, by reason."""
        ...

    def reported(self, conversation: str, text: str) -> bool:
        """Whether this text of this caller is in the list already, reported by an operator."""
        ...

    def add_feedback(self, conversation: str, at: datetime, intent: str, language: str, helped: bool) -> None: ...

    def feedback(self, since: datetime) -> dict[str, tuple[int, int]]:
        """Intent -> (helped, did not help)."""
        ...

    def count(self, conversation: str, item: Tally, topic: str) -> None:
        """Count a message, and its caller when it is their first of this week, country, topic, urgency and language."""
        ...

    def tallies(self, first_day: str, last_day: str) -> list[Tally]: ...

    def fold(self, limit: int) -> int:
        """Add up single tallies by day; how many were folded."""
        ...

    def forget_counted(self, week: str, limit: int) -> int:
        """Delete what tells who was counted in weeks before `week`."""
        ...

    def forget(self, before: datetime, limit: int) -> int: ...
