"""``make bench-live``: how long a settlement takes to the screens, live and polled; memory; what telling costs.

A PostgreSQL of its own that syncs to the disk, ``rufaa gateway``, a worker that settles, and here the screens: a
WebSocket each, all on one machine. Times are of the system's monotonic clock, from just before COMMIT is sent to the
message at the screen. Prints tables and writes JSON (``--json``). Figures depend on the machine and on what else it
does: compare within one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Final

import uvloop
from processes import Gateway, Worker
from screens import Live, Polling, Screen, all_of
from town import Town, database

PEOPLE: Final = 10
"""Who watch each referral, each as another person: they share no run."""
PATIENCE_S: Final = 15.0
"""How long screens are waited for; those that saw nothing by then count with that time, and as late."""
START_S: Final = 20.0
"""How long they are waited for before anything is measured."""


@dataclass(frozen=True, slots=True)
class Scene:
    """``people`` each watch ``referrals`` that wait for their money on ``copies`` screens; a settlement pays ``paid``.

    Screens of one person and referral share a run.
    """

    name: str
    referrals: int
    people: int
    copies: int
    paid: int
    settlements: int
    rounds: int  # the scene is set up so many times
    polled: int = 0  # and so many times for screens that poll

    @property
    def screens(self) -> int:
        return self.referrals * self.people * self.copies


SCENES: Final = (
    Scene("2,000 screens, 100 affected", 200, PEOPLE, 1, paid=10, settlements=12, rounds=1, polled=1),
    Scene("2,000 screens, 100 affected, shared", 20, 1, 100, paid=1, settlements=15, rounds=1),
    Scene("100 screens, all affected", 10, PEOPLE, 1, paid=10, settlements=1, rounds=6, polled=2),
    Scene("100 screens, all affected, shared", 1, 1, 100, paid=1, settlements=1, rounds=15),
    Scene("1 screen", 1, 1, 1, paid=1, settlements=1, rounds=40, polled=6),
)
HEAD: Final = ("screens", "samples", "p50 ms", "p99 ms", "worst", "late", "c50 ms", "c99 ms", "busy ms")
POLLED_SETTLEMENTS: Final = 3
REPORTED_AFTER_S: Final = 12.0
"""An idle session of PostgreSQL has reported what it counted after 10 s."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds from COMMIT to the screen, in the order of ``HEAD``."""

    scene: str
    way: str
    screens: int
    samples: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    late: int  # screens that had seen nothing after PATIENCE_S
    commit_p50_ms: float  # what COMMIT took by itself: the disk's part
    commit_p99_ms: float
    busy_ms: float  # the gateway's processor time for each settlement


@dataclass(slots=True)
class Measured:
    """Seconds from COMMIT to each affected screen, of COMMIT itself, and of the gateway's processor between the two."""

    latencies: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    busy_s: list[float] = field(default_factory=list)

    def figures(self, scene: Scene, way: str) -> Figures:
        def at(share: float, seconds: Sequence[float]) -> float:
            return round(1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))], 1)

        return Figures(
            scene=scene.name,
            way=way,
            screens=scene.screens,
            samples=len(self.latencies),
            p50_ms=at(0.5, self.latencies),
            p99_ms=at(0.99, self.latencies),
            worst_ms=at(1.0, self.latencies),
            late=sum(each >= PATIENCE_S for each in self.latencies),
            commit_p50_ms=at(0.5, self.commits),
            commit_p99_ms=at(0.99, self.commits),
            busy_ms=round(1000 * sum(self.busy_s) / len(self.busy_s), 1),
        )


# --- screens --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Stage:
    """What the scenes are played on."""

    gateway: Gateway
    town: Town
    worker: Worker

    async def play(self, scene: Scene, way: type[Live | Polling], *, settlements: int, into: Measured) -> float:
        """Settle, and see when the screens see it. Returns bytes of the gateway's memory that each screen took."""
        left = await asyncio.to_thread(self.town.waiting, scene.referrals)
        screens = [
            Screen(referral, self.town.tokens[person])
            for referral, person, _ in product(left, range(scene.people), range(scene.copies))
        ]
        before = self.gateway.resident
        async with way(self.gateway.url, screens):
            await all_of(screens, lambda each: each.shown.wait(), within_s=START_S)  # not all that poll get that far
            memory = (self.gateway.resident - before) / len(screens)
            for _ in range(settlements):
                paid, left = left[: scene.paid], left[scene.paid :]
                await self._settle(paid, [each for each in screens if each.referral in paid], into)
        return memory

    async def _settle(self, referrals: Sequence[str], affected: Sequence[Screen], into: Measured) -> None:
        """Pay ``referrals``; what the ``affected`` screens show of the way there is awaited before."""
        prompts = await asyncio.to_thread(self.town.ask, referrals)
        await all_of(affected, lambda each: each.asked.wait(), within_s=PATIENCE_S)
        await asyncio.to_thread(self.town.report, prompts)
        busy_s = self.gateway.cpu_s
        told = await asyncio.to_thread(self.worker.settle)
        await all_of(affected, lambda each: each.paid.wait(), within_s=PATIENCE_S)
        into.commits.append(told["done"] - told["commit"])
        into.busy_s.append(self.gateway.cpu_s - busy_s)
        into.latencies += [each.paid_at - told["commit"] if each.paid.is_set() else PATIENCE_S for each in affected]


