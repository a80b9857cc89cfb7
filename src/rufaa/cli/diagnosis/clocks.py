"""This machine's clock against others. A prompt carries our time, in East Africa Time (daraja.md §3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from rufaa import clock
from rufaa.cli.diagnosis.finding import Finding, ok, problem, warning

_WARN_S: Final = 30
_WRONG_S: Final = 300
_DO: Final = "Have this machine's clock set by NTP (timedatectl set-ntp true), and the other one's too."


def compared(code: str, whose: str, *, ahead_s: float) -> Finding:
    """``ahead_s``: by how many seconds this machine is ahead of the other."""
    size = abs(ahead_s)
    way = "ahead of" if ahead_s > 0 else "behind"
    told = f"This machine is {size:.0f} s {way} {whose}." if size >= 1 else f"This machine agrees with {whose}."
    if size > _WRONG_S:
        return problem(code, told, _DO)
    return warning(code, told, _DO) if size > _WARN_S else ok(code, told)


def timestamp(now: datetime) -> Finding:
    return ok("timestamp", f"A prompt sent now carries {clock.daraja_timestamp(now)}, East Africa Time.")


def moved(offset: timedelta) -> Finding:
    if offset:
        return problem(
            "clock-moved",
            f"The database's own clock is moved by {offset.total_seconds():.0f} s, as tests do.",
            "Use another database: this one was used for tests.",
        )
    return ok("clock-moved", "The database's own clock is not moved.")
