"""What operators report to the editors: a caller's message that the bot should have known."""

from __future__ import annotations

from datetime import datetime

from bot.errors import ForbiddenError, NotFoundError
from bot.hotline.desk import OperatorsDesk
from bot.hotline.ledger import Ledger
from bot.hotline.records import Direction
from bot.hotline.redaction import redact
from bot.hotline.team import Staff


def report_gap(ledger: Ledger, case: str, staff: Staff, line: int, now: datetime) -> bool:
    """Put a caller's message, redacted, before the editors; False when it is there already.

    Raises ForbiddenError when the case is not this person's to see, NotFoundError when the line has no caller's words.
    """
    known = OperatorsDesk.visible(ledger, case, staff)
    if known is None:
        raise ForbiddenError
    said = ledger.lines.get(known.conversation, line)
    if said is None or said.direction is not Direction.IN or not said.text:
        raise NotFoundError
    text, heard = redact(said.text), said.understood
    if ledger.findings.reported(known.conversation, text):
        return False
    language = str(heard.get("language") or known.language)
    candidates = [str(candidate[0]) for candidate in heard.get("candidates", ())]
    ledger.findings.add_missed(known.conversation, now, language, "gap", candidates[:4], text)
    ledger.office.audit.append(now, staff.id, "gap reported", case[:8], str(line))
    return True
