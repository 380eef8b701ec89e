"""What the delivery counts, for Prometheus. No label ever names a caller."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from bot.hotline.records import Depth

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600)


class Metrics:
    """One set for a process; give each test its own registry."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.received = self._counter("received", "Messages taken in", "channel")
        self.duplicates = self._counter("duplicates", "Messages that had come before", "channel")
        self.answered = self._counter("answered", "Messages whose turn was committed", "channel")
        self.failed = self._counter("failed", "Failures of the bot on a message", "channel")
        self.sent = self._counter("sent", "Platform messages sent", "channel")
        self.retried = self._counter("retried", "Sends that failed for now", "channel")
        self.repeats = self._counter("possible_repeats", "Sends begun by a process that died", "channel")
        self.dead = self._counter("dead", "Messages that became dead letters", "direction")
        self.store_away = self._counter("store_away", "Times the database could not be used", "where")
        self.turn_seconds = Histogram(
            "hotline_turn_seconds", "From taken in to committed", buckets=_SECONDS, registry=self.registry
        )
        self.spool_messages = self._gauge("spool_messages", "Messages on disk, waiting for the database")
        self.waiting = self._gauge("waiting", "Messages that wait", "direction")
        self.oldest = self._gauge("oldest_waiting_seconds", "Age of the oldest message that waits for its turn")
        self.cases = self._gauge("cases_waiting", "Cases that wait for a person")
        self.silence = Gauge("hotline_silence_alarm_seconds", "How long no message has come, when that is an alarm; else 0", registry=self.registry)
        self.last_received = self._gauge("last_received_timestamp", "When a message last came in", "channel")

    def depth(self, depth: Depth) -> None:
        """Show how much waits."""
        self.waiting.labels("in").set(depth.incoming)
        self.waiting.labels("out").set(depth.outgoing)
        self.waiting.labels("dead").set(depth.dead)
        self.oldest.set(depth.oldest_seconds)
        self.cases.set(depth.cases)

    def arrived(self, channel: str, at: datetime) -> None:
        """A message came in."""
        self.received.labels(channel).inc()
        self.last_received.labels(channel).set(at.timestamp())

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"hotline_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"hotline_{name}", text, labels, registry=self.registry)