async def measure(stage: Stage) -> tuple[list[Figures], dict[str, float]]:
    """Each figure is printed as soon as it is there."""
    found: list[Figures] = []

    def told(row: Figures) -> None:
        found.append(row)
        print(f"{row.scene:36} {row.way:8}" + "".join(f"{number:9}" for number in astuple(row)[2:]), flush=True)

    print(f"{'COMMIT to screen':36} {'way':8}" + "".join(f"{word:>9}" for word in HEAD), flush=True)
    memory: dict[str, float] = {}
    for scene in SCENES:
        live = Measured()
        for number in range(scene.rounds):
            each = await stage.play(scene, Live, settlements=scene.settlements, into=live)
            if number == 0 and scene.screens >= 1000:
                memory[scene.name] = round(each / 1000, 1)
        told(live.figures(scene, "live"))
        polled = Measured()
        for _ in range(scene.polled):
            await stage.play(scene, Polling, settlements=min(scene.settlements, POLLED_SETTLEMENTS), into=polled)
        if polled.latencies:
            told(polled.figures(scene, "polling"))
    return found, memory


# --- what telling costs settlement ----------------------------------------------------------------------------------


def measure_settlement(url: str, town: Town, worker: Worker, *, batch: int) -> dict[str, float]:
    """Microseconds a payment of settling ``batch`` callbacks at once, and how many of them are spent on telling.

    PostgreSQL counts the latter itself: with triggers switched off and on in turns the difference is lost in noise.
    """
    import psycopg

    def pay(number: int) -> None:
        town.report(town.ask(town.waiting(number)))

    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET track_functions = 'all'")
        admin.execute("SELECT pg_reload_conf()")
        pay(1)
        worker.settle()  # from here on its session counts
        pay(batch)
        time.sleep(REPORTED_AFTER_S)
        before = telling(admin, calls=0)
        told = worker.settle()
        after = telling(admin, calls=before[0] + 2)
    assert told["taken"] == batch, told
    took_s, telling_ms = told["done"] - told["began"], after[1] - before[1]
    return {"settling": round(took_s / batch * 1e6), "of it telling": round(telling_ms / batch * 1e3)}


def telling(admin: Any, *, calls: int) -> tuple[int, float]:
    """How often referrals were told of, and milliseconds of all telling, once sessions have reported ``calls``."""
    until = time.monotonic() + 3 * REPORTED_AFTER_S
    while True:
        admin.execute("SELECT pg_stat_clear_snapshot()")
        row = admin.execute(
            "SELECT coalesce(sum(calls) FILTER (WHERE funcname = 'referral_is_live'), 0), coalesce(sum(total_time), 0)"
            " FROM pg_stat_user_functions WHERE funcname ~ '_(is|are)_live$'"
        ).fetchone()
        if row[0] >= calls:
            return int(row[0]), float(row[1])
        if time.monotonic() > until:
            raise RuntimeError("PostgreSQL did not count")
        time.sleep(0.5)


# --- all of it ------------------------------------------------------------------------------------------------------


def measured() -> tuple[list[Figures], dict[str, float], dict[str, float]]:
    with database() as url:
        town, worker, gateway = Town(PEOPLE), Worker(url), Gateway(url)
        try:
            found, memory = uvloop.run(measure(Stage(gateway, town, worker)))
        finally:
            gateway.close()
        try:
            return found, memory, measure_settlement(url, town, worker, batch=200)
        finally:
            worker.close()


def main() -> None:
    options = argparse.ArgumentParser(prog="make bench-live", description="Measure live queries.")
    options.add_argument("--json", type=Path, default=Path("bench-live.json"), help="where to write the figures")
    given = options.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    load_before = os.getloadavg()
    found, memory, cost = measured()
    print(f"kB of the gateway's memory a screen: {memory}")
    print(f"µs a payment, settled 200 at once: {cost}")
    report = {
        "cpus": os.cpu_count(),
        "load_before": load_before,
        "figures": [asdict(row) for row in found],
        "screen_kb": memory,
        "settlement_us": cost,
    }
    given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
