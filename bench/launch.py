"""Launch day: 2.5 million people hear the number on television. What arrives, how long they wait, who goes first.

    python -m bench.launch [--seconds 120] [--peak 3] [--share 0.02]

Assumptions, each an option or a constant here:
- 2 % of those who hear it write (an assumption; the table shows 0.5 to 5 %), four messages each.
- 35 % of the answers to a spot come within ten minutes (econometric study of Mediacom for Thinkbox, 2009), falling off
  exponentially with a mean of four minutes (an assumption; the minute-by-minute curves in Veverka and Holý, "The Impact of
  TV Advertising on Website Traffic", arXiv:2112.08530, rise within a minute or two and fall off so).
- One caller in forty is in danger (an assumption).

Simulated: the curve's shape against a real `hotline serve` on SQLite over WhatsApp's HTTP, with a peak of `--peak` times
what this machine answers when saturated, and the time compressed so that it fits into `--seconds`. Load generator, platform
and hotline share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import math
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.acceptance.serving import Serving
from tests.fakes.whatsapp_server import WhatsAppServer, text, webhook

AUDIENCE = 2_500_000
EARLY, EARLY_MINUTES, MEAN_MINUTES = 0.35, 10.0, 4.0  # of the answers; within; of the falling off
MESSAGES = 4  # of one caller
DANGER = 40  # one caller in so many
_BIN = 15.0  # seconds of a line of the output
_SATURATE = 300  # messages with which the capacity is measured
_QUESTIONS = (
    "хозяин не платит зарплату", "как продлить регистрацию", "бастығым жалақымды төлемей жүр", "тіркеуді қалай созамын",
    "кожоюн айлыгымды бербей жатат", "патент канча турат", "хӯҷаин маошамро намедиҳад", "xo'jayin oyligimni bermayapti",
    "deportatsiya bo'lmaslik uchun nima qilay", "медицинская страховка для мигранта", "школа для ребенка", "запрет на въезд как проверить",
)  # fmt: skip
_EMERGENCIES = ("нас держат взаперти и забрали паспорта", "мени уйга қамаб қўйишди паспортимни олиб қўйишди", "паспортумду алып коюшту чыгарбай жатат")


@dataclass
class Crowd:
    """Callers, each with one message, and how long they waited for the first answer."""

    meta: WhatsAppServer
    hook: str
    posted: dict[str, float] = field(default_factory=dict)  # phone -> when
    danger: set[str] = field(default_factory=set)
    refused: int = 0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def write(self, words: str, *, danger: bool = False) -> None:
        """A new caller writes."""
        phone = f"7701{next(self._numbers):07d}"
        self.posted[phone] = time.time()
        if danger:
            self.danger.add(phone)
        try:
            status = await self.meta.post(self.hook, webhook(text(words, f"in-{phone}", phone)))
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self.refused += status != 200

    def answered(self) -> dict[str, float]:
        """Phone -> seconds until the first answer."""
        waits: dict[str, float] = {}
        for message in self.meta.sent:
            if message["to"] in self.posted:
                waits.setdefault(message["to"], message["at"] - self.posted[message["to"]])
        return waits


def arrivals(peak: float, mean: float, seconds: float, chance: random.Random) -> list[float]:
    """Moments of writing: a Poisson stream that begins at `peak` a second and falls off with `mean` seconds."""
    moments, at = [], 0.0
    while (at := at + chance.expovariate(peak)) < seconds:
        if chance.random() < math.exp(-at / mean):
            moments.append(at)
    return moments


def peak_callers(share: float) -> float:
    """New callers a second in the first moments, at the true size."""
    early = AUDIENCE * share * EARLY
    within = 1 - math.exp(-EARLY_MINUTES / MEAN_MINUTES)
    return early / within / (MEAN_MINUTES * 60)


async def saturate(crowd: Crowd) -> float:
    """Messages a second that are answered when more come than can be."""
    began = time.time()
    await asyncio.gather(*(crowd.write(_QUESTIONS[n % len(_QUESTIONS)]) for n in range(_SATURATE)))
    while len(crowd.answered()) < _SATURATE and time.time() - began < 90:  # noqa: ASYNC110 - the platform's list has no event
        await asyncio.sleep(0.1)
    waits = crowd.answered()
    last = max(crowd.posted[phone] + wait for phone, wait in waits.items())
    return len(waits) / (last - began)


async def simulate(crowd: Crowd, capacity: float, peak: float, seconds: float) -> None:
    """Run the curve and print a line for each stretch of time."""
    chance = random.Random(1)
    moments = arrivals(capacity * peak, seconds / 3, seconds, chance)
    began, running = time.time(), []
    print(f"{'second':>7} {'come/s':>7} {'answered/s':>11} {'waiting':>8} {'wait p50':>9} {'p95':>7} {'danger p50':>11} {'max':>7}", flush=True)
    printed = asyncio.create_task(_report(crowd, began, seconds))
    for number, at in enumerate(moments):
        await asyncio.sleep(max(0.0, began + at - time.time()))
        danger = number % DANGER == DANGER - 1
        words = chance.choice(_EMERGENCIES if danger else _QUESTIONS)
        running.append(asyncio.create_task(crowd.write(words, danger=danger)))
    await asyncio.gather(*running)
    await printed
    while len(crowd.answered()) < len(crowd.posted) and time.time() - began < seconds + 90:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    waits = crowd.answered()
    ordinary = [wait for phone, wait in waits.items() if phone not in crowd.danger]
    urgent = [wait for phone, wait in waits.items() if phone in crowd.danger]
    left = len(crowd.posted) - len(waits)
    print(f"all: {len(waits)} answered, {left} not, {crowd.refused} refused at the door; backlog gone after {max(crowd.posted[p] + w for p, w in waits.items()) - began:.0f} s")
    print(f"ordinary {_shown(ordinary)}; danger {_shown(urgent)}")


async def _report(crowd: Crowd, began: float, seconds: float) -> None:
    for number in range(1, int(seconds // _BIN) + 1):
        await asyncio.sleep(max(0.0, began + number * _BIN - time.time()))
        first, last = began + (number - 1) * _BIN, began + number * _BIN
        waits = crowd.answered()
        come = sum(first <= at < last for at in crowd.posted.values())
        done = {phone: wait for phone, wait in waits.items() if first <= crowd.posted[phone] + wait < last}
        ordinary = [wait for phone, wait in done.items() if phone not in crowd.danger]
        urgent = [wait for phone, wait in done.items() if phone in crowd.danger]
        print(
            f"{number * _BIN:>7.0f} {come / _BIN:>7.1f} {len(done) / _BIN:>11.1f} {len(crowd.posted) - len(waits):>8} "
            f"{_quantile(ordinary, 50):>8.1f}s {_quantile(ordinary, 95):>6.1f}s {_quantile(urgent, 50):>10.1f}s {max(urgent, default=math.nan):>6.1f}s",
            flush=True,
        )


def _quantile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else values[0] if values else math.nan


def _shown(waits: Sequence[float]) -> str:
    return f"{len(waits)}: wait p50 {_quantile(waits, 50):.1f} s, p95 {_quantile(waits, 95):.1f} s, longest {max(waits, default=math.nan):.1f} s"


async def run(seconds: float, peak: float, share: float) -> None:
    """Measure, simulate, and put the figures beside the true size."""
    with tempfile.TemporaryDirectory(prefix="hotline-launch-") as name:
        meta = await WhatsAppServer().start()
        service = Serving(Path(name) / "data", {
            "HOTLINE_WHATSAPP__TOKEN": meta.token, "HOTLINE_WHATSAPP__PHONE_ID": meta.phone_id, "HOTLINE_WHATSAPP__APP_SECRET": meta.app_secret,
            "HOTLINE_WHATSAPP__VERIFY_TOKEN": "word", "HOTLINE_WHATSAPP__API_URL": meta.url,
        })  # fmt: skip
        try:
            await asyncio.to_thread(service.run, "train")  # when the shipped model does not fit the content
            await asyncio.to_thread(service.start)
            hook = f"{service.url}/whatsapp/webhook"
            await saturate(Crowd(meta, hook, _numbers=itertools.count(4_000_000)))  # warm
            capacity = await saturate(Crowd(meta, hook, _numbers=itertools.count(5_000_000)))
            print(f"saturated: {capacity:.0f} messages/s answered by one process on this machine", flush=True)
            await simulate(Crowd(meta, hook), capacity, peak, seconds)
        finally:
            service.stop()
            service.kill()
            await meta.stop()
    print(f"\nat the true size ({AUDIENCE:,} hear it):")
    for part in sorted({0.005, 0.01, 0.02, 0.05, share}):
        callers = peak_callers(part)
        print(f"{part:>6.1%} write: {callers:>5.0f} new callers/s at first, {callers * MESSAGES:>5.0f} messages/s at most: {callers * MESSAGES / capacity:>5.1f} × this process")


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description="Launch day on television.")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--peak", type=float, default=3.0)
    parser.add_argument("--share", type=float, default=0.02)
    asked = parser.parse_args()
    asyncio.run(run(asked.seconds, asked.peak, asked.share))


if __name__ == "__main__":
    main()
