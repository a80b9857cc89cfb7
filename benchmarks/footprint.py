"""Footprint: the memory of all processes of ``rufaa serve``, PostgreSQL's too, how long a start takes, and what is done
while nobody asks for anything.

Memory is the proportional share of each process (Pss): what processes share is counted once. A start is from the
command to the first 200 of ``/readyz``; meanwhile a small sum is worked out again and again, and how much longer than
its own processor time that took says how busy the machine was. Processor time of a start is that of all processes, also
of those that have ended by then.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from figures import Figure
from proc import Process, process, processes
from processes import answers
from town import SECRET, folder, set_up

from ports import free_port

STARTS: Final = 5
"""Of each kind: with an empty folder, and with one that has been filled."""
REFERRALS: Final = 10_000
IDLE_S: Final = 20.0
SETTLES_S: Final = 90.0
"""After a start: by then unused connections are closed (after 60 s) and nothing is left to be done."""
_PATIENCE_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Started:
    seconds: float
    cpu_s: float
    busy: float  # seconds that took a second of processor time meanwhile


class Served:
    """``rufaa serve`` on a free port of 127.0.0.1, over ``data``. It has answered once this is made."""

    def __init__(self, data: Path) -> None:
        port = free_port()
        settings = {
            "RUFAA_DATA": str(data),
            "RUFAA_HOST": "127.0.0.1",
            "RUFAA_PORT": str(port),
            "RUFAA_MODE": "demo",
            "RUFAA_SECRET_KEYS": SECRET,
        }
        inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rufaa", "serve"],
            env=inherited | settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        busy = _Busy()
        while not answers(f"http://127.0.0.1:{port}/readyz"):
            if self._process.poll() is not None or time.monotonic() > began + _PATIENCE_S:
                self.close()
                raise RuntimeError("rufaa serve did not answer")
            busy.work()
        self.started = Started(time.monotonic() - began, self.cpu_s, busy.told)

    @property
    def cpu_s(self) -> float:
        """Processor time of all its processes, and of those that were waited for."""
        return sum(each.own_s + each.ended_s for each in self._tree())

    def pss(self) -> dict[str, float]:
        """MB of each process's share, by what it is; PostgreSQL is one."""
        shares: dict[str, float] = {}
        for each in self._tree():
            name = _name(each.number)
            shares[name] = shares.get(name, 0.0) + _pss(each.number) / 1e6
        return shares

    def connections(self) -> int:
        """Sessions of PostgreSQL that we hold."""
        return sum("[local]" in _command(each.number) for each in self._tree())

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tree(self) -> list[Process]:
        children: dict[int, list[Process]] = {}
        for each in processes():
            children.setdefault(each.parent, []).append(each)
        tree = [process(self._process.pid)]
        for each in tree:  # it grows while it is gone through
            tree += children.get(each.number, [])
        return tree


class _Busy:
    """How much longer work takes here than its own processor time: about 1 on an idle machine."""

    def __init__(self) -> None:
        self._seconds = self._cpu_s = 0.0

    def work(self) -> None:
        """For about 2 ms of a processor, and a pause after it."""
        began, cpu = time.monotonic(), time.process_time()
        sum(range(50_000))
        self._seconds += time.monotonic() - began
        self._cpu_s += time.process_time() - cpu
        time.sleep(0.05)

    @property
    def told(self) -> float:
        return self._seconds / self._cpu_s if self._cpu_s else 1.0


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _name(pid: int) -> str:
    """``serve``, ``gateway``, ``worker``, or ``postgres``."""
    words = _command(pid).split()
    return words[words.index("rufaa") + 1] if "-m" in words and "rufaa" in words else "postgres"


def _pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def measured(quick: bool) -> list[Figure]:
    starts, settles_s = (1, 5.0) if quick else (STARTS, SETTLES_S)
    with folder() as kept:
        _closed(kept, lambda _: _fill(kept, 1000 if quick else REFERRALS))
        empty: list[Started] = []
        filled: list[Started] = []
        for _ in range(starts):
            with folder() as fresh:
                empty.append(_closed(fresh, lambda _: None))
            filled.append(_closed(kept, lambda _: None))
        found: list[Figure] = []
        _closed(kept, lambda served: found.extend(_at_rest(served, settles_s)))
    return [*found, *_of_starts("with a filled folder", filled, 3.0), *_of_starts("with an empty one", empty, 6.0)]


def _at_rest(served: Served, settles_s: float) -> list[Figure]:
    time.sleep(settles_s)
    began, cpu = time.monotonic(), served.cpu_s
    time.sleep(IDLE_S)
    share = 100 * (served.cpu_s - cpu) / (time.monotonic() - began)
    shares = served.pss()
    return [
        Figure("memory at rest, all processes", (sum(shares.values()),), "MB", goal=250.0, at_least=False),
        *(Figure(f"  {name}", (share_mb,), "MB") for name, share_mb in shares.items()),
        Figure("  sessions of PostgreSQL", (float(served.connections()),), ""),
        Figure("processor at rest", (share,), "% of a core", goal=1.0, at_least=False),
    ]


def _of_starts(words: str, starts: list[Started], goal_s: float) -> list[Figure]:
    return [
        Figure(f"start {words}", tuple(each.seconds for each in starts), "s", goal=goal_s, at_least=False),
        Figure("  processor time of it", tuple(each.cpu_s for each in starts), "s"),
        Figure("  the machine was busy", tuple(each.busy for each in starts), "times"),
    ]


def _closed(data: Path, work: Callable[[Served], Any]) -> Started:
    """Start, ``work``, stop."""
    served = Served(data)
    try:
        work(served)
    finally:
        served.close()
    return served.started


def _fill(data: Path, referrals: int) -> None:
    """Referrals into the database that runs over ``data``."""
    from rufaa.db.embedded import running_url

    url = running_url(data)
    assert url is not None
    set_up(url)
    from crowd import many
    from rufaa.cli.migrate import close_connections
    from support import make_world

    many(make_world(), referrals)
    close_connections()
