"""The one clock of Python code, and East Africa Time.

Decisions about money take their time from PostgreSQL (``rufaa_now()``); this clock stamps what goes to Daraja and what
has no database at hand. Instants are aware datetimes in UTC; M-Pesa speaks EAT, UTC+3 the whole year (daraja.md §3).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

EAT: Final = timezone(timedelta(hours=3), "EAT")


def now() -> datetime:
    return datetime.now(UTC)


def uptime_s() -> float:
    """A clock that runs on while the machine is suspended, where there is one; of this boot alone."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def daraja_timestamp(instant: datetime) -> str:
    """``YYYYMMDDHHmmss`` in EAT, as STK push and query want it."""
    return instant.astimezone(EAT).strftime("%Y%m%d%H%M%S")


def from_daraja_timestamp(text: str) -> datetime:
    """The instant behind a 14-digit EAT stamp. Raises ``ValueError`` on anything else."""
    if len(text) != 14 or not text.isascii() or not text.isdigit():
        raise ValueError(f"not a Daraja timestamp: {text[:20]!r}")
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=EAT).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not a Daraja timestamp: {text!r}") from None


def to_ms(instant: datetime) -> float:
    """Milliseconds since 1970 as a float, the form of Convex's ``_creationTime``."""
    return instant.timestamp() * 1000
