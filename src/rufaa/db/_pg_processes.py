"""Which PostgreSQL processes work in a cluster's folder: what the pid file says, and what is true.

Reads only; never signals.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What ``postmaster.pid`` says. Empty strings for lines that are not written yet."""

    pid: int
    socket_folder: str
    status: str  # starting, ready, stopping, standby


def read_postmaster(cluster: Path) -> Postmaster | None:
    """The pid file of ``cluster``; None if there is none, or one without a number in its first line."""
    try:
        lines = (cluster / "postmaster.pid").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return Postmaster(
            pid=int(lines[0]),
            socket_folder=lines[4] if len(lines) > 4 else "",
            status=lines[7].strip() if len(lines) > 7 else "",
        )
    except (FileNotFoundError, IndexError, ValueError):
        return None


def can_look() -> bool:
    """Whether ``at_work_in`` can see processes here (Linux)."""
    return (_PROC / "self" / "cwd").exists()


def at_work_in(cluster: Path) -> frozenset[int]:
    """The living PostgreSQL processes whose working folder is ``cluster``: a postmaster and its children, or orphans.

    PostgreSQL enters its cluster when it starts and never leaves it. An operator's shell in there is not PostgreSQL.
    Empty where ``can_look()`` is false.
    """
    found: set[int] = set()
    try:
        wanted = cluster.stat()
    except FileNotFoundError:
        return frozenset()
    if not can_look():
        return frozenset()
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it ended meanwhile, is a zombie, or is not ours to see
                at = (entry / "cwd").stat()
                if os.path.samestat(at, wanted) and (entry / "comm").read_bytes().strip() == b"postgres":
                    found.add(int(entry.name))
    return frozenset(found)


def is_alive(pid: int) -> bool:
    """Whether any process has this number now, zombies included."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
