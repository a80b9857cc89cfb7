"""A rate limit as a pure function: the generic cell rate algorithm over one instant that the caller keeps.

The instant is the theoretical arrival time (TAT) of the next request; one column of a database row holds it, so that
all processes share one budget. Nothing is stored, awaited or read from a clock here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Admission:
    """How many may go now, what to store, and when one more may go (``now`` if at once)."""

    granted: int
    tat: datetime
    next_free_at: datetime


def admit(tat: datetime | None, now: datetime, *, interval_s: float, burst: int, wanted: int) -> Admission:
    """Grant up to ``wanted`` requests: on average one per ``interval_s`` seconds, at most ``burst`` at once.

    In any window of w seconds at most ``burst + w / interval_s`` are granted, as long as ``now`` does not run
    backwards. If it does, or the limits were changed, a stored ``tat`` too far ahead is pulled back to one full burst,
    so that the wait is bounded. "5 per 60 s, burst 1" of the STK query (daraja.md §5) is interval 12, burst 1.
    ``tat`` None means never used. Exact: whole microseconds, the resolution of a timestamptz.
    """
    if not 0 < interval_s < math.inf or burst < 1 or wanted < 0:
        raise ValueError("interval_s must be positive, burst at least 1, wanted not negative")
    interval = _in_microseconds(interval_s)
    room_at_most = burst * interval
    ahead = 0 if tat is None else min(max(0, (tat - now) // _MICROSECOND), room_at_most)
    granted = min(wanted, (room_at_most - ahead) // interval)
    ahead += granted * interval
    return Admission(
        granted=granted,
        tat=now + ahead * _MICROSECOND,
        next_free_at=now + max(0, ahead - room_at_most + interval) * _MICROSECOND,
    )


def without_burst(tat: datetime | None, now: datetime, *, interval_s: float, burst: int) -> datetime:
    """The ``tat`` to store so that one request may go now, and each next one an interval later, whatever was saved up.

    What ``tat`` holds back already stays held back.
    """
    least = now + (burst - 1) * _in_microseconds(interval_s) * _MICROSECOND
    return least if tat is None else max(tat, least)


def _in_microseconds(interval_s: float) -> int:
    # Through decimal text, since 0.000253 * 1_000_000 is 253.00000000000003; rounded up: never faster than allowed.
    return max(1, math.ceil(Decimal(str(interval_s)).scaleb(6)))
