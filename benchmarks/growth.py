"""Growth: the same ``doings``, pages and rounds of workers, with ten thousand referrals in the database and a million.

Two PostgreSQLs that sync to the disk, with the settings that they always have, and a process at each, which does the
same in turn with the other; each doing some times before it is measured. ``make bench-growth`` has ten million.

A doing's *p99* is of the wall. Its *processor* is the time that the process and its PostgreSQL backend used of it: what
else the machine does hardly shows there, nor does waiting for a disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from figures import Figure, machine, print_table, quantile, write_json
from town import environment, postgres, set_up

SMALL: Final = 10_000
LARGE: Final = 1_000_000
LARGEST: Final = 10_000_000
GOAL: Final = 1.3
ROUNDS: Final = 5
TIMES: Final = 100
SETTLED: Final = 4
"""Batches of 500 in a round: each uses up as many referrals whose prompt rings, which both databases have besides."""
_WARM: Final = 20
_BYTES_EACH: Final = 9_000
"""A referral with all that belongs to it, and its indexes, and what making those takes for a while."""
_SPARE: Final = 4_000_000_000
"""Of the log that PostgreSQL writes ahead, and for others."""


class DiskTooSmall(Exception):
    """Nothing was made."""


@dataclass(frozen=True, slots=True)
class Took:
    wall_ms: float
    cpu_ms: float


class Doer:
    """A PostgreSQL of its own, and a process that does things there."""

    def __init__(self, database_url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | environment(database_url) | {"RUFAA_POOL_SIZE": "1"},
        )

    def fill(self, count: int, *, ringing: int) -> None:
        """Migrate it, and put in ``count`` referrals, and so many more whose prompt rings."""
        self.ask({"fill": count, "ringing": ringing})

    def do(self, name: str, times: int) -> list[Took]:
        return [Took(*each) for each in self.ask({"do": name, "times": times})]

    def ask(self, command: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        while not (line := self._process.stdout.readline()).startswith('{"told"'):
            if not line:
                raise RuntimeError(f"the process ended at {command}")
        return json.loads(line)["told"]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


@contextmanager
def doer() -> Iterator[Doer]:
    with postgres() as server:
        doing = Doer(server.url())
        try:
            yield doing
        finally:
            doing.close()


def measured(quick: bool) -> list[Figure]:
    if quick:
        return against(SMALL // 10, SMALL, rounds=2, times=20, settled=1)
    return against(SMALL, LARGE, rounds=ROUNDS, times=TIMES, settled=SETTLED)


def against(small: int, large: int, *, rounds: int, times: int, settled: int) -> list[Figure]:
    """All doings at ``large`` referrals against those at ``small``."""
    look_at_disk(large)
    set_up("postgresql://127.0.0.1:1/nowhere")  # what there is to do is looked up here, and done elsewhere
    from doings import BATCH, DOINGS, SETTLE

    took: dict[str, list[tuple[list[Took], list[Took]]]] = {name: [] for name in DOINGS}
    with ExitStack() as both:
        few, many = both.enter_context(doer()), both.enter_context(doer())
        for each, count in ((few, small), (many, large)):
            each.fill(count, ringing=BATCH * (settled * rounds + 1))
        for name, rounds_of_it in took.items():
            once = 1 if name == SETTLE else _WARM
            few.do(name, once), many.do(name, once)
            for _ in range(rounds):
                rounds_of_it.append(_in_turn(few, many, name, settled if name == SETTLE else times))
        for each in (few, many):
            each.ask({"check": True})
    return [figure for name, rounds_of_it in took.items() for figure in _figures(name, rounds_of_it, small)]


def _in_turn(few: Doer, many: Doer, name: str, times: int) -> tuple[list[Took], list[Took]]:
    """A few here, a few there: what comes over the machine meanwhile comes over both."""
    here: list[Took] = []
    there: list[Took] = []
    few_times = max(1, times // 10)
    while len(here) < times:
        here += few.do(name, few_times)
        there += many.do(name, few_times)
    return here, there


def _figures(name: str, rounds: Sequence[tuple[list[Took], list[Took]]], small: int) -> list[Figure]:
    limit = f"at {small:,} referrals"

    def figure(claim: str, pick: Any, share: float, goal: float | None) -> Figure:
        pairs = [tuple(quantile([pick(each) for each in side], share) for side in both) for both in rounds]
        return Figure(
            claim,
            tuple(there for _, there in pairs),
            "ms",
            limit=limit,
            ratios=tuple(there / here for here, there in pairs),
            goal=goal,
            at_least=False,
        )

    return [
        figure(f"{name}, p50", lambda each: each.wall_ms, 0.5, None),
        figure("  p99", lambda each: each.wall_ms, 0.99, GOAL),
        figure("  processor, p50", lambda each: each.cpu_ms, 0.5, None),
        figure("  processor, p99", lambda each: each.cpu_ms, 0.99, GOAL),
    ]


def look_at_disk(count: int) -> None:
    """Raises ``DiskTooSmall``."""
    where = tempfile.gettempdir()
    free, wanted = shutil.disk_usage(where).free, count * _BYTES_EACH + _SPARE
    if free < wanted:
        raise DiskTooSmall(
            f"{count:,} referrals take about {wanted / 1e9:.0f} GB in {where}, and {free / 1e9:.0f} GB are free there."
            " TMPDIR=… names another folder."
        )


# --- the process at one database -----------------------------------------------------------------------------------


def serve() -> None:
    """A command in JSON on each line of standard input, and what it came to on standard output."""
    set_up(os.environ["DATABASE_URL"])
    from doings import DOINGS, Known, freshen, known
    from support import check_books

    who: Known | None = None
    for line in sys.stdin:
        command = json.loads(line)
        told: object = None
        if "fill" in command:
            _fill(command["fill"], command["ringing"])
        elif "check" in command:
            check_books()
        else:
            who = who or known()
            freshen()
            told = _times(DOINGS[command["do"]], who, command["times"])
        print(json.dumps({"told": told}), flush=True)


def _fill(count: int, ringing: int) -> None:
    from rufaa.cli.migrate import migrate
    from rufaa.config import config
    from support import make_world
    from years import Live, grown

    migrate(config())
    grown(make_world(), os.environ["DATABASE_URL"], count, Live(ringing=ringing, asked=40, due=40))


def _times(doing: Any, who: Any, times: int) -> list[tuple[float, float]]:
    """``times`` of them. One whose connection the pool replaced meanwhile has no processor time, and is done again."""
    from support import value

    took: list[tuple[float, float]] = []
    while len(took) < times:
        done = doing.begin(who, len(took))
        backend = Path(f"/proc/{value('SELECT pg_backend_pid()')}/schedstat")  # of the one connection of this process
        with suppress(FileNotFoundError):
            cpu, began = _cpu_ms(backend), time.perf_counter()
            done()
            ended = time.perf_counter()
            took.append(((ended - began) * 1000, _cpu_ms(backend) - cpu))
    return took


def _cpu_ms(backend: Path) -> float:
    """Of this process and of its backend, since they began."""
    return time.process_time() * 1000 + int(backend.read_text().split()[0]) / 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-growth", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--referrals", type=int, default=LARGEST)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve()
        return 0
    about = machine()
    try:
        found = against(SMALL, options.referrals, rounds=ROUNDS, times=TIMES, settled=SETTLED)
    except DiskTooSmall as refused:
        print(refused, file=sys.stderr)
        return 1
    print_table(f"Growth to {options.referrals:,} referrals", found)
    if options.json is not None:
        write_json(options.json, {"growth": found}, about)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
