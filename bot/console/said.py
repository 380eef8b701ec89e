"""What callers said before an alarm, kept in memory for a moment so that lists of cases need not read it each time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from bot.hotline.ledger import Ledger
from bot.hotline.records import Case, Direction

_KEPT = 200  # cases
_LINES = 12  # of each talk


class Said:
    """The caller's latest texts of cases with danger signals. Used from the store's threads."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[str, int], tuple[str, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def fill(self, ledger: Ledger, cases: Sequence[Case]) -> None:
        """Read what is not known yet."""
        for case in cases:
            key = (case.id, len(case.signals))
            if not case.signals or key in self._texts:
                continue
            lines = ledger.lines.tail(case.conversation, _LINES)
            texts = tuple(line.text for line in lines if line.direction is Direction.IN and line.text)
            with self._lock:
                self._texts[key] = texts
                while len(self._texts) > _KEPT:
                    self._texts.popitem(last=False)

    def of(self, case: Case) -> tuple[str, ...]:
        """The texts, oldest first."""
        return self._texts.get((case.id, len(case.signals)), ())
