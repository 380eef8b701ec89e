"""When a caller may be written to without having asked: by day where they are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

FIRST, LAST = time(9), time(20)  # from, and to before

# A country with several zones is named by its outermost ones where callers live: it must be day in both.
_ZONES = {
    "RU": ("Europe/Moscow", "Asia/Vladivostok"), "KZ": ("Asia/Almaty",), "KG": ("Asia/Bishkek",), "TJ": ("Asia/Dushanbe",),
    "UZ": ("Asia/Tashkent",), "TM": ("Asia/Ashgabat",), "TR": ("Europe/Istanbul",), "KR": ("Asia/Seoul",), "AE": ("Asia/Dubai",),
    "PL": ("Europe/Warsaw",), "DE": ("Europe/Berlin",), "CZ": ("Europe/Prague",), "LT": ("Europe/Vilnius",), "LV": ("Europe/Riga",),
    "BY": ("Europe/Minsk",), "AZ": ("Asia/Baku",), "CN": ("Asia/Shanghai",), "JP": ("Asia/Tokyo",), "SA": ("Asia/Riyadh",),
    "QA": ("Asia/Qatar",), "US": ("America/New_York", "America/Los_Angeles"),
}  # fmt: skip


def zones(stay: str, default: ZoneInfo) -> Sequence[ZoneInfo]:
    """The time zones of a country of stay; `default` when it is unknown."""
    return [ZoneInfo(name) for name in _ZONES.get(stay, ())] or [default]


def next_day_time(now: datetime, stay: str, default: ZoneInfo) -> datetime:
    """`now` when it is day for the caller, else the next moment that is."""
    places = zones(stay, default)
    moment = now
    for _ in range(8):  # each step ends the night in one zone; two zones agree after a few
        blocked = [_night_ends(moment, zone) for zone in places if not _is_day(moment, zone)]
        if not blocked:
            return moment
        moment = max(blocked)
    return moment


def _is_day(moment: datetime, zone: ZoneInfo) -> bool:
    return FIRST <= moment.astimezone(zone).time() < LAST


def _night_ends(moment: datetime, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    day = local.date() if local.time() < FIRST else local.date() + timedelta(days=1)
    return datetime.combine(day, FIRST, zone).astimezone(moment.tzinfo)
