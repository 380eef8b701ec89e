"""What may become of a case: functions over a ledger, each one state change with its event.

Console and Telegram desk build on these. A function returns False (or None) when someone else was faster or the case is
in another state; then nothing was changed. The queue's order is in `storage.case`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.dialogue.effect import OpenCase
from bot.hotline.codec import signal_to_json
from bot.hotline.ledger import Ledger
from bot.hotline.records import Case, CaseState, Conversation
from bot.matching.match import Urgency

_OPEN = (CaseState.WAITING, CaseState.OFFERED, CaseState.OPERATOR, CaseState.SILENT)
_SIGNALS = 20  # kept of a case; a flood of danger words must not grow it without end


def open_case(ledger: Ledger, conversation: Conversation, effect: OpenCase, now: datetime, who: str = "bot") -> Case:
    """The conversation's open case: a new one, or the one it has, raised to the effect's urgency."""
    if known := ledger.cases.open_of(conversation.id):
        return _raise(ledger, known, effect, now, who)
    case = Case(
        id=uuid.uuid4().hex,
        conversation=conversation.id,
        channel=conversation.channel,
        language=conversation.language,
        stay=conversation.stay,
        state=CaseState.WAITING,
        urgency=effect.urgency,
        reason=effect.reason,
        intent=effect.intent,
        signals=tuple(signal_to_json(signal) for signal in effect.signals[:_SIGNALS]),
        opened=now,
        waiting_since=now,
    )
    if not ledger.cases.add(case):  # another transaction was faster
        known = ledger.cases.open_of(conversation.id)
        return _raise(ledger, known, effect, now, who) if known else case
    ledger.cases.record(case.id, now, "opened", who, {"reason": effect.reason, "urgency": effect.urgency.value})
    return case


def _raise(ledger: Ledger, case: Case, effect: OpenCase, now: datetime, who: str) -> Case:
    """Urgency only rises by itself; only a person lowers it."""
    fresh = [signal_to_json(signal) for signal in effect.signals]
    signals = [*case.signals, *(signal for signal in fresh if signal not in case.signals)][-_SIGNALS:]
    higher = effect.urgency.rank > case.urgency.rank
    if not higher and len(signals) == len(case.signals):
        return case
    ledger.cases.change(
        case.id,
        _OPEN,
        urgency=effect.urgency if higher else None,
        reason=effect.reason if higher else None,
        intent=effect.intent or None,
        signals=signals,
    )
    kind = "raised" if higher else "signal"
    ledger.cases.record(case.id, now, kind, who, {"reason": effect.reason, "urgency": effect.urgency.value})
    return ledger.cases.get(case.id) or case


def set_urgency(ledger: Ledger, case: str, urgency: Urgency, who: str, now: datetime) -> bool:
    """A person judges a case more or less urgent."""
    if not ledger.cases.change(case, _OPEN, urgency=urgency):
        return False
    ledger.cases.record(case, now, "judged", who, {"urgency": urgency.value})
    return True


def offer_next(
    ledger: Ledger, operator: str, languages: Sequence[str], now: datetime, seconds: float = 60.0
) -> Case | None:
    """The most urgent waiting case in one of the operator's languages, offered for `seconds`; None: nothing waits."""
    for case in ledger.cases.waiting(now, languages):
        until = now + timedelta(seconds=seconds)
        if ledger.cases.change(
            case.id, (CaseState.WAITING,), state=CaseState.OFFERED, operator=operator, offered_until=until
        ):
            ledger.cases.record(case.id, now, "offered", operator)
            return ledger.cases.get(case.id)
    return None


def take(ledger: Ledger, case: str, operator: str, now: datetime) -> bool:
    """The operator has the case from now on, and the bot is mute. An offer to someone else cannot be taken."""
    known = ledger.cases.get(case)
    if known is None or (known.state is CaseState.OFFERED and known.operator != operator):
        return False
    if not ledger.cases.change(
        case, (CaseState.WAITING, CaseState.OFFERED), state=CaseState.OPERATOR, operator=operator
    ):
        return False
    ledger.cases.record(case, now, "taken", operator)
    return True


def give_back(ledger: Ledger, case: str, who: str, now: datetime, reason: str = "returned") -> bool:
    """To the queue again. It keeps the time since when it waits, so it does not go to the end."""
    states = (CaseState.OFFERED, CaseState.OPERATOR, CaseState.SILENT)
    if not ledger.cases.change(case, states, state=CaseState.WAITING, operator=""):
        return False
    ledger.cases.record(case, now, reason, who)
    return True


def transfer(ledger: Ledger, case: str, to: str, who: str, now: datetime) -> bool:
    """To another operator, at once."""
    states = (CaseState.WAITING, CaseState.OFFERED, CaseState.OPERATOR, CaseState.SILENT)
    if not ledger.cases.change(case, states, state=CaseState.OPERATOR, operator=to):
        return False
    ledger.cases.record(case, now, "transferred", who, {"to": to})
    return True


def fall_silent(ledger: Ledger, case: str, now: datetime) -> bool:
    """The caller has not written for a while; the bot stays mute and nobody writes first."""
    if not ledger.cases.change(case, (CaseState.OPERATOR,), state=CaseState.SILENT):
        return False
    ledger.cases.record(case, now, "silent", "bot")
    return True


def speak_again(ledger: Ledger, case: Case, now: datetime) -> None:
    """The caller of a silent case wrote."""
    if ledger.cases.change(case.id, (CaseState.SILENT,), state=CaseState.OPERATOR):
        ledger.cases.record(case.id, now, "back", "caller")


def close(ledger: Ledger, case: str, outcome: str, who: str, now: datetime) -> bool:
    """Done; the bot speaks again."""
    if not ledger.cases.change(case, _OPEN, state=CaseState.CLOSED, closed=now, outcome=outcome):
        return False
    ledger.cases.record(case, now, "closed", who, {"outcome": outcome})
    return True


def expire_offers(ledger: Ledger, now: datetime, limit: int = 100) -> list[Case]:
    """Offers that nobody took go back to the queue; which ones, for an alert to the supervisors."""
    expired = ledger.cases.expired_offers(now, limit)
    return [case for case in expired if give_back(ledger, case.id, case.operator, now, "expired")]


def session_word(case: Case | None, before: str) -> str:
    """What `Session.case` should say: "", "waiting", "operator" or "closed"."""
    if case is None:
        return "closed" if before in ("waiting", "operator", "closed") else ""
    return "operator" if case.state in (CaseState.OPERATOR, CaseState.SILENT) else "waiting"
