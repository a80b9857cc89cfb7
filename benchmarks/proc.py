"""Processes as /proc tells of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """Times are of the processor, in seconds; ``ended_s`` is of its children that have ended and were waited for."""

    number: int
    parent: int
    group: int
    own_s: float
    ended_s: float


def process(number: int) -> Process:
    """Raises ``OSError`` where it has ended."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    user, system, ended_user, ended_system = map(int, fields[11:15])
    return Process(
        number, int(fields[1]), int(fields[2]), (user + system) / _TICKS, (ended_user + ended_system) / _TICKS
    )


def processes() -> Iterator[Process]:
    """All that live."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                yield process(int(folder.name))
            except OSError:  # it has ended
                continue
