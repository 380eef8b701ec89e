"""Forgetting: by age, and at a caller's word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.hotline.ledger import Ledger
from bot.hotline.ports import Clock, Store
from bot.hotline.records import iso_week

_BATCH = 500  # rows in one transaction, so that nobody waits for a purge


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept."""

    talks: timedelta = timedelta(days=30)  # lines of a conversation without a case; dead letters
    cases: timedelta = timedelta(days=180)  # after closing; with them their conversation's lines
    findings: timedelta = timedelta(days=180)  # missed questions and feedback
    seen: timedelta = timedelta(hours=48)  # ids of messages, to know a repeated one
    news: timedelta = timedelta(days=180)  # broadcasts with their recipients
    subscribers: timedelta = timedelta(days=365)  # since their last message
    lanes: timedelta = timedelta(days=1)  # of idle conversations


@dataclass(slots=True)
class Purged:
    """How many rows went, by kind."""

    counts: dict[str, int] = field(default_factory=dict)


async def purge(store: Store, clock: Clock, retention: Retention) -> Purged:
    """Delete all that is past its time, in small transactions; what was left by a crash is taken the next time."""
    now = clock.now()
    purged = Purged()

    async def sweep(kind: str, work: Callable[[Ledger], int]) -> None:
        total = 0
        while gone := await store.transact(work):
            total += gone
        purged.counts[kind] = total

    await sweep("seen", lambda ledger: ledger.inbox.forget_seen(now - retention.seen, _BATCH))
    await sweep("cases", lambda ledger: ledger.cases.forget(now - retention.cases, _BATCH))
    talks, cases = now - retention.talks, now - retention.cases
    await sweep("messages", lambda ledger: ledger.lines.forget(talks, cases, _BATCH))
    await sweep("letters", lambda ledger: ledger.letters.forget(talks, _BATCH))
    await sweep("broadcasts", lambda ledger: ledger.office.broadcasts.forget(now - retention.news, 5))
    subscribers = now - retention.subscribers
    await sweep("subscriptions", lambda ledger: ledger.office.broadcasts.expire(subscribers, _BATCH))
    await sweep("conversations", lambda ledger: _forget_idle(ledger, talks))
    await sweep("findings", lambda ledger: ledger.findings.forget(now - retention.findings, _BATCH))
    await sweep("counted", lambda ledger: ledger.findings.forget_counted(iso_week(now.date()), _BATCH))
    await sweep("lanes", lambda ledger: ledger.lanes.forget_idle(now - retention.lanes, _BATCH))
    return purged


def _forget_idle(ledger: Ledger, before: datetime) -> int:
    """Conversations that nobody needs; each is looked at again under its lock, since the caller may just write."""
    gone = 0
    for conversation in ledger.conversations.idle(before, 50):
        if ledger.conversations.lock(conversation):
            known = ledger.conversations.get(conversation)
            if known and known.last_in < before:
                ledger.erase(conversation)
                gone += 1
    return gone


async def fold_statistics(store: Store) -> int:
    """Add up the single counts; how many."""
    total = 0
    while folded := await store.transact(lambda ledger: ledger.findings.fold(_BATCH)):
        total += folded
    return total
