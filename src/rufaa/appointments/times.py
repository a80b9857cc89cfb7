"""Days and times of day as people and front ends write them, in East Africa Time. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final

from rufaa.clock import EAT
from rufaa.errors import InvalidArgument, sentence

_TIME: Final = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?::00)?\s*([ap])?\.?\s*(?:m\.?)?", re.IGNORECASE)


def day_of(text: str, *, argument: str) -> date:
    """The day ``2026-11-23``. Raises ``InvalidArgument``, also of days that no month has."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidArgument(
            sentence("%(argument)s is not a date: write it as 2026-11-23.", argument=argument), argument=argument
        ) from None


def time_of(text: str, *, argument: str) -> time:
    """The time of day ``09:30``, ``9:30 AM``, ``2pm``. Raises ``InvalidArgument``."""
    found = _TIME.fullmatch(text.strip())
    if found is not None:
        hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
        if half and 1 <= hour <= 12 and minute < 60:
            return time(hour % 12 + (12 if half == "p" else 0), minute)
        if not half and found[2] is not None and hour < 24 and minute < 60:
            return time(hour, minute)
    raise InvalidArgument(
        sentence("%(argument)s is not a time of day: write it as 09:30.", argument=argument), argument=argument
    )


def instant(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=EAT)


def today(now: datetime) -> date:
    return now.astimezone(EAT).date()


def begin_of(day: date) -> datetime:
    return instant(day, time(0))


def clock_time(moment: datetime) -> str:
    """``09:30``."""
    return moment.astimezone(EAT).strftime("%H:%M")


def whole_day(day: date) -> tuple[datetime, datetime]:
    """Its beginning, and that of the next."""
    return begin_of(day), begin_of(day + timedelta(days=1))
