"""When the desk is open: weekly hours in a time zone, and holidays. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.errors import SettingsError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"^(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+(?P<hours>[\d:,\s-]+)$")
_TIMES = re.compile(r"^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$")
_DAY_MINUTES = 24 * 60
_LOOK_AHEAD = 14  # days searched for the next opening


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans of minutes for each weekday (Monday is 0)."""

    zone: ZoneInfo
    week: tuple[tuple[tuple[int, int], ...], ...]
    holidays: frozenset[date] = frozenset()

    @classmethod
    def parse(cls, hours: str, zone: str, holidays: str = "", setting: str = "HOTLINE_DESK_HOURS") -> Self:
        """Read "Mon-Fri 09:00-13:00,14:00-18:00; Sat 10:00-14:00"; raises SettingsError that names the `setting`."""
        week: list[list[tuple[int, int]]] = [[] for _ in _DAYS]
        for part in filter(None, (p.strip().lower() for p in hours.split(";"))):
            found = _SPAN.match(part)
            if not found or found["first"] not in _DAYS or (found["last"] or "mon") not in _DAYS:
                raise SettingsError(f"{setting}: {part!r} does not read like 'Mon-Fri 09:00-18:00'.")
            first = _DAYS.index(found["first"])
            last = _DAYS.index(found["last"] or found["first"])
            days = range(first, last + 1) if first <= last else [*range(first, 7), *range(last + 1)]
            for day in days:
                week[day] += [_span(times.strip(), setting) for times in found["hours"].split(",")]
        try:
            days_off = frozenset(date.fromisoformat(day) for day in holidays.replace(",", " ").split())
        except ValueError as error:
            raise SettingsError(f"HOTLINE_DESK_HOLIDAYS: {error}") from error
        try:
            return cls(ZoneInfo(zone), tuple(tuple(sorted(day)) for day in week), days_off)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SettingsError(f"HOTLINE_DESK_ZONE: there is no time zone {zone!r}; write one like Asia/Almaty.") from error

    def is_open(self, now: datetime) -> bool:
        """Whether the desk is open by the clock."""
        local = now.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        return any(start <= minute < end for start, end in self._spans(local.date()))

    def opens_at(self, now: datetime) -> datetime | None:
        """When it opens next, in UTC; None when it is open now or not within two weeks."""
        if self.is_open(now):
            return None
        today = now.astimezone(self.zone).date()
        for ahead in range(_LOOK_AHEAD):
            day = today + timedelta(days=ahead)
            for start, _ in self._spans(day):
                moment = datetime.combine(day, time(start // 60, start % 60), self.zone).astimezone(UTC)
                if moment > now:
                    return moment
        return None

    def _spans(self, day: date) -> tuple[tuple[int, int], ...]:
        return () if day in self.holidays else self.week[day.weekday()]


def _span(times: str, setting: str) -> tuple[int, int]:
    found = _TIMES.match(times)
    if found:
        start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        if 0 <= start < end <= _DAY_MINUTES:
            return start, end
    raise SettingsError(f"{setting}: {times!r} does not read like '09:00-18:00'.")
